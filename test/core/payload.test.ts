import { expect } from 'chai';
import fc from 'fast-check';
import {
  cancelPayload,
  MAX_PAYLOAD_BYTES,
  okPayload,
  plainUpdatePayload,
  updatePayload,
} from '../../core/payload.js';
import { newToken } from '../../core/token.js';
import { NOW, OWNER, UDID } from '../support/builders.js';

const TOKEN = 'T'.repeat(43);
const PLAIN = '{"registration":';
const FLAGGED = '{"FIRMWARE_UPDATE":true,"registration":';

const owner = fc.stringMatching(/^[0-9a-f]{64}$|^[a-z0-9]{64,128}$/);
const udid = fc.stringMatching(/^[0-9a-fA-F-]{36}$/);
const version = fc.stringMatching(/^[0-9A-Za-z.+_:-]{1,64}$/);
const alias = fc.oneof(
  fc.string({ maxLength: 256 }),
  fc.string({ unit: 'binary', maxLength: 256 }),
  fc.string({
    unit: fc.constantFrom('}', '{', '"', '\\', ' ', '\n', '\0', '😀', 'é', '\uD800'),
    maxLength: 256,
  }),
);
const ok = fc
  .record({ owner, udid, alias, autoUpdate: fc.boolean() })
  .map((device) => okPayload(device, NOW));
const anyPayload = fc.oneof(
  ok,
  fc.tuple(udid, version).map(([u, v]) => updatePayload(u, v, newToken())),
  fc.tuple(udid, version).map(([u, v]) => plainUpdatePayload(u, v, newToken())),
  fc.tuple(udid, version).map(([u, v]) => cancelPayload(u, v)),
);

/** What a payload costs the device's parser: `16*members + sum(len(key)+1) + sum(len(string)+1)`. */
function parserBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [key, member]) => sum + 16 + Buffer.byteLength(key) + 1 + parserBytes(member),
    0,
  );
}

describe('the three payloads, to the byte (wire.md 3)', () => {
  it('OK', () => {
    const device = { owner: OWNER, udid: UDID, alias: 'kitchen', autoUpdate: false };
    expect(okPayload(device, 1_750_000_000_999)).to.equal(
      `{"registration":{"success":true,"status":"OK","auto_update":false,"owner":"${OWNER}","alias":"kitchen",` +
        `"udid":"${UDID}","timestamp":1750000000}}`,
    );
  });

  const inner =
    `{"status":"FIRMWARE_UPDATE","auto_update":true,"udid":"${UDID}","version":"1.1.0",` +
    `"url":"/device/firmware?ott=${TOKEN}","ott":"${TOKEN}"}`;

  it('FIRMWARE_UPDATE over MQTT, and over HTTP with `fcid`', () => {
    expect(updatePayload(UDID, '1.1.0', TOKEN)).to.equal(`${FLAGGED}${inner}}`);
  });

  it('FIRMWARE_UPDATE over HTTP without `fcid`', () => {
    expect(plainUpdatePayload(UDID, '1.1.0', TOKEN)).to.equal(`${PLAIN}${inner}}`);
  });

  it('Cancel: without the outer flag, `url` and `ott` empty', () => {
    expect(cancelPayload(UDID, '1.1.0')).to.equal(
      `{"registration":{"status":"FIRMWARE_UPDATE","auto_update":true,"udid":"${UDID}","version":"1.1.0","url":"","ott":""}}`,
    );
  });

  for (const text of ['', '   ', '\n', '}}', '{}']) {
    it(`OK never carries an empty alias: ${JSON.stringify(text)}`, () => {
      const payload = okPayload({ owner: OWNER, udid: UDID, alias: text, autoUpdate: true }, NOW);
      expect(JSON.parse(payload).registration.alias).to.be.a('string').and.not.equal('');
    });
  }
});

describe('every payload (wire.md 3)', () => {
  const holds = (name: string, check: (payload: string) => void) =>
    it(name, () => fc.assert(fc.property(anyPayload, check), { numRuns: 500 }));

  holds('is compact JSON', (payload) => {
    expect(JSON.stringify(JSON.parse(payload))).to.equal(payload);
    expect(payload.replace(/"(\\.|[^"\\])*"/g, '""')).to.not.match(/\s/);
  });

  holds('begins exactly as the devices look for it', (payload) => {
    expect(payload.startsWith(PLAIN) || payload.startsWith(FLAGGED)).to.equal(true);
  });

  holds('has exactly one `}}` and that at the end', (payload) => {
    expect(payload.indexOf('}}')).to.equal(payload.length - 2);
  });

  holds('nests no object in registration', (payload) => {
    for (const value of Object.values(JSON.parse(payload).registration)) expect(value).to.not.be.an('object');
  });

  holds('has at most 400 bytes', (payload) => {
    expect(MAX_PAYLOAD_BYTES).to.equal(400);
    expect(Buffer.byteLength(payload)).to.be.at.most(400);
  });

  holds("fits the device's parser", (payload) => {
    expect(parserBytes(JSON.parse(payload))).to.be.at.most(512);
  });

  it('OK has a non-empty owner and alias, the alias of at most 100 bytes and whole characters', () => {
    fc.assert(
      fc.property(ok, (payload) => {
        const { registration } = JSON.parse(payload);
        expect(registration.owner)
          .to.be.a('string')
          .and.match(/^[a-z0-9]{64,}$/);
        expect(registration.alias).to.be.a('string').and.not.equal('');
        expect(Buffer.byteLength(registration.alias)).to.be.at.most(100);
        expect(registration.alias.isWellFormed()).to.equal(true);
      }),
    );
  });
});
