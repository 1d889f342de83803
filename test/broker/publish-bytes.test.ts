import { expect } from 'chai';
import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { publishBytes } from '../../broker/publish-bytes.js';

const topics = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
const qualities = fc.constantFrom(0, 1, 2) as fc.Arbitrary<0 | 1 | 2>;

describe('the bytes of a PUBLISH', () => {
  it('are those that mqtt-packet makes', () => {
    const payloads = fc.uint8Array({ maxLength: 300 });
    const ids = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(topics, payloads, qualities, fc.boolean(), ids, (topic, bytes, qos, retain, messageId) => {
        const payload = Buffer.from(bytes);
        const expected = generate({ cmd: 'publish', topic, payload, qos, retain, dup: false, messageId });
        expect(publishBytes({ topic, payload, qos, retain }, messageId).equals(expected)).to.equal(true);
      }),
    );
  });

  for (const length of [0, 120, 121, 16_376, 16_377, 2_097_144, 2_097_145]) {
    it(`are so too with ${length} bytes of payload, where the length takes one byte more`, () => {
      const message = { topic: '/a/b', payload: Buffer.alloc(length, 7), qos: 0 as const, retain: false };
      expect(publishBytes(message, 0).equals(generate({ cmd: 'publish', dup: false, ...message }))).to.equal(
        true,
      );
    });
  }
});
