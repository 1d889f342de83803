import { expect } from 'chai';
import { openRedis, type RedisStores } from '../../../../broker/storage/redis/index.js';
import { range } from '../../../contracts/harness.js';
import { aDevice, aFirmware, aToken, NOW, OWNER, UDID } from '../../../support/builders.js';
import { codeOf } from '../../../support/domain.js';
import { quick } from '../../../support/redis-link.js';
import { RedisServer } from '../../../support/redis-server.js';
import { aDecision, aRollout } from '../../../support/rollouts.js';

/** How long a write may take, ms. */
const MOST_MS = 3000;

describe('what is durable, with a replica that has to have it', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  let stores: RedisStores;

  beforeEach(async () => {
    primary = await RedisServer.start({ args: ['--repl-diskless-sync-delay', '0'] });
    replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
    await caughtUp();
    stores = await openRedis(quick(primary, { replicas: 1, commandMs: MOST_MS }));
  });
  afterEach(async () => {
    replica.resume();
    await stores.close();
    await replica.dispose();
    await primary.dispose();
  });

  /** Resolves once the replica has what there is. */
  const caughtUp = async () =>
    expect((await primary.commands(['SET', 'mark', 1], ['WAIT', 1, 10_000]))[1]).to.equal(1);
  const anOwner = (n: number) => ({ id: `${n}`, name: '', createdAt: NOW });

  it('is there when it is told as done', async () => {
    const created = await Promise.all(range(50).map((n) => stores.accounts.createOwner(anOwner(n))));
    expect(new Set(created)).to.deep.equal(new Set([true]));
    expect(await replica.command('ZCARD', 'owners')).to.equal(50);
    await stores.devices.create(aDevice());
    await stores.devices.flushed();
    expect(await replica.command('EXISTS', `device:${UDID}`)).to.equal(1);
  });

  it('fails within its time while the replica is away, all else goes on, and so does it when that is back', async () => {
    await stores.devices.create(aDevice());
    await stores.tokens.issue(aToken());
    await stores.tokens.begin(aToken().hash, 'first', NOW);
    await stores.accounts.addKey({ hash: 'old', owner: OWNER, alias: '', scope: 'owner', createdAt: NOW });
    await stores.firmware.put(aFirmware({ id: 'old' }));
    replica.pause();
    const start = performance.now();
    const failed = [
      stores.accounts.createOwner(anOwner(1)),
      stores.accounts.addKey({ hash: 'h', owner: OWNER, alias: '', scope: 'owner', createdAt: NOW }),
      stores.accounts.removeKey(OWNER, 'old'),
      stores.firmware.put(aFirmware()),
      stores.firmware.remove(OWNER, 'old'),
      stores.rollouts.put(aRollout(), [aDecision()]),
      stores.rollouts.note([aDecision()]),
      stores.tokens.complete(aToken().hash, 'first', [0, 300_000], NOW),
      stores.devices.flushed(),
      stores.devices.remove(OWNER, UDID),
    ].map(codeOf);
    expect(await stores.devices.create(aDevice({ udid: 'other' }))).to.equal(true);
    expect(performance.now() - start).to.be.lessThan(MOST_MS / 2);
    expect(new Set(await Promise.all(failed))).to.deep.equal(new Set(['store_unavailable']));
    expect(performance.now() - start).to.be.lessThan(MOST_MS + 300);
    expect(stores.link.state).to.equal('open');
    replica.resume();
    await caughtUp();
    expect(await stores.accounts.createOwner(anOwner(2))).to.equal(true);
  });
});
