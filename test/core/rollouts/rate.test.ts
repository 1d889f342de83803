import { expect } from 'chai';
import { allowedNow } from '../../../core/rollouts/rate.js';

const NOW = 1_000_000;

describe('the rate of a rollout', () => {
  const cases: [string, number | undefined, number, number[], number][] = [
    ['none: all of the room', undefined, 50, [NOW], 50],
    ['nobody in yet: a minute of it', 10, 50, [], 10],
    ['never more than the room', 10, 3, [], 3],
    ['those of this minute count', 10, 50, [NOW - 59_999, NOW], 8],
    ['those from before do not', 10, 50, [NOW - 60_000], 10],
    ['it is used up', 2, 50, [NOW, NOW], 0],
    ['more than it, after the plan said less: none', 2, 50, [NOW, NOW, NOW], 0],
    ['one in two minutes', 0.5, 50, [], 1],
    ['one in two minutes, and it was a minute and a half ago', 0.5, 50, [NOW - 90_000], 0],
    ['one in two minutes, and it was two minutes ago', 0.5, 50, [NOW - 120_000], 1],
    ['two and a half a minute: two in 48 s', 2.5, 50, [NOW - 48_000, NOW - 47_999], 1],
  ];
  for (const [name, rate, room, granted, expected] of cases)
    it(name, () => expect(allowedNow(rate, room, granted, NOW)).to.equal(expected));
});
