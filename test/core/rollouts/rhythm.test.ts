import { expect } from 'chai';
import { type Rhythm, returned } from '../../../core/rollouts/rhythm.js';
import { HOUR, MINUTE, NOW } from '../../support/builders.js';

/** A device that returns so often, after silences that take turns. */
function returns(turns: number, every: number, ...silences: number[]): Rhythm {
  let rhythm = returned(undefined, silences[0] ?? 0, NOW);
  for (let turn = 1; turn < turns; turn++)
    rhythm = returned(rhythm, silences[turn % silences.length] ?? 0, NOW + turn * every);
  return rhythm;
}

describe('the rhythm of a device', () => {
  it('after its first return: that silence, and nothing of how often', () => {
    expect(returns(1, HOUR, 5 * MINUTE)).to.deep.equal({
      silence: 5 * MINUTE,
      between: undefined,
      returnedAt: NOW,
    });
  });

  it('after its second: how often', () => {
    expect(returns(2, HOUR, 5 * MINUTE)).to.deep.equal({
      silence: 5 * MINUTE,
      between: HOUR,
      returnedAt: NOW + HOUR,
    });
  });

  it('a regular device keeps what it is', () => {
    expect(returns(100, HOUR, 5 * MINUTE)).to.include({ silence: 5 * MINUTE, between: HOUR });
  });

  it('settles in the upper part of what is seen: silences of 1 to 10 minutes, one each', () => {
    const minutes = [3, 8, 1, 10, 5, 7, 2, 9, 4, 6].map((minute) => minute * MINUTE);
    expect(returns(1000, HOUR, ...minutes).silence)
      .to.be.above(6 * MINUTE)
      .and.below(10 * MINUTE);
  });

  it('one night away does not become usual, and is soon forgotten', () => {
    const before = returns(20, HOUR, 5 * MINUTE);
    const night = returned(before, 8 * HOUR, NOW + 30 * HOUR);
    expect(night.silence).to.be.at.most(before.silence + 2 * HOUR);
    let later = night;
    for (let turn = 1; turn <= 100; turn++) later = returned(later, 5 * MINUTE, NOW + (30 + turn) * HOUR);
    expect(later.silence).to.be.below(6 * MINUTE);
  });

  it('a clock that was put back makes no negative pause', () => {
    expect(returned(returns(1, HOUR, MINUTE), MINUTE, NOW - HOUR).between).to.equal(0);
  });
});
