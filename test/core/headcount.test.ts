import { expect } from 'chai';
import { Headcount } from '../../core/headcount.js';
import { FakeClock } from '../support/fake-clock.js';

describe('a headcount', () => {
  const clock = new FakeClock();
  let stored: Record<string, number>;
  let asked: number;
  let headcount: Headcount;
  beforeEach(() => {
    stored = { mine: 2 };
    asked = 0;
    headcount = new Headcount(
      4,
      async (owner) => {
        asked++;
        return stored[owner] ?? 0;
      },
      clock,
    );
  });

  it('counts once, and what is added and removed after that by itself', async () => {
    expect(await headcount.isFull('mine')).to.equal(false);
    headcount.changed('mine', 1);
    expect(await headcount.isFull('mine')).to.equal(false);
    headcount.changed('mine', 1);
    expect(await headcount.isFull('mine')).to.equal(true);
    headcount.changed('mine', -1);
    expect([await headcount.isFull('mine'), await headcount.isFull('theirs')]).to.deep.equal([false, false]);
    expect(asked).to.equal(2);
  });

  it('counts anew before it refuses for more than a second: others remove as well', async () => {
    stored['mine'] = 4;
    expect(await headcount.isFull('mine')).to.equal(true);
    stored['mine'] = 3;
    clock.advance(999);
    expect(await headcount.isFull('mine')).to.equal(true);
    clock.advance(1);
    expect(await headcount.isFull('mine')).to.equal(false);
  });

  it('counts anew after a minute: others add as well', async () => {
    expect(await headcount.isFull('mine')).to.equal(false);
    stored['mine'] = 4;
    clock.advance(59_999);
    expect(await headcount.isFull('mine')).to.equal(false);
    clock.advance(1);
    expect(await headcount.isFull('mine')).to.equal(true);
  });
});
