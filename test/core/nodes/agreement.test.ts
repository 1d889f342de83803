import fc from 'fast-check';
import { Cluster } from '../../support/fake-cluster.js';

const NODES = 3;
const DEVICES = 3;

/** What can happen to a server of several nodes, in whichever order. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constant('connect' as const),
      node: fc.nat(NODES),
      device: fc.nat(DEVICES - 1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('disconnect' as const),
      node: fc.nat(NODES),
      device: fc.nat(DEVICES - 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      is: fc.constant('deliver' as const),
      line: fc.nat(20),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('lose' as const), line: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ is: fc.constant('stamp' as const), node: fc.nat(NODES), which: fc.nat(5) }),
  },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('cut' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('down' as const), node: fc.nat(NODES) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('up' as const), node: fc.nat(NODES) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('die' as const), node: fc.nat(NODES) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('join' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant('beat' as const), count: fc.integer({ min: 1, max: 5 }) }),
  },
);

describe('nodes that lose messages, each other and the bus', () => {
  it('agree after a quiet while on who is online and where, and one connection of each device stands, the latest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 60, size: 'max' }), async (happenings) => {
        const cluster = new Cluster(NODES);
        for (const happens of happenings) await cluster.let(happens);
        await cluster.quiet();
        cluster.expectAgreement(DEVICES);
      }),
      { numRuns: 400 },
    );
  });
});
