import { expect } from 'chai';
import fc from 'fast-check';
import { sortKey } from '../../rtm/src/model/sort-key.js';

const inOrder = (texts: readonly string[]): string[] =>
  [...texts].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : sortKey(a) > sortKey(b) ? 1 : 0));

describe('the key by which names are sorted', () => {
  it('orders numbers by value wherever they stand, without regard to case, accents and leading zeros', () => {
    const sorted = ['boiler', 'Büro', 'greenhouse-2', 'Greenhouse-010', 'greenhouse-11', 'z1.9', 'z1.10'];
    expect(inOrder([...sorted].reverse())).to.deep.equal(sorted);
    expect(sortKey('Büro')).to.equal(sortKey('buro'));
    expect(sortKey('a007')).to.equal(sortKey('a7'));
  });

  it('orders any two numbers as numbers', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        expect(Math.sign(a - b)).to.equal(
          sortKey(`n${a}x`) === sortKey(`n${b}x`) ? 0 : sortKey(`n${a}x`) < sortKey(`n${b}x`) ? -1 : 1,
        );
      }),
    );
  });

  it('says the same of a text however often it is asked', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(sortKey(text)).to.equal(sortKey(text));
      }),
    );
  });
});
