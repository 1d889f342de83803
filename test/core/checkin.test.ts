import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { readCheckIn, readStatus, readText, registrationOf, updaterError } from '../../core/checkin.js';
import { aCheckIn, aCheckInBody, OWNER, UDID } from '../support/builders.js';

const status = (payload: unknown) =>
  readStatus(Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)));

describe('a check-in (wire.md 2)', () => {
  it('is read member by member', () => {
    expect(status(aCheckInBody())).to.deep.equal({ kind: 'check-in', facts: aCheckIn() });
  });

  it('may miss each member', () => {
    for (const name of Object.keys(aCheckInBody().registration)) {
      const { [name]: _, ...rest } = aCheckInBody().registration;
      const key = name === 'env_hash' ? 'envHash' : name;
      const { [key]: __, ...facts } = { ...aCheckIn() } as Record<string, unknown>;
      expect(readCheckIn(rest), name).to.deep.equal(facts);
    }
  });

  const members: [name: string, member: Record<string, unknown>, facts: Record<string, unknown>][] = [
    ['a MAC with colons in lower case', { mac: '5c:cf:7f:1a:2b:3c' }, { mac: '5CCF7F1A2B3C' }],
    ['the 14 digits of an ESP32', { mac: '5CCF7F1A2B3C4D' }, { mac: '5CCF7F1A2B3C4D' }],
    ['a MAC that is none', { mac: 'unknown' }, {}],
    ['a UDID that is none', { udid: '0' }, {}],
    ['no alias of its own', { alias: 'unnamed' }, {}],
    ['the text "null" that the device stored for a missing alias', { alias: 'null' }, {}],
    ['an alias', { alias: 'kitchen' }, { alias: 'kitchen' }],
    ['an empty version', { version: '' }, {}],
    ['a version as a number', { version: 5 }, { version: '5' }],
    ['a member of a wrong type', { platform: { a: 1 }, version: null, rssi: [] }, {}],
    ['auto update, as text', { auto_update: 'true' }, { autoUpdate: true }],
    ['auto update, as a boolean', { auto_update: false }, { autoUpdate: false }],
    ['auto update, as nonsense', { auto_update: 'perhaps' }, {}],
    ['members unknown so far', { __proto__: { x: 1 }, hello: 'x' }, {}],
  ];
  for (const [name, member, facts] of members) {
    it(`with ${name}`, () => expect(readCheckIn(member)).to.deep.equal(facts));
  }

  it('says that it had `fcid` even if that is empty: its presence chooses the form of the answer', () => {
    expect(readCheckIn({ fcid: '' })).to.have.property('fcid');
    expect(readCheckIn({})).to.not.have.property('fcid');
  });

  it('is the registration object, if that has at least one member', () => {
    expect(registrationOf({ registration: { mac: 'x' } })).to.deep.equal({ mac: 'x' });
    for (const body of [
      {},
      { registration: {} },
      { registration: [] },
      { registration: 'x' },
      null,
      [],
      'x',
      5,
    ])
      expect(registrationOf(body), JSON.stringify(body)).to.equal(undefined);
  });

  for (const [name, text, expected] of [
    ['longer than 256 characters', 'x'.repeat(300), 'x'.repeat(256)],
    ['cut within a character', `${'x'.repeat(255)}😀`, `${'x'.repeat(255)}\ufffd`],
    ['with control characters', ' a\n\u0000b\u007f', 'a  b'],
  ] as const) {
    it(`reads text ${name}`, () => expect(readText(text)).to.equal(expected));
  }

  it('has no text longer than 256 characters, and no control characters in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const read = readText(text);
        if (read === undefined) return;
        expect(read.length).to.be.within(1, 256);
        expect(read).to.not.match(/\p{Cc}/u);
        expect(read.isWellFormed()).to.equal(true);
      }),
    );
  });

  it('keeps nothing of a long text beyond what is read of it', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const held = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = held();
    // Each in a text of its own, as it comes out of a packet.
    const read = Array.from({ length: 200 }, (_, n) => readText(`${n}\u20ac${'x'.repeat(64 * 1024)}`));
    expect(held() - before).to.be.below(2 ** 20);
    expect(read.every((text) => text?.length === 256)).to.equal(true);
  });
});

describe('a status payload (wire.md 1 and 2)', () => {
  const texts: [payload: string, text: string][] = [
    ['', ''],
    ['owner', 'owner'],
    ['update_started', 'update_started'],
    ['{ "status" : "disconnected" }', 'disconnected'],
    ['{"status":"connected"}', 'connected'],
    ['{"registration":{"status":"update_started","udid":"x"}}', 'update_started'],
    ['{"registration":{}}', '{"registration":{}}'],
    ['{"registration":', '{"registration":'],
    ['null', 'null'],
    ['[1]', '[1]'],
    ['5', '5'],
  ];
  for (const [payload, text] of texts) {
    it(`${JSON.stringify(payload)} is a status text, not to be answered`, () => {
      expect(status(payload)).to.deep.equal({ kind: 'status', text });
    });
  }

  it('is a check-in with the smallest registration', () => {
    expect(status('{"registration":{"mac":"5CCF7F1A2B3C"}}')).to.deep.equal({
      kind: 'check-in',
      facts: { mac: '5CCF7F1A2B3C' },
    });
  });

  it('never throws, whatever the bytes', () => {
    const deep = fc.constantFrom('['.repeat(100_000), '{"registration":'.repeat(20_000));
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify({ registration: value }))),
      fc
        .dictionary(
          fc.constantFrom(...Object.keys(aCheckInBody().registration), 'auto_update', '__proto__'),
          fc.jsonValue(),
        )
        .map((registration) => Buffer.from(JSON.stringify({ registration }))),
      deep.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(payload, (bytes) => {
        expect(readStatus(bytes).kind).to.be.oneOf(['check-in', 'status']);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the updater's error in a check-in (wire.md 2)", () => {
  for (const text of ['Wrong MD5', 'Not Enough space', 'File Not Found (404)', 'Verify Bin Header Failed']) {
    it(`is "${text}", in a message that is still a check-in`, () => {
      const message = status(aCheckInBody({ status: text }));
      expect(message).to.deep.equal({ kind: 'check-in', facts: aCheckIn({ status: text }) });
      expect(updaterError(aCheckIn({ status: text }))).to.equal(text);
    });
  }

  for (const text of ['Registered', 'registered', 'OK', 'connected', 'update_started']) {
    it(`is not "${text}"`, () => expect(updaterError(aCheckIn({ status: text }))).to.equal(undefined));
  }

  it('is none if there is no status', () => {
    expect(updaterError({ owner: OWNER, udid: UDID })).to.equal(undefined);
  });
});
