import { type Away, Outage } from '../support/outage.js';
import type { RedisFleet } from '../support/redis-fleet.js';

/** For how long, s, and how many devices check in every second meanwhile. */
const TIMES: readonly [seconds: number, devices: number][] = [
  [3, 4],
  [25, 50],
];
const WAYS: readonly Away[] = ['stopped', 'hanging'];

/** What one test waits for. */
type Outcome = { readonly line: string } | { readonly error: unknown };

describe('Redis is away for a time', function () {
  this.timeout(120_000);
  const fleets: RedisFleet[] = [];
  const outcomes = new Map<string, Promise<Outcome>>();

  /** Both ways at once: each has servers of its own, and mostly waits. */
  before(async () => {
    for (const _ of WAYS) fleets.push(await Outage.fleet());
    for (const [index, away] of WAYS.entries()) {
      let before: Promise<unknown> = Promise.resolve();
      for (const [seconds, devices] of TIMES) {
        const outage = async (): Promise<string> => {
          const fleet = fleets[index];
          if (!fleet) throw new Error('there is no fleet');
          const running = await Outage.prepare(fleet, away, seconds, devices);
          await running.happen();
          return running.end();
        };
        const outcome: Promise<Outcome> = before.then(outage).then(
          (line) => ({ line }),
          (error: unknown) => ({ error }),
        );
        outcomes.set(`${away} ${seconds}`, outcome);
        before = outcome;
      }
    }
  });
  after(() => Promise.all(fleets.map((fleet) => fleet.dispose())));

  for (const [seconds] of TIMES)
    for (const away of WAYS)
      it(`${away} for ${seconds} s: all is refused and nothing acknowledged, and then all goes on`, async () => {
        const outcome = await outcomes.get(`${away} ${seconds}`);
        if (!outcome || 'error' in outcome) throw outcome?.error;
        console.log(`      ${outcome.line}`);
      });
});
