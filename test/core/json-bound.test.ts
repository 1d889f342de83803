import { expect } from 'chai';
import fc from 'fast-check';
import { JsonBound } from '../../core/json-bound.js';
import { CountedLimits } from '../support/counted-limits.js';

describe('the bound of JSON', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const rows: [text: string, allowed: boolean][] = [
    ['', true],
    ['{"a":1}', true],
    [nested(5), true],
    [nested(6), false],
    [`{"a":${nested(4)}}`, true],
    [`{"a":${nested(5)}}`, false],
    [`[${'[],'.repeat(100)}[]]`, true],
    [`"${nested(100)}"`, true],
    [`"\\"${nested(100)}"`, true],
    [`"\\\\"${nested(100)}`, false],
    [`["${nested(100)}`, true],
    ['['.repeat(100_000), false],
  ];
  for (const [text, allowed] of rows)
    it(`${allowed ? 'allows' : 'refuses'} ${JSON.stringify(text.slice(0, 30))}, ${text.length} characters`, () => {
      const watch = new CountedLimits();
      const bound = new JsonBound(5, watch);
      expect([bound.allows(text), bound.allows(Buffer.from(text))]).to.deep.equal([allowed, allowed]);
      expect(watch.counts).to.deep.equal(allowed ? {} : { depth: 2 });
    });

  it('knows the depth of whatever JSON', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.integer({ min: 1, max: 9 }), (text, most) => {
        expect(new JsonBound(most, new CountedLimits()).allows(text)).to.equal(
          depthOf(JSON.parse(text)) <= most,
        );
      }),
    );
  });
});
