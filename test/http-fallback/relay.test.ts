import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { LightMyRequestResponse } from 'fastify';
import { UNWATCHED } from '../../core/limits.js';
import { Relays } from '../../http-fallback/relay/relays.js';
import { readTicket, TICKET_TYPE, type Ticket } from '../../http-fallback/relay/ticket.js';
import { aFirmware, UDID } from '../support/builders.js';
import { CollectingLog } from '../support/collecting-log.js';
import { FakeClock } from '../support/fake-clock.js';
import {
  anImage,
  asOwner,
  checkIn,
  type HttpApp,
  type HttpAppOptions,
  offeredToken,
  post,
  publish,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, rawGet } from '../support/raw-tcp.js';

const SIZE = 300_000;
const IDLE_MS = 1000;
const RELAY = { 'firmwire-relay': '1' };

describe('what a gateway does with a token (docs/gateway.md)', () => {
  const image = anImage(SIZE);
  let http: HttpApp;
  let clock: FakeClock;
  let token: string;

  const start = async (options: HttpAppOptions = {}) => {
    clock = new FakeClock();
    http = await startHttpApp({ relayClock: clock, idleMs: IDLE_MS, ...options });
    token = await offeredToken(http, image);
  };
  const redeem = (headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
    http.app.inject({ url: `/device/firmware?ott=${token}`, headers: { ...RELAY, ...headers } });
  const ticketFor = async (headers: Record<string, string> = {}): Promise<Ticket> => {
    const answer = await redeem(headers);
    const ticket = readTicket(answer.body);
    if (!ticket) throw new Error(`no ticket: ${answer.statusCode} ${answer.body}`);
    return ticket;
  };
  const body = ({ attempt }: Ticket, range?: string): Promise<LightMyRequestResponse> =>
    http.app.inject({ url: `/relay/${attempt}/body`, headers: range === undefined ? {} : { range } });
  const say = async ({ attempt }: Ticket, step: string, facts: object = {}): Promise<string> => {
    const answer = await http.app.inject({
      method: 'POST',
      url: `/relay/${attempt}/${step}`,
      payload: facts,
    });
    return `${answer.statusCode} ${answer.body}`;
  };
  const OVER = '409 {"success":false,"response":"attempt_over"}';
  const YES = '204 ';
  const stateOf = async () => (await http.domain.records.get(UDID))?.update?.state;

  const ended = () => Object.keys(http.telemetry.counts).filter((what) => what.startsWith('download '));
  const end = async () => {
    // What was begun and not ended would be waited for.
    clock.advance(IDLE_MS);
    await http.close();
  };

  beforeEach(() => start());
  afterEach(() => end());

  it('gets a ticket that says what the device is to be answered, to the byte', async () => {
    const answer = await redeem();
    expect(answer.headers['content-type']).to.equal(TICKET_TYPE);
    expect(answer.headers.connection).to.not.equal('close');
    const ticket = await ticketFor();
    expect(ticket.sha256).to.equal(createHash('sha256').update(image).digest('hex'));
    expect([ticket.size, ticket.span, ticket.idleMs]).to.deep.equal([SIZE, [0, SIZE], IDLE_MS]);
    const direct = await exchange(await http.listen(), rawGet(`/device/firmware?ott=${token}`));
    const lines = Object.entries(ticket.headers).map(([name, value]) => `${name}: ${value}`);
    expect([ticket.status, lines]).to.deep.equal([direct.status, direct.headerLines]);
  });

  it('has the bytes, all of them or the rest, and they are counted', async () => {
    const ticket = await ticketFor();
    expect((await body(ticket)).rawPayload.equals(image)).to.equal(true);
    const rest = await body(ticket, 'bytes=299000-');
    expect([rest.statusCode, rest.headers['content-range']]).to.deep.equal([
      206,
      `bytes 299000-299999/${SIZE}`,
    ]);
    expect(rest.rawPayload.equals(image.subarray(299_000))).to.equal(true);
    expect((await body(ticket, `bytes=${SIZE}-`)).statusCode).to.equal(416);
    expect(http.telemetry.bytes).to.equal(SIZE + 1000);
  });

  it('uses the token up once the last piece was asked for, and not before', async () => {
    const ticket = await ticketFor();
    expect(await say(ticket, 'progress', { sent: SIZE })).to.equal(YES);
    expect(await stateOf()).to.equal('downloading');
    expect(await say(ticket, 'last')).to.equal(YES);
    expect((await redeem()).statusCode).to.equal(404);
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(YES);
    expect(await stateOf()).to.equal('downloaded');
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(OVER);
    expect((await body(ticket)).statusCode).to.equal(409);
    expect(ended()).to.deep.equal(['download completed']);
  });

  it('that claims all without having asked for the last piece completes nothing', async () => {
    const ticket = await ticketFor();
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(YES);
    expect(await stateOf()).to.equal('downloading');
    expect((await redeem({ range: 'bytes=0-9' })).statusCode).to.equal(200);
  });

  it('whose device broke off may try again, and ranges add up', async () => {
    const first = await ticketFor();
    await say(first, 'end', { sent: 1000, whole: false });
    const rest = await ticketFor({ range: 'bytes=1000-' });
    expect([rest.status, rest.span]).to.deep.equal([206, [1000, SIZE]]);
    expect(await say(rest, 'last')).to.equal(YES);
    expect(await say(rest, 'end', { sent: SIZE, whole: true })).to.equal(YES);
    expect(await stateOf()).to.equal('downloaded');
  });

  it('loses to a newer attempt, by a gateway or without one', async () => {
    for (const newer of [
      () => ticketFor(),
      async () => exchange(await http.listen(), rawGet(`/device/firmware?ott=${token}`)),
    ]) {
      const older = await ticketFor();
      await newer();
      for (const step of ['progress', 'last', 'end'])
        expect(await say(older, step, { sent: 1 })).to.equal(OVER);
    }
  });

  it('loses when the firmware is withdrawn', async () => {
    const ticket = await ticketFor();
    const { firmware } = (await asOwner(http, 'GET', '/firmware')).json();
    await asOwner(http, 'DELETE', `/firmware/${firmware[0].id}`);
    expect(await say(ticket, 'last')).to.equal(OVER);
  });

  it('loses when it does not move for as long as a download may stand still', async () => {
    const ticket = await ticketFor();
    clock.advance(IDLE_MS - 1);
    await say(ticket, 'progress', { sent: 1000 });
    clock.advance(IDLE_MS - 1);
    // Saying the same again is no movement.
    expect(await say(ticket, 'progress', { sent: 1000 })).to.equal(YES);
    clock.advance(1);
    expect(await say(ticket, 'last')).to.equal(OVER);
    await http.domain.transfers.idle();
    expect(ended()).to.deep.equal(['download broken']);
    expect(clock.pending).to.equal(0);
  });

  it('that is never heard of again after the last piece was granted has handed it over, perhaps', async () => {
    const ticket = await ticketFor();
    await say(ticket, 'last');
    clock.advance(IDLE_MS);
    await http.domain.transfers.idle();
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(OVER);
    expect((await redeem()).statusCode).to.equal(404);
    expect(ended()).to.deep.equal(['download broken']);
  });

  it('is cut off in the middle of the bytes when the attempt is over', async () => {
    await end();
    const large = anImage(12_000_000);
    await start();
    await publish(http, large, '1.2.0');
    token = String((await checkIn(http))['ott']);
    const ticket = await ticketFor();
    const port = await http.listen();
    const asked = httpRequest({ port, path: `/relay/${ticket.attempt}/body` }).end();
    const [answer] = await once(asked, 'response');
    await once(answer, 'readable');
    await ticketFor();
    let arrived = 0;
    answer.on('data', (bytes: Buffer) => {
      arrived += bytes.length;
    });
    const [error] = await once(answer, 'error');
    expect(error.code).to.equal('ECONNRESET');
    expect(arrived).to.be.below(large.length);
  });

  it('is given the time that the bytes take, however slow the uplink is, as long as they move', async () => {
    await end();
    const large = anImage(16_000_000);
    await start();
    await publish(http, large, '1.2.0');
    token = String((await checkIn(http))['ott']);
    const ticket = await ticketFor();
    const asked = httpRequest({ port: await http.listen(), path: `/relay/${ticket.attempt}/body` }).end();
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    let arrived = 0;
    for await (const bytes of answer ?? []) {
      const before = arrived;
      arrived += bytes.length;
      // Now and then almost too much time passes; not at the end, which the sockets hold between them.
      const isAtMark = Math.floor(arrived / 4_500_000) > Math.floor(before / 4_500_000);
      if (isAtMark && arrived < 10_000_000) clock.advance(IDLE_MS - 1);
    }
    expect(arrived).to.equal(large.length);
    expect(await say(ticket, 'last')).to.equal(YES);
  });

  it('loses, too, when it is cut in the moment in which it begins', async () => {
    const ended: unknown[] = [];
    const relays = new Relays(
      clock,
      IDLE_MS,
      { bytesPerSecond: 0, everyMs: 1, watch: UNWATCHED },
      new CollectingLog(),
    );
    const ticket = await relays.begin(
      async (abort) => {
        abort();
        return {
          firmware: aFirmware(),
          udid: UDID,
          progress: () => undefined,
          beforeLastPiece: async () => true,
          end: async (...how: unknown[]) => void ended.push(how),
        };
      },
      { span: [0, 9], partial: false },
      {},
    );
    expect(() => relays.get(ticket.attempt)).to.throw('is over');
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).to.deep.equal([[[0, 0], false, false]]);
    expect([relays.count, clock.pending]).to.deep.equal([0, 0]);
  });

  it('loses when it is slower than a download may be', async () => {
    await end();
    await start({ paceMs: 20, settings: { limits: { downloadBytesPerSecond: 1_000_000_000 } } });
    const ticket = await ticketFor();
    await http.domain.transfers.idle();
    expect(await say(ticket, 'last')).to.equal(OVER);
    expect(ended()).to.deep.equal(['download broken']);
  });

  it('finds no room where there are as many downloads as there may be', async () => {
    await end();
    await start({ settings: { limits: { downloads: 1 } } });
    await ticketFor();
    const answer = await redeem();
    expect(`${answer.statusCode} ${answer.body}`).to.equal(
      '503 {"success":false,"response":"too_many_downloads"}',
    );
  });

  it('tells the owner how far it is', async () => {
    const ticket = await ticketFor();
    for (const sent of [1, 30_000, 150_000]) await say(ticket, 'progress', { sent });
    const steps = http.events.flatMap(({ progress }) => (progress === undefined ? [] : [progress]));
    expect(steps).to.deep.equal([10, 50]);
  });

  it('gets a ticket for a simple transfer, too', async () => {
    const answer = await post(
      http,
      '/device/firmware',
      { mac: '5CCF7F1A2B3C', udid: UDID },
      {
        authentication: http.credentials.deviceKey,
        ...RELAY,
      },
    );
    expect(readTicket(answer.body)?.size, answer.body).to.equal(SIZE);
  });

  it('is answered failures as a device is', async () => {
    token = 'A'.repeat(43);
    const answer = await redeem();
    expect(`${answer.statusCode} ${answer.body}`).to.equal(
      '404 {"success":false,"response":"OTT_UPDATE_NOT_FOUND"}',
    );
  });

  it('is told no for names that never were, and for what makes no sense', async () => {
    const ticket = await ticketFor();
    expect(await say({ ...ticket, attempt: 'A'.repeat(43) }, 'last')).to.equal(OVER);
    for (const sent of [undefined, -1, 1.5, '7', Number.MAX_VALUE])
      expect(await say(ticket, 'progress', { sent })).to.equal(
        '400 {"success":false,"response":"field_invalid"}',
      );
    expect(await say(ticket, 'nonsense')).to.match(/^404 /);
  });

  it('may end what it has begun while the server drains, and begins nothing', async () => {
    const ticket = await ticketFor();
    http.state = 'draining';
    expect((await redeem()).statusCode).to.equal(503);
    expect(await say(ticket, 'last')).to.equal(YES);
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(YES);
    expect(await stateOf()).to.equal('downloaded');
  });

  it('is refused the last piece when completion cannot be recorded', async () => {
    await end();
    await start({
      wrapTokens: (tokens) => ({ ...tokens, complete: () => Promise.reject(new Error('disk full')) }),
    });
    const ticket = await ticketFor();
    expect(await say(ticket, 'last')).to.match(/^500 /);
    expect(await say(ticket, 'end', { sent: SIZE, whole: true })).to.equal(OVER);
    expect(ended()).to.deep.equal(['download failed']);
    expect(await stateOf()).to.equal('downloading');
  });

  it('nothing of an attempt is in the log', async () => {
    const ticket = await ticketFor();
    await say(ticket, 'nonsense');
    await say(ticket, 'last');
    await say(ticket, 'end', { sent: 5 });
    await say(ticket, 'end', { sent: 5 });
    expect(http.logs.join()).to.include('attempt_over').and.to.not.include(ticket.attempt);
  });
});

describe('readTicket', () => {
  const good = {
    attempt: 'a'.repeat(43),
    status: 200,
    headers: { 'Content-Length': 1, ETag: 'x' },
    sha256: '0'.repeat(64),
    size: 2,
    span: [0, 1],
    idleMs: 1,
  };
  it('reads what the server writes, and nothing else', () => {
    expect(readTicket(JSON.stringify(good))).to.deep.equal(good);
    const bad = [
      { attempt: 'a' },
      { status: 201 },
      { headers: [] },
      { headers: { a: {} } },
      { sha256: '0'.repeat(63) },
      { size: -1 },
      { span: [1, 1] },
      { span: [0, 3] },
      { span: [0] },
      { idleMs: '1' },
    ];
    for (const change of bad)
      expect(readTicket(JSON.stringify({ ...good, ...change })), JSON.stringify(change)).to.equal(undefined);
    for (const text of ['', 'null', '[]', '{']) expect(readTicket(text)).to.equal(undefined);
  });
});
