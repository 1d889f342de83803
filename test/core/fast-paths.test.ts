import { expect } from 'chai';
import fc from 'fast-check';
import { readText } from '../../core/checkin.js';
import { cleanAlias } from '../../core/device.js';
import { cancelPayload, plainUpdatePayload, updatePayload } from '../../core/payload.js';
import { isToken, newToken } from '../../core/token.js';

/** Texts around what the fast paths take: plain ones, with one odd character or none, of lengths near the limits. */
const plain = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)) });
const odd = fc.constantFrom(
  '',
  ' ',
  '"',
  '\\',
  '{',
  '}',
  '\n',
  '\0',
  '\x7f',
  '\x80',
  '\u2028',
  'é',
  '😀',
  '\ud800',
);
const near = fc
  .tuple(fc.constantFrom(1, 2, 98, 99, 100, 101, 102, 255, 256, 257), odd, fc.nat())
  .map(([length, character, at]) => {
    const text = 'x'.repeat(length);
    return text.slice(0, at % (length + 1)) + character + text.slice(at % (length + 1));
  });
const padded = fc
  .tuple(fc.nat({ max: 3 }), near, fc.nat({ max: 3 }))
  .map(([before, text, after]) => ' '.repeat(before) + text + ' '.repeat(after));
const texts = fc.oneof(
  plain,
  near,
  padded,
  fc.tuple(odd, odd, odd).map((three) => three.join('')),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);

/** Unicode's category Cc. */
const isControl = (character: string): boolean => {
  const code = character.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
};

/** What `readText` promises, said without regard to speed. */
function slowText(value: unknown): string | undefined {
  if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined;
  const cut = String(value).slice(0, 256).split('');
  const text = cut.map((c) => (isControl(c) ? ' ' : c)).join('');
  return text.trim().toWellFormed() || undefined;
}

/** What `cleanAlias` promises, said without regard to speed. */
function slowAlias(text: string): string {
  const cut = text.slice(0, 256).split('');
  const safe = cut.map((c) => (isControl(c) || '\u2028\u2029{}'.includes(c) ? ' ' : c)).join('');
  const characters = [...safe.trim().toWellFormed()];
  while (Buffer.byteLength(JSON.stringify(characters.join(''))) > 102) characters.pop();
  return characters.join('').trim();
}

const runs = { numRuns: 5000 };

describe('what was made fast says the same as the plain way', () => {
  it('to read text of any kind', () => {
    const values = fc.oneof(
      texts,
      texts,
      fc.jsonValue(),
      fc.constantFrom(undefined, Number.NaN, -0, 1e21, 10n),
    );
    fc.assert(
      fc.property(values, (value) => void expect(readText(value)).to.equal(slowText(value))),
      runs,
    );
  });

  it('to make an alias safe', () => {
    fc.assert(
      fc.property(texts, (text) => void expect(cleanAlias(text)).to.equal(slowAlias(text))),
      runs,
    );
  });

  it('to make an alias safe of each single character, within and at the edges', () => {
    for (let code = 0; code < 0x300; code++) {
      const character = String.fromCharCode(code);
      for (const text of [character, `a${character}b`, `${character}b`, `a${character}`])
        expect([cleanAlias(text), readText(text)], `character ${code}`).to.deep.equal([
          slowAlias(text),
          slowText(text),
        ]);
    }
  });

  const udids = fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9a-zA-Z_-]{1,64}$/));
  const tokens = fc.oneof(fc.constant(''), fc.constant(0).map(newToken));
  const registration = (udid: string, version: string, ott: string) => ({
    status: 'FIRMWARE_UPDATE',
    auto_update: true,
    udid,
    version,
    url: ott && `/device/firmware?ott=${ott}`,
    ott,
  });

  it('to offer and to cancel, as JSON.stringify does it, whatever the version', () => {
    fc.assert(
      fc.property(udids, texts, tokens, (udid, version, token) => {
        const body = { registration: registration(udid, version, token) };
        expect(updatePayload(udid, version, token)).to.equal(
          JSON.stringify({ FIRMWARE_UPDATE: true, ...body }),
        );
        expect(plainUpdatePayload(udid, version, token)).to.equal(JSON.stringify(body));
        const cancelled = { registration: registration(udid, version, '') };
        expect(cancelPayload(udid, version)).to.equal(JSON.stringify(cancelled));
      }),
      runs,
    );
  });

  it('to make tokens: 43 characters of base64url each, of 10,000 no two alike, and no byte the same in all', () => {
    const made = Array.from({ length: 10_000 }, newToken);
    expect(made.filter((token) => !/^[A-Za-z0-9_-]{43}$/.test(token) || !isToken(token))).to.deep.equal([]);
    expect(new Set(made).size).to.equal(10_000);
    const bytes = made.map((token) => Buffer.from(token, 'base64url'));
    // Each of the 32 places takes each of the 256 values, and no two tokens share a half: nothing is handed out twice.
    for (let at = 0; at < 32; at++)
      expect(new Set(bytes.map((each) => each[at])).size, `byte ${at}`).to.equal(256);
    for (const [from, to] of [
      [0, 16],
      [16, 32],
    ] as const)
      expect(new Set(bytes.map((each) => each.toString('hex', from, to))).size).to.equal(10_000);
  });
});
