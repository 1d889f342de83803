import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { at, listAt } from '../support/json.js';
import { type OwnerApi, ownerApi } from '../support/owner-api.js';
import { RedisServer } from '../support/redis-server.js';
import { newDataFolder, type Overrides, runProgram, ServerProcess } from '../support/server-process.js';

describe('a backup moves a fleet', function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let folder: string;
  let servers: ServerProcess[];
  beforeEach(async () => {
    [redis, folder, servers] = [await RedisServer.start(), await newDataFolder(), []];
  });
  afterEach(async () => {
    for (const server of servers) await server.dispose();
    await redis.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const onRedis = (): Overrides => ({
    STORAGE: 'redis',
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
  });

  async function start(overrides: Overrides = {}, data?: string): Promise<ServerProcess> {
    const server = await ServerProcess.start(overrides, data);
    servers.push(server);
    return server;
  }

  async function run(server: { data: string; overrides: Overrides }, ...args: string[]): Promise<string> {
    const { code, out, err } = await runProgram(args, server.data, server.overrides);
    expect([code, err], args.join(' ')).to.deep.equal([0, '']);
    return out;
  }

  /** What an owner sees of it all, but for who is there just now. */
  async function seen(api: OwnerApi): Promise<unknown> {
    const devices = listAt((await api.call('GET', '/devices')).body, 'devices');
    const firmware = listAt((await api.call('GET', '/firmware')).body, 'firmware');
    const facts = ['udid', 'alias', 'version', 'autoUpdate', 'update.state', 'update.version'];
    return { devices: devices.map((device) => facts.map((fact) => at(device, fact))), firmware };
  }

  it('from an embedded server to nodes on Redis that are running, and back, also after Redis was emptied', async () => {
    const embedded = await start();
    const [told, asked] = [new Device(embedded, embedded.account), new Device(embedded, embedded.account)];
    told.autoUpdate = true;
    for (const device of [told, asked]) await device.register();
    const image = madeUpImage(50_000, 'moved');
    await ownerApi(embedded).publish(image, { version: '1.1.0', platform: PLATFORM });
    const before = await seen(ownerApi(embedded));
    const file = join(folder, 'fleet.tar.gz');
    await run(embedded, 'backup', file);

    // Two nodes run on a Redis with an owner of its own; all of that is replaced.
    const first = await start(onRedis());
    const shared = join(first.data, 'firmware');
    const overrides = { ...onRedis(), FIRMWARE_DIR: shared };
    const second = await start(overrides);
    const refused = await runProgram(['restore', file], second.data, overrides);
    expect(refused.code).to.equal(1);
    expect(refused.err).to.match(/^firmwire: The store in Redis is not empty; --force replaces all/);
    await run(second, 'restore', file, '--force');

    // They go on by themselves, with the owner and the keys of the embedded server.
    for (const node of [first, second]) {
      node.account = embedded.account;
      await until(async () => (await fetch(`${node.httpUrl}/ready`)).status === 200);
      await until(async () => (await ownerApi(node).call('GET', '/devices')).status === 200);
      expect(await seen(ownerApi(node))).to.deep.equal(before);
    }
    told.server = second;
    await told.start();
    expect((await told.download((await told.nextOffer()).url)).body.equals(image)).to.equal(true);
    await told.drop();
    // Its record follows a moment after the last byte.
    const state = async () => at(await ownerApi(first).device(told.udid), 'update.state');
    await until(async () => (await state()) === 'downloaded');

    // A backup of the nodes while they run brings back what Redis has lost.
    const now = await seen(ownerApi(first));
    const later = join(folder, 'later.tar');
    await run(second, 'backup', later);
    await redis.command('FLUSHALL');
    await until(async () => (await ownerApi(first).call('GET', '/devices')).status === 503);
    await run(second, 'restore', later);
    await until(async () => (await ownerApi(first).call('GET', '/devices')).status === 200);
    expect(await seen(ownerApi(first))).to.deep.equal(now);

    // And to a new embedded server.
    const data = await newDataFolder();
    await run({ data, overrides: {} }, 'restore', later);
    await copyFile(join(embedded.data, 'credentials.json'), join(data, 'credentials.json'));
    expect(await seen(ownerApi(await start({}, data)))).to.deep.equal(now);
  });
});

/** Asks again and again, until it is so: nodes find out by themselves within a second. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo()); )
    if (Date.now() > end) throw new Error('it has not come to that within 30 s');
}
