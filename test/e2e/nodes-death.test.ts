import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { Cluster, LONG_MS } from '../support/cluster.js';
import type { Device } from '../support/device.js';
import { at, listAt, textAt } from '../support/json.js';
import type { ServerProcess } from '../support/server-process.js';
import { StateWatch } from '../support/state-watch.js';

/** A killed keeper comes last: it takes 10 s until another keeps the timers. */
const ROLES = ['does not keep the timers', 'keeps the timers'] as const;
const HEARTBEAT_MS = 1000;
/** Three heartbeats, the way of the message, and a machine that is busy. */
const NOTICED_MS = 3 * HEARTBEAT_MS + 4000;

describe('a node that dies', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let devices: Device[];
  let watches: StateWatch[];
  let victim: ServerProcess;

  before(async () => {
    cluster = await Cluster.start(3, { LOG_LEVEL: 'info' });
  });
  after(() => cluster?.dispose());
  beforeEach(() => {
    devices = [];
    watches = [];
  });
  afterEach(async () => {
    await Promise.all(devices.map((device) => device.drop()));
    await Promise.all(watches.map(({ peer }) => peer.drop()));
    victim?.signal('SIGCONT');
    await cluster.heal();
    await cluster.api(0).clear();
  });

  const othersThan = (node: ServerProcess): ServerProcess[] => cluster.nodes.filter((each) => each !== node);

  async function choose(role: (typeof ROLES)[number]): Promise<void> {
    const keeper = await cluster.keeper();
    victim = role === 'keeps the timers' ? keeper : (othersThan(keeper)[0] ?? keeper);
  }

  /** So many devices on this node, and an owner's page on each of the others. */
  async function fleetOn(node: ServerProcess, count: number): Promise<{ fleet: Device[]; udids: string[] }> {
    for (const other of othersThan(node)) watches.push(await StateWatch.open(other));
    const fleet = Array.from({ length: count }, () => {
      const device = cluster.device(cluster.nodes.indexOf(node), true);
      devices.push(device);
      return device;
    });
    await Promise.all(fleet.map((device) => device.start()));
    const udids = fleet.map(({ udid }) => udid);
    for (const watch of watches) await watch.shows(udids, true);
    return { fleet, udids };
  }

  /** Resolves once a node answers on the API that these devices are online and no others. */
  async function saysOnline(
    node: ServerProcess,
    udids: readonly string[],
    patienceMs: number,
  ): Promise<void> {
    const wanted = [...udids].sort();
    const api = cluster.api(cluster.nodes.indexOf(node));
    for (const end = Date.now() + patienceMs; ; ) {
      const { body } = await api.call('GET', '/devices?limit=1000');
      const online = listAt(body, 'devices').filter((device) => at(device, 'online') === true);
      const found = online.map((device) => textAt(device, 'udid'));
      if (isDeepStrictEqual(found, wanted)) return;
      if (Date.now() > end) expect(found).to.deep.equal(wanted);
    }
  }

  for (const role of ROLES) {
    it(`one that ${role} and stood still for a while: everybody is online again in the end`, async () => {
      await choose(role);
      const [next] = othersThan(victim) as [ServerProcess];
      const { fleet, udids } = await fleetOn(victim, 20);
      const elsewhere = Array.from({ length: 20 }, () => cluster.device(cluster.nodes.indexOf(next), true));
      devices.push(...elsewhere);
      await Promise.all(elsewhere.map((device) => device.start()));
      const all = [...udids, ...elsewhere.map(({ udid }) => udid)];
      for (const watch of watches) await watch.shows(all, true);
      // 5 move while it stands still.
      victim.signal('SIGSTOP');
      const moving = fleet.slice(0, 5);
      const old = moving.map(({ peer }) => peer);
      await Promise.all(
        moving.map((device) => {
          device.server = next;
          return device.start();
        }),
      );
      for (const watch of watches.slice(0, 1)) await watch.shows(udids.slice(5), false, NOTICED_MS);
      victim.signal('SIGCONT');
      await Promise.all(old.map(({ closed }) => closed));
      for (const watch of watches) await watch.shows(all, true, NOTICED_MS);
      for (const node of cluster.nodes) await saysOnline(node, all, HEARTBEAT_MS);
    });
  }

  it('one that is killed and started again: whoever comes back at its first moment is shown online', async () => {
    await choose('does not keep the timers');
    const { fleet } = await fleetOn(victim, 25);
    // And as many that nobody has seen before.
    for (let n = 0; n < 25; n += 1) fleet.push(cluster.device(cluster.nodes.indexOf(victim), true));
    devices = fleet;
    const udids = fleet.map(({ udid }) => udid).sort();
    const restarted = cluster.restart(victim);
    await victim.exited;
    const coming = fleet.map(async (device) => {
      for (;;) {
        const isIn = await device.subscribe().then(
          () => true,
          () => false,
        );
        if (isIn) return;
        await setImmediate();
      }
    });
    victim = await restarted;
    await Promise.all(coming);
    for (const watch of watches) await watch.shows(udids, true, NOTICED_MS);
    // Those who found out that the old one is dead said so before this.
    for (const node of othersThan(victim)) await saysOnline(node, udids, NOTICED_MS);
  });

  it('SIGTERM: the owner is told by the node that ends, and no other goes on taking its devices for there', async () => {
    await choose('keeps the timers');
    const { fleet, udids } = await fleetOn(victim, 50);
    const peers = fleet.map(({ peer }) => peer);
    victim.signal('SIGTERM');
    expect((await victim.exited).code).to.equal(0);
    await Promise.all(peers.map(({ closed }) => closed));
    // No waiting for heartbeats: it said so itself.
    for (const node of othersThan(victim)) await saysOnline(node, [], 0);
    for (const watch of watches) await watch.shows(udids, false, NOTICED_MS);
  });

  for (const role of ROLES) {
    it(`kill -9 of one that ${role}: its devices are offline soon, and those that come back are online at once`, async () => {
      await choose(role);
      const { fleet, udids } = await fleetOn(victim, 50);
      const [next, other] = othersThan(victim) as [ServerProcess, ServerProcess];
      await victim.kill();
      const back = fleet.slice(0, 20);
      await Promise.all(
        back.map((device, n) => {
          device.server = n % 2 === 0 ? next : other;
          return device.start();
        }),
      );
      await Promise.all(back.map((device) => device.next('ok')));
      const returned = Date.now();
      const [staying, gone] = [udids.slice(0, 20), udids.slice(20)];
      for (const watch of watches) await watch.shows(gone, false, NOTICED_MS);
      for (const node of [next, other]) await saysOnline(node, staying, NOTICED_MS);
      // A false word that came with the death would have come by now, behind those about the others.
      for (const watch of watches) {
        await watch.shows(staying, true, HEARTBEAT_MS);
        const wrong = watch.words.filter(
          ({ udid, online, at }) => staying.includes(udid) && !online && at > returned,
        );
        expect(wrong, 'said of devices that were there').to.deep.equal([]);
      }
      // And one that comes back later is online at once.
      const late = fleet[49] as Device;
      late.server = other;
      await late.start();
      for (const watch of watches) await watch.shows([late.udid], true, NOTICED_MS);
    });
  }
});
