import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { type Device, PLATFORM } from '../support/device.js';
import { at, listAt, parsed } from '../support/json.js';
import type { OwnerPeer } from '../support/owner-peer.js';
import { isWhole } from '../support/raw-http.js';
import { answering, LONG_MS, RedisFleet } from '../support/redis-fleet.js';
import { Watched } from '../support/redis-sentinels.js';
import type { RedisServer } from '../support/redis-server.js';

const DEVICES = 10;
/** How long both nodes may be without service, ms; generous, because the Sentinels share two cores with everybody. */
const MOST_MS = 20_000;

describe('Sentinel', function () {
  this.timeout(90_000);
  let fleet: RedisFleet<Watched>;
  let devices: Device[];
  let owners: OwnerPeer[];

  before(async () => {
    fleet = await RedisFleet.on(await Watched.start(), 2);
    devices = Array.from({ length: DEVICES }, (_, index) => fleet.device(index % 2, true));
    await Promise.all(devices.map((device) => device.start()));
    await Promise.all(devices.map((device) => device.next('ok')));
    owners = [await fleet.owner(0), await fleet.owner(1)];
  });
  after(() => fleet?.dispose());

  async function facts(index: number): Promise<unknown> {
    const list = async (kind: string) => listAt((await fleet.api(index).call('GET', `/${kind}`)).body, kind);
    return {
      devices: (await list('devices')).map((device) => [at(device, 'udid'), at(device, 'createdAt')]),
      firmware: await list('firmware'),
      keys: await list('keys'),
    };
  }

  /** What is published on one node reaches devices and owners on both, on the sessions that stand. */
  async function expectPushed(version: string, index: number): Promise<number> {
    const image = madeUpImage(50_000, version);
    const { offered } = await fleet.api(index).publish(image, { version, platform: PLATFORM });
    const offers = await Promise.all(devices.map((device) => device.nextOffer()));
    expect(offers.map((offer) => offer.version)).to.deep.equal(devices.map(() => version));
    for (const { peer } of [...devices, ...owners])
      expect(peer.isConnected, 'a session that stood').to.equal(true);
    for (const { peer } of owners)
      await peer.inbox.next(
        `that ${version} is published`,
        ({ payload }) =>
          at(parsed(payload), 'event') === 'published' && at(parsed(payload), 'version') === version,
        LONG_MS,
      );
    const [offer] = offers;
    expect(isWhole(await fleet.device(1 - index).download(offer?.url ?? '')), 'a download').to.equal(true);
    return offered;
  }

  /** What is said on each node arrives at the owners on both. What was said a moment before may be lost. */
  async function hearing(): Promise<void> {
    const begun = performance.now();
    const udid = devices[0]?.udid;
    for (const node of fleet.nodes.keys())
      for (let turn = 0, heard = false; !heard; turn++) {
        const alias = `heard-${node}-${turn}`;
        await fleet.api(node).call('PATCH', `/devices/${udid}`, { alias });
        const hears = ({ peer }: OwnerPeer) =>
          peer.inbox.next(alias, ({ payload }) => at(parsed(payload), 'alias') === alias, 500);
        heard = await Promise.all(owners.map(hears)).then(
          () => true,
          () => performance.now() - begun > LONG_MS && expect.fail(`owners hear nothing after ${LONG_MS} ms`),
        );
      }
    console.log(`      all hear each other after ${Math.round(performance.now() - begun)} ms more`);
  }

  /** The primary fails, and the replica takes its place, with all that had reached it. */
  async function failOver(from: RedisServer, to: RedisServer, fail: () => Promise<void>): Promise<void> {
    const known = await facts(0);
    await fleet.redis.inStep(from, to);
    await fail();
    const begun = performance.now();
    await answering(fleet, 503);
    await answering(fleet, 200, { patienceMs: MOST_MS });
    const ms = Math.round(performance.now() - begun);
    console.log(`      without service for ${ms} ms, with down-after-milliseconds 1000`);
    expect(await fleet.redis.role(to)).to.equal('master');
    expect(await facts(0)).to.deep.equal(known);
    expect(await facts(1)).to.deep.equal(known);
  }

  it('the primary is killed: both nodes go on with the replica, and push to devices that stayed connected', async () => {
    expect(await expectPushed('1.1.0', 0), 'told before the answer').to.equal(DEVICES);
    await failOver(fleet.redis.first, fleet.redis.second, () => fleet.redis.first.kill());
    await expectPushed('1.2.0', 1);
  });

  it('the old primary comes back as a replica, and nothing breaks', async () => {
    await fleet.redis.first.start();
    await fleet.redis.follows(fleet.redis.first);
    expect(await expectPushed('1.3.0', 0), 'told before the answer').to.equal(DEVICES);
    expect(await fleet.redis.role(fleet.redis.second)).to.equal('master');
  });

  it('the new primary hangs with all its connections: both nodes leave it, and hear each other again', async () => {
    await failOver(fleet.redis.second, fleet.redis.first, async () => fleet.redis.second.pause());
    await hearing();
    await expectPushed('1.4.0', 1);
    expect(await expectPushed('1.5.0', 0), 'told before the answer').to.equal(DEVICES);
    fleet.redis.second.resume();
    expect(await expectPushed('1.6.0', 1), 'told before the answer').to.equal(DEVICES);
    expect(await fleet.redis.role(fleet.redis.first)).to.equal('master');
  });
});
