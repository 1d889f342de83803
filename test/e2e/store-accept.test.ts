import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { admitting, answering, logLines, RedisFleet } from '../support/redis-fleet.js';
import { RedisServer } from '../support/redis-server.js';
import { type Account, newDataFolder, type Overrides, runProgram } from '../support/server-process.js';

const EMPTIED = { code: 'store_emptied' };

describe('firmwire store accept', function () {
  this.timeout(60_000);
  let fleet: RedisFleet;
  let strangers: string;

  before(async () => {
    fleet = await RedisFleet.on(await RedisServer.start(), 2);
    strangers = await newDataFolder();
  });
  after(async () => {
    await fleet?.dispose();
    await rm(strangers, { recursive: true, force: true });
  });

  const accept = (data = fleet.node(0).data, overrides: Overrides = fleet.node(0).overrides) =>
    runProgram(['store', 'accept', '--data', data], data, overrides);
  const credentials = async (index: number): Promise<Account | undefined> => {
    const text = await readFile(join(fleet.node(index).data, 'credentials.json'), 'utf8').catch(
      () => undefined,
    );
    return text === undefined ? undefined : (JSON.parse(text) as Account);
  };
  const expectRefused = async (result: ReturnType<typeof accept>, why: RegExp): Promise<void> => {
    const { code, out, err } = await result;
    expect(err)
      .to.match(/^firmwire: [^\n]+\n$/)
      .and.to.match(why);
    expect([code, out]).to.deep.equal([1, '']);
  };

  it('refuses while nothing is lost, and changes nothing', async () => {
    const before = await fleet.redis.command('HGETALL', 'firmwire');
    await expectRefused(accept(), /nothing is lost/);
    expect(await fleet.redis.command('HGETALL', 'firmwire')).to.deep.equal(before);
  });

  it('refuses where there is no Redis, or no node has ever run', async () => {
    await expectRefused(accept(strangers, { STORAGE: 'embedded' }), /embedded/);
    await expectRefused(accept(strangers), /knows of no store/);
    expect(await readdir(strangers)).to.deep.equal([]);
  });

  it('refuses while Redis is away', async () => {
    await fleet.redis.stop();
    await expectRefused(accept(), /cannot be reached/);
    await fleet.redis.start();
  });

  it('makes all nodes go on, and one of them the first owner', async () => {
    await answering(fleet, 503, EMPTIED);
    const [old, none] = [await credentials(0), await credentials(1)];
    expect(old?.owner, 'whoever made the owner wrote the file').to.equal(fleet.account.owner);
    expect(none).to.equal(undefined);
    const { code, out, err } = await accept();
    expect([code, err]).to.deep.equal([0, '']);
    expect(out).to.match(/^Accepted[^\n]+\n$/);
    // The old keys are nobody's any more.
    await answering(fleet, 401);
    const made = [await credentials(0), await credentials(1)].filter(
      (each) => each !== undefined && each.owner !== old?.owner,
    );
    expect(made, 'files with a new owner').to.have.length(1);
    fleet.account = made[0] ?? fleet.account;
    await answering(fleet, 200);
    await admitting(fleet);
    const device = fleet.device(1);
    await device.start();
    await device.next('ok');
    expect(await fleet.api(0).device(device.udid)).to.have.property('online', true);
    await device.drop();
    for (const node of fleet.nodes)
      expect(logLines(node, 'another store takes the place of the lost one'), node.err).to.have.length(1);
  });

  it('is remembered: a node that starts again knows the new store, and there is nothing to accept any more', async () => {
    await fleet.restart(1);
    await answering(fleet, 200);
    await expectRefused(accept(fleet.node(1).data), /nothing is lost/);
    expect((await stat(join(fleet.node(1).data, 'store.json'))).isFile()).to.equal(true);
  });
});
