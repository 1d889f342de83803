import { expect } from 'chai';
import fc from 'fast-check';
import { attempted, isLive, isToken, newToken, tokenHash } from '../../core/token.js';
import { aToken, HOUR, MINUTE, NOW } from '../support/builders.js';

describe('one-time tokens (wire.md 6)', () => {
  it('are 32 random bytes in base64url: 43 characters', () => {
    const tokens = Array.from({ length: 200 }, newToken);
    for (const token of tokens) {
      expect(Buffer.from(token, 'base64url')).to.have.length(32);
      expect(token).to.match(/^[A-Za-z0-9_-]{43}$/);
      expect(isToken(token)).to.equal(true);
    }
    expect(new Set(tokens).size).to.equal(200);
  });

  it('are stored under their SHA-256 and not in clear', () => {
    expect(tokenHash('abc')).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  for (const text of [
    '',
    'a'.repeat(42),
    'a'.repeat(44),
    `${'a'.repeat(42)}+`,
    `${'a'.repeat(43)}\n`,
    '../'.repeat(15),
  ]) {
    it(`have another form than ${JSON.stringify(text)}`, () => expect(isToken(text)).to.equal(false));
  }

  for (const [name, token, now, live] of [
    ['fresh', aToken(), NOW, true],
    ['a moment before 24 h', aToken(), NOW + 24 * HOUR - 1, true],
    ['at 24 h', aToken(), NOW + 24 * HOUR, false],
    ['complete', aToken({ completedAt: NOW }), NOW + 1, false],
  ] as const) {
    it(`${live ? 'live' : 'are dead'}: ${name}`, () => expect(isLive(token, now)).to.equal(live));
  }

  it('live one hour from the first attempt', () => {
    const token = attempted(aToken(), 'one', NOW + 10 * MINUTE);
    expect(token).to.include({ attempt: 'one', firstAttemptAt: NOW + 10 * MINUTE });
    expect(isLive(token, NOW + 70 * MINUTE - 1)).to.equal(true);
    expect(isLive(token, NOW + 70 * MINUTE)).to.equal(false);
  });

  it('never live longer for an attempt shortly before their end', () => {
    expect(attempted(aToken(), 'one', NOW + 24 * HOUR - MINUTE).expiresAt).to.equal(NOW + 24 * HOUR);
  });

  it('belong to the newest attempt, and no later attempt moves the deadline', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: HOUR - 1 }), { minLength: 1, maxLength: 10 }), (delays) => {
        const times = delays.sort((a, b) => a - b).map((delay) => NOW + delay);
        const token = times.reduce((t, now, i) => attempted(t, `attempt ${i}`, now), aToken());
        expect(token.expiresAt).to.equal((times[0] ?? 0) + HOUR);
        expect(token.firstAttemptAt).to.equal(times[0]);
        expect(token.attempt).to.equal(`attempt ${times.length - 1}`);
      }),
    );
  });

  it('keep what has left already when a new attempt begins', () => {
    expect(attempted(aToken({ spans: [[0, 100]] }), 'two', NOW).spans).to.deep.equal([[0, 100]]);
  });
});
