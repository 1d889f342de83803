import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { Offline } from '../../../scripts/connect/offline.js';
import { Seen } from '../../../scripts/connect/seen.js';
import { NOW, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { FakeClock } from '../../support/fake-clock.js';

const MAC = '5CCF7F1A2B3C';
const KEY = 'a'.repeat(64);

describe('what a gateway tells devices while its server is away', () => {
  let offline: Offline;
  beforeEach(() => {
    offline = new Offline(new Seen(10), new FakeClock());
  });

  function request(
    change: { method?: string; url?: string; headers?: Record<string, string> } = {},
  ): IncomingMessage {
    const message = new IncomingMessage(new Socket());
    return Object.assign(message, {
      method: 'POST',
      url: '/device/register',
      headers: { authentication: KEY },
      ...change,
    });
  }
  const checkIn = (facts: object = {}) =>
    Buffer.from(
      JSON.stringify({ registration: { mac: MAC, udid: UDID, owner: OWNER, alias: 'unnamed', ...facts } }),
    );
  const okay = (change: object = {}) =>
    Buffer.from(
      JSON.stringify({
        registration: {
          success: true,
          status: 'OK',
          auto_update: true,
          owner: OWNER,
          alias: 'hall',
          udid: UDID,
          ...change,
        },
      }),
    );
  const offer = (udid = UDID) =>
    Buffer.from(
      JSON.stringify({
        registration: {
          status: 'FIRMWARE_UPDATE',
          auto_update: true,
          udid,
          version: '1',
          url: 'u',
          ott: 'o',
        },
      }),
    );

  /** The status and the body that a device gets. */
  function answer(asked: IncomingMessage, body: Buffer): string {
    const response = new ServerResponse(asked);
    const pieces: string[] = [];
    response.end = (piece: unknown) => {
      pieces.push(String(piece));
      return response;
    };
    offline.answer(asked, body, response);
    return `${response.statusCode} ${pieces.join('')}`;
  }
  const NO = '503 {"success":false,"response":"uplink_down"}';
  const ok = (change: object = {}): string => {
    const registration = {
      success: true,
      status: 'OK',
      auto_update: true,
      owner: OWNER,
      alias: 'hall',
      udid: UDID,
      timestamp: Math.floor(NOW / 1000),
    };
    return `200 ${JSON.stringify({ registration: { ...registration, ...change } })}`;
  };

  it('is OK, as the server said it last, to a device it has seen', () => {
    offline.learn(request(), checkIn(), okay());
    expect(answer(request(), checkIn())).to.equal(ok());
    offline.learn(request(), checkIn(), okay({ alias: 'attic', auto_update: false }));
    expect(answer(request(), checkIn())).to.equal(ok({ alias: 'attic', auto_update: false }));
  });

  it('goes by the MAC where the device tells no UDID, in whatever spelling', () => {
    offline.learn(request(), checkIn({ udid: undefined }), okay());
    expect(answer(request(), checkIn({ udid: undefined, mac: '5c:cf:7f:1a:2b:3c' }))).to.equal(ok());
  });

  it('takes the key wherever the server takes it', () => {
    offline.learn(request(), checkIn(), okay());
    expect(answer(request({ headers: { authorization: `Bearer ${KEY}` } }), checkIn())).to.equal(ok());
  });

  it('is to come again to everybody else: another key, another device, no check-in', () => {
    offline.learn(request(), checkIn(), okay());
    expect(answer(request({ headers: { authentication: 'b'.repeat(64) } }), checkIn())).to.equal(NO);
    expect(answer(request({ headers: {} }), checkIn())).to.equal(NO);
    expect(answer(request(), checkIn({ udid: OTHER_UDID, mac: 'AABBCCDDEEFF' }))).to.equal(NO);
    for (const body of ['', '{', 'null', '{"registration":{}}', '{"registration":[]}'])
      expect(answer(request(), Buffer.from(body)), body).to.equal(NO);
    expect(answer(request({ url: '/device/firmware' }), checkIn())).to.equal(NO);
    expect(answer(request({ method: 'GET' }), checkIn())).to.equal(NO);
  });

  it('knows a device that was offered an update, by what it said of itself and the server took', () => {
    offline.learn(request(), checkIn({ alias: 'cellar' }), offer());
    expect(answer(request(), checkIn())).to.equal(ok({ alias: 'cellar' }));
  });

  it('keeps what the server said of a device when that is offered an update', () => {
    offline.learn(request(), checkIn(), okay({ auto_update: false }));
    offline.learn(request(), checkIn({ alias: 'cellar' }), offer());
    expect(answer(request(), checkIn())).to.equal(ok({ auto_update: false }));
  });

  it('learns nothing from what makes no sense', () => {
    for (const text of [
      '',
      '{',
      '{"registration":{}}',
      JSON.stringify({ registration: { status: 'OK', owner: 'x', udid: UDID } }),
    ])
      offline.learn(request(), checkIn(), Buffer.from(text));
    offline.learn(request(), checkIn(), okay({ udid: 'x' }));
    offline.learn(request(), checkIn({ owner: undefined }), offer());
    offline.learn(request({ url: '/device/firmware' }), checkIn(), okay());
    expect(answer(request(), checkIn())).to.equal(NO);
  });
});
