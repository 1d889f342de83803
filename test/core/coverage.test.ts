import { expect } from 'chai';
import fc from 'fast-check';
import { cover, coversAll, type Span } from '../../core/coverage.js';

const SIZE = 12;
const span = fc.tuple(fc.nat({ max: SIZE }), fc.nat({ max: SIZE }));
const coverEach = (spans: readonly Span[]) => spans.reduce<Span[]>((all, next) => cover(all, next), []);

/** Bytes in spans that are disjoint. */
const covered = (spans: readonly Span[]): number => spans.reduce((sum, [start, end]) => sum + end - start, 0);

/** The model: one boolean for every byte. */
function bitmap(spans: readonly Span[]): boolean[] {
  return Array.from({ length: SIZE }, (_, byte) => spans.some(([start, end]) => start <= byte && byte < end));
}

describe('coverage of a body by ranges (wire.md 6)', () => {
  const cases: [name: string, spans: Span[], expected: Span[]][] = [
    ['nothing', [], []],
    ['an empty range', [[3, 3]], []],
    ['one range', [[0, 10]], [[0, 10]]],
    [
      'touching ranges',
      [
        [0, 5],
        [5, 10],
      ],
      [[0, 10]],
    ],
    [
      'ranges in reverse order',
      [
        [5, 10],
        [0, 5],
      ],
      [[0, 10]],
    ],
    [
      'overlapping ranges',
      [
        [0, 6],
        [4, 10],
      ],
      [[0, 10]],
    ],
    [
      'a range inside another',
      [
        [0, 10],
        [2, 3],
      ],
      [[0, 10]],
    ],
    [
      'a hole of one byte',
      [
        [0, 4],
        [5, 10],
      ],
      [
        [0, 4],
        [5, 10],
      ],
    ],
    [
      'a range that fills two holes',
      [
        [0, 2],
        [4, 6],
        [8, 10],
        [1, 9],
      ],
      [[0, 10]],
    ],
  ];
  for (const [name, spans, expected] of cases) {
    it(`adds up ${name}`, () => expect(coverEach(spans)).to.deep.equal(expected));
  }

  it('holds every byte only if no byte is missing', () => {
    expect(coversAll(coverEach([[0, 9]]), 10)).to.equal(false);
    expect(coversAll(coverEach([[1, 10]]), 10)).to.equal(false);
    expect(
      coversAll(
        coverEach([
          [0, 4],
          [5, 10],
        ]),
        10,
      ),
    ).to.equal(false);
    expect(
      coversAll(
        coverEach([
          [5, 10],
          [0, 5],
        ]),
        10,
      ),
    ).to.equal(true);
    expect(coversAll([], 10)).to.equal(false);
  });

  it('does not change what it was given', () => {
    const before: readonly Span[] = Object.freeze([
      Object.freeze([0, 2] as const),
      Object.freeze([4, 6] as const),
    ]);
    expect(cover(before, [1, 5])).to.deep.equal([[0, 6]]);
    expect(before).to.deep.equal([
      [0, 2],
      [4, 6],
    ]);
  });

  it('equals a bitmap, in any order of any ranges', () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
        const result = coverEach(spans);
        const model = bitmap(spans);
        expect(bitmap(result)).to.deep.equal(model);
        expect(covered(result)).to.equal(model.filter(Boolean).length);
        expect(coversAll(result, SIZE)).to.equal(model.every(Boolean));
      }),
    );
  });

  it('is sorted, disjoint and as short as can be', () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
        const edges = coverEach(spans).flat();
        expect(edges).to.deep.equal([...new Set(edges)].sort((a, b) => a - b));
      }),
    );
  });
});
