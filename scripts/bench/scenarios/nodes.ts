import type { Bench } from '../bench.js';
import type CheckInFleet from '../load/check-in-fleet.js';
import { LoadProcess } from '../load-process.js';
import { nowMs } from '../machine.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { Nodes } from '../peers/nodes.js';
import { fleetOf, IMAGE_BYTES, okBytes, settled, WINDOW, withServer } from './parts.js';
import { NEW_VERSION } from './push.js';

/** Devices, spread evenly over the nodes. */
const DEVICES = 1500;
/** Check-ins a second, over all nodes: what the slowest contender keeps up with on one core. */
const RATE = 600;
const WARM_UP_SECONDS = 2;
const SECONDS = 5;

/** What takes part: one embedded server, or nodes with a Redis. */
interface Fleet {
  readonly nodes: readonly FirmwireServer[];
  cpuMs(): number;
  redisCpuMs(): number;
  stop(): Promise<void>;
}

async function embedded(bench: Bench): Promise<Fleet> {
  const server = await FirmwireServer.start(bench);
  return {
    nodes: [server],
    cpuMs: () => server.process.cpuMs(),
    redisCpuMs: () => 0,
    stop: () => server.stop(),
  };
}

/** CPU of the nodes, and of Redis, that an action and what it leaves to be done cost, us for each of `operations`. */
async function cost<T>(fleet: Fleet, operations: number, action: () => Promise<T>) {
  await settled();
  const [nodes, redis] = [fleet.cpuMs(), fleet.redisCpuMs()];
  const result = await action();
  await settled();
  const nodesUs = ((fleet.cpuMs() - nodes) * 1000) / operations;
  const redisUs = ((fleet.redisCpuMs() - redis) * 1000) / operations;
  return { result, nodesUs, redisUs };
}

/** One round: every node has its share of the devices, which check in at a steady rate, and are told of a release. */
const round = (bench: Bench, starting: Promise<Fleet>): Promise<Sample> =>
  withServer(starting, async (fleet) => {
    const [first] = fleet.nodes;
    if (!first) throw new Error('There is no node.');
    const share = DEVICES / fleet.nodes.length;
    const loads: LoadProcess<CheckInFleet>[] = [];
    try {
      const sizes: number[][] = [];
      for (const [n, node] of fleet.nodes.entries()) {
        const load = await LoadProcess.start<CheckInFleet>(bench, 'check-in-fleet');
        loads.push(load);
        const identity = fleetOf(first, `nodes-${n}`);
        const connection = { port: node.mqttPort, count: share, window: WINDOW, qos: 0 } as const;
        await load.call('connect', { ...identity, ...connection, checkIn: true });
        sizes.push(Array.from({ length: share }, (_, index) => okBytes(identity, index, true)));
      }
      const checkIns = (seconds: number) =>
        Promise.all(
          loads.map((load, n) => load.call('checkIns', RATE / loads.length, seconds, sizes[n] ?? [])),
        );
      await checkIns(WARM_UP_SECONDS);
      const checked = await cost(fleet, RATE * SECONDS, () => checkIns(SECONDS));

      const pushed = await cost(fleet, DEVICES, async () => {
        const heard = loads.map((load) => load.call('everyoneHears'));
        const begun = nowMs();
        const [ends, { offered }] = await Promise.all([
          Promise.all(heard),
          first.publish(NEW_VERSION, IMAGE_BYTES),
        ]);
        if (offered !== DEVICES)
          throw new Error(`${offered} of ${DEVICES} devices were offered the firmware.`);
        return Math.max(...ends.map(({ ended }) => ended)) - begun;
      });
      return {
        'check-in us': checked.nodesUs,
        'check-in us in Redis': checked.redisUs,
        'check-in p99 ms': Math.max(...checked.result.map(({ p99 }) => p99)),
        'push us/device': pushed.nodesUs,
        'push us/device in Redis': pushed.redisUs,
        'push devices/s': (DEVICES * 1000) / pushed.result,
      };
    } finally {
      for (const load of loads) await load.kill();
    }
  });

const on = (count: number) => ({
  name: `${count} on Redis`,
  round: (bench: Bench) => round(bench, Nodes.start(bench, count)),
});

/**
 * What it costs to be several: one embedded server beside one, two and three nodes with a Redis. All of them share the
 * server's one core, so the CPU for each device counts, and not how fast they are together.
 */
export const NODES: Scenario = {
  name: 'nodes',
  what: `${DEVICES} devices on one embedded server, or spread over nodes on Redis: check-ins, and a release pushed to all`,
  contenders: [{ name: FIRMWIRE, round: (bench) => round(bench, embedded(bench)) }, on(1), on(2), on(3)],
  goals: [
    { figure: 'check-in us', against: '1 on Redis', atMost: 1 },
    { figure: 'push us/device', against: '1 on Redis', atMost: 1 },
  ],
};
