import { expect } from 'chai';
import { Rate } from '../../core/rate.js';
import { FakeClock } from '../support/fake-clock.js';

describe('a rate', () => {
  it('lets each do it so many times in a window, and anew in the next', () => {
    const clock = new FakeClock();
    clock.advance(60_000 - (clock.now() % 60_000));
    const rate = new Rate(2, 60_000, clock);
    expect(['a', 'a', 'b', 'a', 'b', 'b'].map((key) => rate.take(key))).to.deep.equal([
      true,
      true,
      true,
      false,
      true,
      false,
    ]);
    clock.advance(59_999);
    expect(rate.take('a')).to.equal(false);
    clock.advance(1);
    expect(rate.take('a')).to.equal(true);
  });

  it('goes on when the clock is set back', () => {
    const clock = { time: 1_000_000, now: () => clock.time };
    const rate = new Rate(1, 1000, clock);
    expect([rate.take('a'), rate.take('a')]).to.deep.equal([true, false]);
    clock.time = 0;
    expect([rate.take('a'), rate.take('a')]).to.deep.equal([true, false]);
  });
});
