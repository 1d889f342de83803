import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Cluster, credentialsOf, LONG_MS } from '../support/cluster.js';
import { type Device, PLATFORM } from '../support/device.js';
import { listAt } from '../support/json.js';
import { OwnerPeer } from '../support/owner-peer.js';
import type { ServerProcess } from '../support/server-process.js';

const HOUR_MS = 3_600_000;
/** Long enough that all are put off before the first is due. */
const POSTPONED_MS = 1500;

describe('what one of several nodes does for all', function () {
  this.timeout(LONG_MS);
  let cluster: Cluster;
  let devices: Device[];

  before(async () => {
    cluster = await Cluster.start(3, {
      LOG_LEVEL: 'info',
      NOTICES_POSTPONE_HOURS: String(POSTPONED_MS / HOUR_MS),
    });
    devices = Array.from({ length: 12 }, (_, n) => cluster.device(n % 3, false));
  });
  after(async () => {
    await Promise.all((devices ?? []).map((device) => device.drop()));
    await cluster?.dispose();
  });

  /** Puts all questions off. */
  async function putOff(owner: OwnerPeer): Promise<void> {
    await Promise.all(devices.map(({ udid }) => owner.reply(udid, 'later', 'string')));
    await Promise.all(devices.map(({ udid }) => owner.cleared(udid)));
  }

  const back = (owner: OwnerPeer): Promise<unknown> =>
    Promise.all(devices.map(({ udid }) => owner.notice(udid, LONG_MS - 10_000)));

  /** How often each question has come back while the page looked on. */
  const returns = (owner: OwnerPeer): number[] =>
    devices.map(({ udid }) => {
      const topic = owner.noticeTopic(udid);
      const live = owner.peer.inbox.all.filter((item) => item.topic === topic && !item.retain);
      return live.filter(({ payload }) => payload !== '').length;
    });

  /** The nodes that have ever kept the timers. */
  const keepers = (): ServerProcess[] =>
    cluster.nodes.filter(({ err }) => err.includes('this node keeps the timers'));

  it('of three that start at once on an empty Redis one makes the owner, whose keys work on all', async () => {
    const made = await Promise.all(cluster.nodes.map(credentialsOf));
    expect(made.filter((account) => account !== undefined)).to.deep.equal([cluster.account]);
    for (const [index, node] of cluster.nodes.entries()) {
      const isFounder = made[index] !== undefined;
      expect(node.out.includes('first owner'), `what node ${index} says`).to.equal(isFounder);
      const { status, body } = await cluster.api(index).call('GET', '/devices');
      expect(status, JSON.stringify(body) + node.err).to.equal(200);
      await (await OwnerPeer.open(node)).peer.end();
    }
    await Promise.all(devices.map((device) => device.start()));
    await Promise.all(devices.map((device) => device.next('ok')));
  });

  it('a question that was put off comes back once each time, and one node keeps the timers', async () => {
    const { asked } = await cluster
      .api(0)
      .publish(madeUpImage(2000, 'timers'), { version: '1.1.0', platform: PLATFORM });
    expect(asked).to.equal(12);
    const owner = await OwnerPeer.open(cluster.node(1));
    await back(owner);
    for (let round = 0; round < 2; round += 1) {
      await putOff(owner);
      await back(owner);
    }
    await owner.fence();
    expect(returns(owner)).to.deep.equal(Array(12).fill(2));
    expect(keepers()).to.deep.equal([await cluster.keeper()]);
    await owner.peer.end();
  });

  it('also when the node that keeps them is killed: another takes over', async () => {
    const keeper = await cluster.keeper();
    const survivor = cluster.nodes.find((node) => node !== keeper) ?? keeper;
    const owner = await OwnerPeer.open(survivor);
    await back(owner);
    await putOff(owner);
    await keeper.kill();
    await back(owner);
    await owner.fence();
    expect(returns(owner)).to.deep.equal(Array(12).fill(1));
    const next = await cluster.keeper();
    expect(keepers()).to.have.members([keeper, next]);
    await owner.peer.end();
  });

  it('one that starts on a filled Redis makes no owner, even when it is alone', async () => {
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    const [alone] = await cluster.add();
    expect(alone && (await credentialsOf(alone))).to.equal(undefined);
    expect(alone?.out).not.to.contain('first owner');
    const { status, body } = await cluster.api(cluster.nodes.length - 1).call('GET', '/devices');
    expect(status).to.equal(200);
    expect(listAt(body, 'devices')).to.have.length(12);
  });
});
