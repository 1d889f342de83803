import { expect } from 'chai';
import { isOwnerId, isSecret, keyId, newSecret, sameDigest, sha256 } from '../../core/account.js';

describe('owners and keys (wire.md, words)', () => {
  it('issues 64 characters of [0-9a-f], each time others', () => {
    const secrets = Array.from({ length: 200 }, newSecret);
    for (const secret of secrets) {
      expect(secret).to.match(/^[0-9a-f]{64}$/);
      expect(isSecret(secret)).to.equal(true);
      expect(isOwnerId(secret)).to.equal(true);
    }
    expect(new Set(secrets).size).to.equal(200);
  });

  for (const [name, text, owner, secret] of [
    ['64 hex digits', '0a'.repeat(32), true, true],
    ['64 of [a-z0-9], of an existing fleet', 'z9'.repeat(32), true, false],
    ['65 of [a-z0-9]', 'z'.repeat(65), true, false],
    ['128 of [a-z0-9]', 'z'.repeat(128), true, false],
    ['63 hex digits', 'a'.repeat(63), false, false],
    ['upper case', 'A'.repeat(64), false, false],
    ['a line end', `${'a'.repeat(64)}\n`, false, false],
    ['a slash', `${'a'.repeat(63)}/`, false, false],
    ['a wildcard', `${'a'.repeat(64)}#`, false, false],
    ['nothing', '', false, false],
  ] as const) {
    it(`${name}: ${owner ? 'an' : 'no'} owner id, ${secret ? 'a' : 'no'} key`, () => {
      expect(isOwnerId(text)).to.equal(owner);
      expect(isSecret(text)).to.equal(secret);
    });
  }

  it('keeps the SHA-256 of a key, and shows no more than its beginning', () => {
    const hash = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(sha256('abc')).to.equal(hash);
    expect(sha256(Buffer.from('abc'))).to.equal(hash);
    expect(keyId(hash)).to.equal('ba7816bf8f01cfea');
  });

  for (const [a, b, same] of [
    ['', '', true],
    [sha256('a'), sha256('a'), true],
    [sha256('a'), sha256('b'), false],
    [sha256('a'), sha256('a').slice(1), false],
    ['é', 'ee', false],
  ] as const) {
    it(`compares ${a.slice(0, 8)} and ${b.slice(0, 8)} without throwing: ${same}`, () => {
      expect(sameDigest(a, b)).to.equal(same);
    });
  }
});
