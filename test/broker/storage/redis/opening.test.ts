import { expect } from 'chai';
import { acceptEmptied, openRedis, type RedisStores } from '../../../../broker/storage/redis/index.js';
import type { LinkOptions } from '../../../../broker/storage/redis/link.js';
import { range } from '../../../contracts/harness.js';
import { aDevice, NOW, OWNER, UDID } from '../../../support/builders.js';
import { codeOf } from '../../../support/domain.js';
import { quick, until } from '../../../support/redis-link.js';
import { freePort, RedisServer } from '../../../support/redis-server.js';

describe('opening a store on Redis', () => {
  let server: RedisServer;
  const opened: RedisStores[] = [];
  const open = async (change: Partial<LinkOptions> = {}): Promise<RedisStores> => {
    const stores = await openRedis(quick(server, change));
    opened.push(stores);
    return stores;
  };
  const failure = async (change: Partial<LinkOptions> = {}): Promise<string> =>
    open(change).then(
      () => 'no failure',
      (error: Error) => error.message,
    );
  const marker = (...fields: string[]) => server.command('HSET', 'firmwire', ...fields);

  before(async () => {
    server = await RedisServer.start();
  });
  beforeEach(() => server.command('FLUSHALL'));
  afterEach(async () => {
    for (const stores of opened.splice(0)) await stores.close();
  });
  after(() => server.dispose());

  it('makes the store once, of many nodes that start at the same time, and all know the same one', async () => {
    const nodes = await Promise.all(range(12).map(() => open()));
    expect(nodes.filter(({ isNew }) => isNew)).to.have.length(1);
    expect(new Set(nodes.map(({ link }) => link.id)).size).to.equal(1);
    expect((await open()).isNew).to.equal(false);
  });

  it('is not new if there is an owner, even without a marker', async () => {
    const { accounts } = await open();
    await accounts.createOwner({ id: OWNER, name: 'Ann', createdAt: NOW });
    await server.command('DEL', 'firmwire');
    const again = await open();
    expect([again.isNew, (await again.accounts.getOwner(OWNER))?.name]).to.deep.equal([false, 'Ann']);
  });

  it('remembers the store before anything is served from it', async () => {
    const remembered: string[] = [];
    const { link } = await open({
      remember: async (id) => {
        remembered.push(id);
      },
    });
    expect(remembered).to.deep.equal([link.id]);
    const again = await open({ known: link.id });
    expect([again.link.state, again.link.id, again.isNew]).to.deep.equal(['open', link.id, false]);
  });

  it('refuses what is not ours, what is too new, and leaves it as it is', async () => {
    await marker('format', 'else');
    expect(await failure()).to.match(/"firmwire" in Redis belongs to another program/);
    await marker('format', 'firmwire', 'id', 'x', 'version', '2');
    expect(await failure()).to.match(/newer version of Firmwire \(format 2\)/);
    await server.command('SET', 'firmwire', 'text');
    expect(await failure()).to.match(/belongs to another program/);
    expect(await failure({ known: 'x' })).to.equal('no failure');
    expect([opened[0]?.link.state, await server.command('GET', 'firmwire')]).to.deep.equal([
      'emptied',
      'text',
    ]);
  });

  it('refuses a cluster and says why', async () => {
    const cluster = await RedisServer.start({ args: ['--cluster-enabled', 'yes'] });
    const error = await openRedis(quick(cluster)).catch((reason: Error) => reason.message);
    expect(error).to.match(/Redis Cluster does not work.*wildcards lose retained.*several slots.*Sentinel/);
    await cluster.dispose();
  });

  it('waits for a Redis that comes later', async () => {
    const port = await freePort();
    const opening = open({ redis: { host: '127.0.0.1', port } });
    const late = await RedisServer.start({ port });
    expect((await opening).link.state).to.equal('open');
    await late.dispose();
  });

  it('gives up after its time, and says where and why, without the password', async () => {
    const port = await freePort();
    const redis = { host: '127.0.0.1', port, username: 'zoe', password: 'secret' };
    const error = await failure({ redis, openMs: 200 });
    expect(error).to.match(new RegExp(`^Redis at 127\\.0\\.0\\.1:${port} cannot be reached: .*ECONNREFUSED`));
    expect(error).to.not.match(/secret|zoe/);
  });

  it('gives up on a replica after its time', async () => {
    const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', `${server.port}`] });
    const error = await openRedis(quick(replica, { openMs: 200 })).catch((reason: Error) => reason.message);
    expect(error).to.match(/cannot be reached: This Redis is a replica/);
    await replica.dispose();
  });

  it('says at once that a login is refused, or that one is needed', async () => {
    const guarded = await RedisServer.start({ args: ['--requirepass', 'right'] });
    const at = { host: '127.0.0.1', port: guarded.port };
    expect(await failure({ redis: { ...at, password: 'wrong' } })).to.match(/refuses the login: WRONGPASS/);
    expect(await failure({ redis: at })).to.match(/refuses the login: .*NOAUTH/);
    expect(await failure({ redis: { ...at, password: 'right' } })).to.equal('no failure');
    await guarded.dispose();
  });

  describe('that took the place of a lost one', () => {
    it('is accepted for all nodes that knew the lost one, running and stopped, and for no other', async () => {
      const remembered: string[] = [];
      const running = await open({ remember: (id) => void remembered.push(id) });
      const lost = running.link.id;
      const stranger = await open({ known: 'another' });
      await server.command('FLUSHALL');
      await until(running.link, 'emptied');
      const id = await acceptEmptied(quick(server), lost);
      await until(running.link, 'open');
      expect(running.link.id).to.equal(id);
      expect(remembered).to.deep.equal([lost, id]);
      expect(await running.devices.create(aDevice())).to.equal(true);
      const stopped = await open({ known: lost });
      expect([stopped.link.id, stopped.isNew]).to.deep.equal([id, false]);
      expect((await stopped.devices.get(UDID))?.udid).to.equal(UDID);
      expect(stranger.link.state).to.equal('emptied');
      expect(await codeOf(stranger.devices.get(UDID))).to.equal('store_emptied');
    });

    it('is accepted again and again, also where nothing was lost', async () => {
      const { link } = await open();
      expect(await acceptEmptied(quick(server), link.id)).to.equal(link.id);
      await server.command('FLUSHALL');
      const ids = [await acceptEmptied(quick(server), link.id), await acceptEmptied(quick(server), link.id)];
      expect(new Set(ids).size).to.equal(1);
      await until(link, 'open');
    });

    it('serves nothing from it that cannot be remembered', async () => {
      let isFull = false;
      const { link } = await open({
        remember: async () => {
          if (isFull) throw new Error('ENOSPC');
        },
      });
      await server.command('FLUSHALL');
      await until(link, 'emptied');
      isFull = true;
      await acceptEmptied(quick(server), link.id);
      const before = link.id;
      expect([link.state, link.id]).to.deep.equal(['emptied', before]);
      isFull = false;
      await until(link, 'open');
    });
  });
});
