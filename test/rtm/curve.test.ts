import { expect } from 'chai';
import fc from 'fast-check';
import { curve } from '../../rtm/src/model/curve.js';

const SINCE = 1_000_000;

describe('the curve of a release', () => {
  it('begins with nobody when it was published, and counts each device when it came back', () => {
    expect(curve({ since: SINCE, installedAt: [SINCE + 2000, SINCE + 5000] })).to.deep.equal([
      [1000, 1002, 1005],
      [0, 1, 2],
    ]);
  });

  it('puts nobody before the beginning, whatever a clock said', () => {
    expect(curve({ since: SINCE, installedAt: [SINCE - 7000] })[0]).to.deep.equal([1000, 1000]);
  });

  it('never falls, ends with all of them, and has no more points than can be seen', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e7), { maxLength: 3000 }), (ages) => {
        const installedAt = ages.map((age) => SINCE + age).sort((a, b) => a - b);
        const [times, counts] = curve({ since: SINCE, installedAt });
        expect(times).to.have.length(counts.length);
        expect(times.length).to.be.at.most(302);
        expect(counts.at(-1)).to.equal(installedAt.length);
        for (let i = 1; i < times.length; i++) {
          expect(Number(times[i])).to.be.at.least(Number(times[i - 1]));
          expect(Number(counts[i])).to.be.above(Number(counts[i - 1]));
        }
      }),
    );
  });
});
