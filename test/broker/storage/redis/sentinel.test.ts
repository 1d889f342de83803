import { expect } from 'chai';
import { openRedis, type RedisStores } from '../../../../broker/storage/redis/index.js';
import { redisOptions } from '../../../../broker/storage/redis/url.js';
import { aDevice, OWNER, UDID } from '../../../support/builders.js';
import { codeOf } from '../../../support/domain.js';
import { quick, until } from '../../../support/redis-link.js';
import { RedisServer } from '../../../support/redis-server.js';

const NAME = 'firmwire-primary';

describe('a link to Redis under Sentinel', () => {
  const servers: RedisServer[] = [];
  let stores: RedisStores | undefined;
  const started = async (starting: Promise<RedisServer>): Promise<RedisServer> => {
    const server = await starting;
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    await stores?.close();
    for (const server of servers.splice(0)) await server.dispose();
  });

  it('goes on with the replica when the primary has died, with the same store', async () => {
    const delay = ['--repl-diskless-sync-delay', '0'];
    const primary = await started(RedisServer.start({ args: delay }));
    const replica = await started(
      RedisServer.start({ args: [...delay, '--replicaof', '127.0.0.1', `${primary.port}`] }),
    );
    await primary.commands(['SET', 'mark', 1], ['WAIT', 1, 10_000]);
    const sentinel = await started(RedisServer.sentinel(NAME, primary.port));
    const redis = redisOptions(`redis+sentinel://127.0.0.1:${sentinel.port}/${NAME}`);
    // The replica has a third of the command's time, and shares two cores with everybody.
    stores = await openRedis(quick(primary, { redis, replicas: 1, commandMs: 6000 }));
    const { link, devices } = stores;
    const before = link.id;
    expect(await devices.create(aDevice())).to.equal(true);
    await devices.flushed();
    // It is asked every second or so; without having heard of the replica it could not choose it.
    for (let known = ''; !known.includes(`${replica.port}`); )
      known = String(await sentinel.command('SENTINEL', 'REPLICAS', NAME));

    await primary.kill();
    await until(link, 'away');
    expect(await codeOf(devices.get(UDID))).to.equal('store_unavailable');
    await until(link, 'open');
    expect(link.id).to.equal(before);
    expect((await devices.get(UDID))?.udid).to.equal(UDID);
    expect(await devices.update(UDID, (device) => ({ ...device, alias: 'after' }))).to.include({
      alias: 'after',
    });
    expect(await replica.command('EXISTS', `device:${UDID}`)).to.equal(1);
    // No replica is left that could have it.
    expect(await codeOf(devices.remove(OWNER, UDID))).to.equal('store_unavailable');
  });
});
