import { expect } from 'chai';
import { openRedis, type RedisStores } from '../../../../broker/storage/redis/index.js';
import type { LinkOptions } from '../../../../broker/storage/redis/link.js';
import { collect } from '../../../contracts/harness.js';
import { aDevice, aFirmware, aToken, NOW, OWNER, UDID } from '../../../support/builders.js';
import { CollectingLog } from '../../../support/collecting-log.js';
import { codeOf } from '../../../support/domain.js';
import { COMMAND_MS, quick, until } from '../../../support/redis-link.js';
import { RedisServer } from '../../../support/redis-server.js';
import { aDecision, aRollout } from '../../../support/rollouts.js';
import { TcpProxy } from '../../../support/tcp-proxy.js';

describe('a link to Redis', () => {
  let server: RedisServer;
  const opened: RedisStores[] = [];
  const open = async (change: Partial<LinkOptions> = {}, at = server): Promise<RedisStores> => {
    const stores = await openRedis(quick(at, change));
    opened.push(stores);
    return stores;
  };
  const timed = async (promise: Promise<unknown>) => {
    const start = performance.now();
    return { code: await codeOf(promise), ms: performance.now() - start };
  };

  beforeEach(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    server.resume();
    for (const stores of opened.splice(0)) await stores.close();
    await server.dispose();
  });

  it('fails every call at once while Redis is down, and goes on by itself when it is back with its data', async () => {
    await server.dispose();
    server = await RedisServer.start({ args: ['--appendonly', 'yes'] });
    const { link, devices, tokens } = await open();
    await devices.create(aDevice());
    await server.kill();
    await until(link, 'away');
    for (const call of [devices.get(UDID), devices.create(aDevice()), tokens.issue(aToken())]) {
      const { code, ms } = await timed(call);
      expect(code).to.equal('store_unavailable');
      expect(ms).to.be.lessThan(50);
    }
    await server.start();
    await until(link, 'open');
    expect((await devices.get(UDID))?.udid).to.equal(UDID);
  });

  it('fails what waits for an answer when the connection is lost', async () => {
    const { devices } = await open();
    server.pause();
    const waiting = [devices.get(UDID), devices.create(aDevice())].map(codeOf);
    await server.kill();
    expect(await Promise.all(waiting)).to.deep.equal(['store_unavailable', 'store_unavailable']);
  });

  it('waits for an answer for as long as a command may take, then fails all others at once', async () => {
    const { link, devices } = await open({ heartbeatMs: 60_000 });
    server.pause();
    const first = await timed(devices.get(UDID));
    expect(first.code).to.equal('store_unavailable');
    expect(first.ms).to.be.within(COMMAND_MS - 10, COMMAND_MS + 300);
    expect(link.state).to.equal('away');
    const next = await timed(devices.create(aDevice()));
    expect(next.code).to.equal('store_unavailable');
    expect(next.ms).to.be.lessThan(50);
    server.resume();
    await until(link, 'open');
    expect(await devices.create(aDevice())).to.equal(true);
  });

  it('gives up a connection that leads nowhere, and one that is taken and not served', async () => {
    const proxy = await TcpProxy.start(server.port);
    const { link } = await open({ redis: { host: '127.0.0.1', port: proxy.port } });
    proxy.isFrozen = true;
    await until(link, 'away');
    await proxy.connections(2);
    expect(link.state).to.equal('away');
    proxy.isFrozen = false;
    await until(link, 'open');
    await proxy.stop();
  });

  it('tells what happens, each change once', async () => {
    const log = new CollectingLog();
    const { link } = await open({ log });
    const states: string[] = [];
    link.onState((state) => states.push(state));
    await server.kill();
    await until(link, 'away');
    await server.start();
    await until(link, 'emptied');
    expect(states).to.deep.equal(['away', 'emptied']);
    expect(log.lines.map(({ level }) => level)).to.deep.equal(['info', 'warn', 'error']);
    expect(log.lines.at(-1)?.facts).to.include({ expected: link.id, redis: `127.0.0.1:${server.port}` });
  });

  describe('to a Redis that lost its data', () => {
    const everyCall = ({ accounts, devices, firmware, rollouts, tokens, retained }: RedisStores) => [
      accounts.createOwner({ id: OWNER, name: '', createdAt: NOW }),
      accounts.getOwner(OWNER),
      collect(accounts.owners()),
      accounts.getKey('k'),
      accounts.listKeys(OWNER),
      accounts.removeKey(OWNER, 'k'),
      devices.create(aDevice()),
      devices.get(UDID),
      devices.findByMac(OWNER, '5CCF7F1A2B3C'),
      devices.update(UDID, (device) => device),
      devices.remove(OWNER, UDID),
      devices.list(OWNER, 10),
      devices.flushed(),
      firmware.get('f'),
      firmware.list(OWNER),
      firmware.put(aFirmware()),
      firmware.isUsed('00'),
      rollouts.get('r'),
      rollouts.list(OWNER),
      rollouts.live(),
      rollouts.put(aRollout(), [aDecision()]),
      rollouts.put(aRollout({ revision: 2 }), []),
      rollouts.note([aDecision()]),
      rollouts.log(OWNER, 10),
      tokens.issue(aToken()),
      tokens.issue(aToken(), (device) => device),
      tokens.get('t'),
      tokens.begin('t', 'a', NOW),
      tokens.complete('t', 'a', [0, 1], NOW),
      tokens.kill(UDID),
      retained.put({ topic: '/t', payload: Buffer.of(1), qos: 0 }),
      retained.remove('/t'),
    ];
    const codes = async (stores: RedisStores) => new Set(await Promise.all(everyCall(stores).map(codeOf)));

    it('says so at the first call, before anybody has looked, and nothing is written', async () => {
      const stores = await open({ heartbeatMs: 60_000 });
      const calls = everyCall(stores).length;
      await Promise.allSettled(everyCall(stores));
      for (let n = 0; n < calls; n++) {
        const again = await open({ heartbeatMs: 60_000, known: stores.link.id });
        await server.command('FLUSHALL');
        expect(await codeOf(everyCall(again)[n] as Promise<unknown>), `call ${n}`).to.equal('store_emptied');
        expect(again.link.state).to.equal('emptied');
        expect(await server.command('DBSIZE')).to.equal(0);
        await server.command('HSET', 'firmwire', 'format', 'firmwire', 'version', 1, 'id', stores.link.id);
      }
    });

    it('says so after a restart, and writes nothing', async () => {
      const stores = await open();
      await server.kill();
      await server.start();
      await until(stores.link, 'emptied');
      expect([...(await codes(stores))]).to.deep.equal(['store_emptied']);
      expect(await server.command('DBSIZE')).to.equal(0);
    });

    it('notices it although the connection stays and nobody calls', async () => {
      const { link } = await open();
      await server.command('FLUSHALL');
      await until(link, 'emptied');
    });

    it('does not take the store that a new node made there for its own', async () => {
      const stores = await open();
      await server.command('FLUSHALL');
      const fresh = await open();
      expect(fresh.isNew).to.equal(true);
      await until(stores.link, 'emptied');
      expect([...(await codes(stores))]).to.deep.equal(['store_emptied']);
    });

    it('starts, and waits, if it knows the store from before', async () => {
      const before = await open();
      await server.command('FLUSHALL');
      const stores = await open({ known: before.link.id });
      expect([stores.link.state, stores.isNew]).to.deep.equal(['emptied', false]);
      expect([...(await codes(stores))]).to.deep.equal(['store_emptied']);
      expect(await server.command('DBSIZE')).to.equal(0);
    });

    it('goes on when the store is back', async () => {
      const { link, devices } = await open();
      await server.command('FLUSHALL');
      await until(link, 'emptied');
      await server.command('HSET', 'firmwire', 'format', 'firmwire', 'version', 1, 'id', link.id);
      await until(link, 'open');
      expect(await devices.create(aDevice())).to.equal(true);
    });
  });

  describe('to a Redis that cannot write', () => {
    it('which became a replica: nothing is served, until it is a primary again', async () => {
      const { link, devices } = await open();
      await devices.create(aDevice());
      await server.command('REPLICAOF', '127.0.0.1', 1);
      await until(link, 'away');
      expect(await codeOf(devices.get(UDID))).to.equal('store_unavailable');
      await server.command('REPLICAOF', 'NO', 'ONE');
      await until(link, 'open');
      expect(await devices.remove(OWNER, UDID)).to.equal(true);
    });

    it('which became a replica a moment ago: a write fails, and the link looks anew', async () => {
      const { link, devices } = await open({ heartbeatMs: 60_000 });
      await server.command('REPLICAOF', '127.0.0.1', 1);
      expect(await codeOf(devices.create(aDevice()))).to.equal('store_unavailable');
      await until(link, 'away');
    });

    it('which is full: writes fail as a whole and are told the log, reads go on', async () => {
      const log = new CollectingLog();
      const { devices, tokens } = await open({ log });
      await devices.create(aDevice());
      await server.command('CONFIG', 'SET', 'maxmemory', 1);
      for (const n of [1, 2, 3]) {
        const issue = tokens.issue(aToken({ hash: `${n}` }), (device) => ({ ...device, tags: ['x'] }));
        expect(await codeOf(issue)).to.equal('store_unavailable');
      }
      expect((await devices.get(UDID))?.tags).to.deep.equal([]);
      expect(log.lines.filter(({ message }) => message === 'Redis refuses')).to.have.length(1);
      await server.command('CONFIG', 'SET', 'maxmemory', 0);
      expect(await tokens.get('1')).to.equal(undefined);
      expect(await tokens.issue(aToken(), (device) => device)).to.not.equal(undefined);
    });
  });

  it('refuses calls once closed, and may be closed again, with and without Redis', async () => {
    const [one, two] = [await open(), await open()];
    const writing = one.devices.create(aDevice());
    await Promise.all([one.close(), one.close()]);
    expect(await writing).to.equal(true);
    await server.kill();
    await until(two.link, 'away');
    await two.close();
    for (const { devices, tokens } of [one, two]) {
      for (const call of [devices.get(UDID), devices.create(aDevice()), tokens.kill(UDID)])
        expect(String(await call.catch((error) => error))).to.equal('Error: The store is closed.');
    }
  });
});
