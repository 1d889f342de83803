import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { FirmwireError } from '../../../core/errors.js';
import { publicHalf, readPublicKey, signerId } from '../../../core/signing/keys.js';
import {
  type Claims,
  encodeClaims,
  MAX_MANIFEST_BYTES,
  MAX_SEQUENCE,
  readManifest,
} from '../../../core/signing/manifest.js';
import { openedBefore, openManifest, signManifest } from '../../../core/signing/sign.js';
import { OWNER } from '../../support/builders.js';
import { aPair, RFC_8032_KEY, someClaims } from '../../support/signing.js';

const codeOf = (action: () => unknown): unknown => {
  try {
    action();
    return 'no failure';
  } catch (error) {
    return error instanceof FirmwireError ? error.code : error;
  }
};

const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));

const anyClaims: fc.Arbitrary<Claims> = fc.record({
  owner: fc.constantFrom(OWNER, 'z'.repeat(128)),
  platform: fc.stringMatching(/^[A-Za-z0-9_.-]{1,32}(:[A-Za-z0-9_.-]{1,32})?$/),
  version: fc.stringMatching(/^[0-9A-Za-z.+_:-]{1,64}$/),
  sequence: fc.integer({ min: 1, max: MAX_SEQUENCE }),
  expires: fc.integer({ min: 1, max: 253_402_300_799 }),
  rollback: fc.boolean(),
  files: fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9_.ä💥/-][A-Za-z0-9_. ä💥/-]{0,20}[A-Za-z0-9_.ä💥/-]$/u),
      size: fc.integer({ min: 1, max: 1e12 - 1 }),
      sha256: hex(64),
    }),
    { minLength: 1, maxLength: 20, selector: ({ name }) => name },
  ),
});

