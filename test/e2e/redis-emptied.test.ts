import { readdir, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import type { Device } from '../support/device.js';
import { expectNoConnect, expectRefusals } from '../support/outage-probe.js';
import type { OwnerPeer } from '../support/owner-peer.js';
import { isWhole } from '../support/raw-http.js';
import { admitting, answering, LONG_MS, logLines, RedisFleet } from '../support/redis-fleet.js';
import { holdings, putBack } from '../support/redis-holdings.js';
import { RedisServer } from '../support/redis-server.js';
import { runProgram, ServerProcess } from '../support/server-process.js';

/** Of pino. */
const ERROR = 50;
const LOST = 'Redis has lost the store';

/** Keys that end by themselves say nothing about a fleet: who keeps the timers. */
async function lasting(redis: RedisServer): Promise<string[]> {
  const keys = (await redis.command('KEYS', '*')) as string[];
  const lives = await Promise.all(keys.map((key) => redis.command('PTTL', key)));
  return keys.filter((_, i) => lives[i] === -1);
}

describe('Redis has been emptied', function () {
  this.timeout(60_000);
  let fleet: RedisFleet;
  let owner: OwnerPeer;
  let device: Device;
  let stranger: Device;
  let url: string;
  let held: Awaited<ReturnType<typeof holdings>>;

  before(async () => {
    fleet = await RedisFleet.on(await RedisServer.start(), 2);
    stranger = fleet.device(0, true);
    device = fleet.device(1, true);
    await device.start();
    await device.next('ok');
  });
  after(() => fleet?.dispose());

  /** A device is owed an update and an owner listens; then Redis is emptied, and both nodes notice. */
  async function lose(version: string, empty: () => Promise<unknown>): Promise<void> {
    owner = await fleet.owner(1);
    await fleet.api(0).publish(madeUpImage(100_000, version), { version, platform: device.platform });
    ({ url } = await device.nextOffer());
    held = await holdings(fleet.redis);
    await empty();
    await answering(fleet, 503, { code: 'store_emptied' });
  }

  /** Devices and owners are told, on both nodes, and there is no empty fleet. */
  async function expectLost(times: number): Promise<void> {
    for (const node of fleet.nodes) {
      await expectRefusals(node, stranger, url, 'store_emptied');
      await expectNoConnect(node, stranger);
      expect(logLines(node, LOST), node.err).to.have.length(times);
      expect(JSON.parse(logLines(node, LOST)[0] ?? '')).to.include({ level: ERROR });
    }
    // A token that is of no use is not told from one that was lost.
    stranger.server = fleet.node(0);
    expect((await stranger.download(`/device/firmware?ott=${'A'.repeat(43)}`)).status).to.equal(503);
  }

  /** Nobody is acknowledged anything on the sessions that stand, and nothing of theirs gets into the empty Redis. */
  async function expectNothingTaken(): Promise<void> {
    const answered = device.peer.inbox.all.length;
    for (let again = 0; again < 5; again++) await device.checkIn();
    const replied = await owner.reply(device.udid, true).then(
      () => true,
      () => false,
    );
    expect(replied, 'a reply that cannot be stored').to.equal(false);
    await owner.peer.closed;
    expect(device.peer.isConnected).to.equal(true);
    expect(device.peer.inbox.all).to.have.length(answered);
    expect(await lasting(fleet.redis)).to.deep.equal([]);
  }

  /** The data are put back, and all goes on by itself. */
  async function expectBack(version: string): Promise<void> {
    await putBack(fleet.redis, held);
    const ms = await answering(fleet, 200);
    await admitting(fleet);
    console.log(`      all is well ${Math.round(ms)} ms after the data were back`);
    expect(device.peer.isConnected).to.equal(true);
    for (const index of fleet.nodes.keys())
      for (const end = performance.now() + LONG_MS; ; await delay(50)) {
        const { online } = (await fleet.api(index).device(device.udid)) as { online: boolean };
        if (online) break;
        expect(performance.now(), `shown as offline on node ${index}, ms`).to.be.below(end);
      }
    expect(isWhole(await device.download(url)), 'the token from before').to.equal(true);
    expect((await device.download(url)).status).to.equal(404);
    device.version = version;
    const later = await fleet.owner(0);
    await device.checkIn();
    await later.event('installed', device.udid);
    await later.peer.end();
  }

  describe('by a restart without its data', () => {
    before(() =>
      lose('1.1.0', async () => {
        await fleet.redis.kill();
        await fleet.redis.start();
      }),
    );

    it('is told to everybody, and once to the log', () => expectLost(1));

    it('takes nothing from the sessions that stand, and writes nothing', expectNothingTaken);

    it('is remembered by a node that is killed and started again: it is up and refuses', async () => {
      const node = await fleet.restart(0);
      expect((await fetch(`${node.httpUrl}/health`)).status).to.equal(200);
      await expectLost(1);
      expect(await lasting(fleet.redis)).to.deep.equal([]);
    });

    it('is not filled by a command that makes an owner', async () => {
      const { data, overrides } = fleet.node(1);
      const made = await runProgram(['owner', 'add', 'second'], data, overrides);
      expect(made.code, made.out).to.equal(1);
      expect(made.err.trim().split('\n').at(-1)).to.match(/^firmwire: .*emptied/);
      expect(await lasting(fleet.redis)).to.deep.equal([]);
    });

    it('is not made a store by a node that is new, as long as others know the lost one', async () => {
      const data = await fleet.newData();
      const said = await ServerProcess.start(fleet.node(1).overrides, data).then(
        async (node) => {
          await node.kill();
          return 'it started';
        },
        (error: Error) => error.message,
      );
      expect(said).to.match(/^firmwire: .*lost.*$/m);
      expect(await readdir(data), 'a new owner').not.to.include('credentials.json');
      expect(await lasting(fleet.redis)).to.deep.equal([]);
      await rm(data, { recursive: true });
    });

    it('is over once the data are back', () => expectBack('1.1.0'));
  });

  describe('by FLUSHALL while it runs', () => {
    before(() => lose('1.2.0', () => fleet.redis.command('FLUSHALL')));

    it('is told to everybody, and once more to the log', () => expectLost(2));

    it('takes nothing from the sessions that stand, and writes nothing', expectNothingTaken);

    it('is over once the data are back', () => expectBack('1.2.0'));
  });
});