describe('a manifest', () => {
  const ann = aPair();
  const text = signManifest(someClaims(), ann.privateKey);

  it('says what was signed, whatever it was, with the files in the order of their names', () => {
    fc.assert(
      fc.property(anyClaims, (claims) => {
        const {
          signer,
          signature: _,
          signed,
          ...read
        } = openManifest(signManifest(claims, ann.privateKey), [ann.signer]);
        expect(signer).to.equal(ann.signer.id);
        const byName = [...claims.files].sort((a, b) =>
          Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
        );
        expect(read).to.deep.equal({ ...claims, files: byName });
        expect(signed.toString()).to.equal(encodeClaims({ ...claims, files: byName.toReversed() }, signer));
      }),
    );
  });

  it('is refused with any one byte changed, taken out or put in', () => {
    const bytes = Buffer.from(text);
    const edits = fc.record({
      at: fc.nat(bytes.length - 1),
      byte: fc.integer({ min: 0, max: 255 }),
      edit: fc.constantFrom('change', 'remove', 'insert'),
    });
    fc.assert(
      fc.property(edits, ({ at, byte, edit }) => {
        fc.pre(edit !== 'change' || bytes[at] !== byte);
        const added = edit === 'remove' ? [] : [byte];
        const changed = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(added),
          bytes.subarray(edit === 'insert' ? at : at + 1),
        ]);
        expect(changed.equals(bytes)).to.equal(false);
        expect(codeOf(() => openManifest(changed, [ann.signer]))).to.be.oneOf([
          'manifest_malformed',
          'signature_invalid',
          'signer_unknown',
        ]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused with every single bit turned', () => {
    const bytes = Buffer.from(text);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(
        codeOf(() => openManifest(turned, [ann.signer])),
        `bit ${bit}`,
      ).to.be.oneOf(['manifest_malformed', 'signature_invalid', 'signer_unknown']);
    }
  });

  it('is believed only if a trusted key has signed it', () => {
    const bob = aPair();
    expect(openManifest(text, [bob.signer, ann.signer]).signer).to.equal(ann.signer.id);
    expect(codeOf(() => openManifest(text, [bob.signer]))).to.equal('signer_unknown');
    expect(codeOf(() => openManifest(text, []))).to.equal('signer_unknown');
    const posing = { ...bob.signer, id: ann.signer.id };
    expect(codeOf(() => openManifest(text, [posing]))).to.equal('signature_invalid');
    expect(openedBefore(text, bob.signer)).to.equal(undefined);
    expect(openedBefore(text, ann.signer)).to.include({ version: '1.1.0', sequence: 1 });
    expect(openedBefore(text, ann.signer), 'read once').to.equal(openedBefore(text, ann.signer));
  });

  it('has one text only: what means the same and is written otherwise is refused', () => {
    const rows: [what: string, edit: (text: string) => string][] = [
      ['no line break at the end', (t) => t.slice(0, -1)],
      ['another line break', (t) => t.replaceAll('\n', '\r\n')],
      ['something behind it', (t) => `${t}\n`],
      ['a byte order mark', (t) => `\u{feff}${t}`],
      ['another order', (t) => t.replace(/(platform .*\n)(version .*\n)/, '$2$1')],
      ['a line twice', (t) => t.replace(/(version .*\n)/, '$1$1')],
      ['a number with a zero before it', (t) => t.replace('sequence 1', 'sequence 01')],
      ['a number with a sign', (t) => t.replace('sequence 1', 'sequence +1')],
      ['a digest in upper case', (t) => t.replace('c3c3', 'C3c3')],
      ['a signature in upper case', (t) => t.replace(/signature .*/, (line) => line.toUpperCase())],
      ['a size that is none', (t) => t.replace('file 1000 ', 'file x ')],
      ['no file', (t) => t.replace(/file .*\n/, '')],
      ['another version', (t) => t.replace('manifest 1', 'manifest 2')],
      ['nothing', () => ''],
    ];
    for (const [what, edit] of rows) {
      const edited = edit(text);
      expect(edited, what).not.to.equal(text);
      expect(
        codeOf(() => readManifest(edited)),
        what,
      ).to.equal('manifest_malformed');
    }
  });

  it('cannot be made of claims that make no sense', () => {
    const file = { name: 'a.bin', size: 1, sha256: 'c3'.repeat(32) };
    const rows: Partial<Claims>[] = [
      { owner: 'ann' },
      { platform: 'arduino esp8266' },
      { version: '1.1\n' },
      { sequence: 0 },
      { sequence: 1.5 },
      { sequence: MAX_SEQUENCE + 1 },
      { expires: 0 },
      { expires: Number.NaN },
      { files: [] },
      { files: [file, file] },
      { files: Array.from({ length: 65 }, (_, n) => ({ ...file, name: `${n}` })) },
      ...['', 'a\nb', 'a\u{2028}b', ' a', 'a ', 'a\\b', '\ud800', 'x'.repeat(129)].map((name) => ({
        files: [{ ...file, name }],
      })),
      { files: [{ ...file, size: 0 }] },
      { files: [{ ...file, sha256: 'c3' }] },
    ];
    for (const change of rows)
      expect(
        codeOf(() => encodeClaims(someClaims(change), ann.signer.id)),
        JSON.stringify(change),
      ).to.equal('manifest_malformed');
    expect(codeOf(() => encodeClaims(someClaims(), 'ann'))).to.equal('manifest_malformed');
  });

  it('is never longer than a header can carry', () => {
    const files = Array.from({ length: 64 }, (_, n) => ({
      name: `${n}`.padEnd(128, 'x'),
      size: 1,
      sha256: 'c3'.repeat(32),
    }));
    expect(codeOf(() => signManifest(someClaims({ files }), ann.privateKey))).to.equal('manifest_malformed');
    const most = files.map((file) => ({ ...file, name: file.name.slice(0, 40) }));
    const made = signManifest(someClaims({ files: most }), ann.privateKey);
    expect(made.length).to.be.within(MAX_MANIFEST_BYTES - 1000, MAX_MANIFEST_BYTES);
    expect(readManifest(made).files).to.have.length(64);
    expect(codeOf(() => readManifest(made + ' '.repeat(1000)))).to.equal('manifest_malformed');
  });
});

describe('a signing key', () => {
  it('is read as keygen writes it, and its id is that of the bytes of the key', () => {
    const ann = aPair();
    expect(readPublicKey(ann.publicPem)).to.equal(ann.signer.publicKey);
    // RFC 8032, 7.1, test 1.
    const half = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
    expect(publicHalf(RFC_8032_KEY)).to.equal(half);
    expect(signerId(half)).to.equal('21fe31dfa154a261');
  });

  it('is refused if it is private, of another kind, or none', () => {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const pem = (key: typeof privateKey, type: 'spki' | 'pkcs8') =>
      key.export({ format: 'pem', type } as never).toString();
    const rows = [
      pem(publicKey, 'spki'),
      pem(privateKey, 'pkcs8'),
      pem(aPair().privateKey, 'pkcs8'),
      '',
      'x',
    ];
    for (const text of rows)
      expect(
        codeOf(() => readPublicKey(text)),
        text,
      ).to.equal('field_invalid');
    expect(() => readPublicKey(pem(aPair().privateKey, 'pkcs8'))).to.throw('private key');
  });
});
