import { setTimeout as delay } from 'node:timers/promises';
import { openRedis, type RedisStores } from '../../broker/storage/redis/index.js';
import { CollectingLog } from '../support/collecting-log.js';
import { quick, until } from '../support/redis-link.js';
import { RedisServer } from '../support/redis-server.js';
import { describeAccountStore } from './account-store.js';
import { describeArchive } from './archive.js';
import { describeDueDevices } from './device-due.js';
import { describeDeviceStore } from './device-store.js';
import { describeFirmwareStore } from './firmware-store.js';
import type { Open } from './harness.js';
import { describeHistoryStore } from './history-store.js';
import { describeRetainedStore } from './retained-store.js';
import { describeSignerStore } from './signer-store.js';
import { describeTokenChange } from './token-change.js';
import { describeTokenStore } from './token-store.js';

const NAME = 'redis';
/** As many as redis-server has by default. */
const DATABASES = 16;

describe('stores on Redis', () => {
  let server: RedisServer;
  let nextDatabase = 0;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.dispose());

  /** Opens an empty Redis twice. */
  const opening =
    <T>(pick: (stores: RedisStores) => T): Open<T> =>
    async () => {
      await server.command('FLUSHALL');
      const open = () =>
        openRedis({ redis: { host: '127.0.0.1', port: server.port }, log: new CollectingLog() });
      const stores = await open();
      const others = await open();
      return {
        store: pick(stores),
        other: pick(others),
        close: async () => {
          await others.close();
          await stores.close();
        },
      };
    };

  describeAccountStore(
    NAME,
    opening(({ accounts }) => accounts),
  );
  describeDeviceStore(
    NAME,
    opening(({ devices }) => devices),
  );
  describeDueDevices(
    NAME,
    opening(({ devices }) => devices),
  );
  describeFirmwareStore(
    NAME,
    opening(({ firmware }) => firmware),
  );
  describeSignerStore(
    NAME,
    opening(({ signers }) => signers),
  );
  describeHistoryStore(
    NAME,
    opening((stores) => stores),
  );
  describeTokenStore(
    NAME,
    opening(({ tokens }) => tokens),
  );
  describeTokenChange(
    NAME,
    opening((stores) => stores),
  );
  describeRetainedStore(
    NAME,
    opening(({ retained }) => retained),
  );
  describeArchive(NAME, async () => {
    // Every store in a database of its own: there may be two at once.
    const db = nextDatabase;
    nextDatabase = (nextDatabase + 1) % DATABASES;
    await server.command('EVAL', `redis.call('SELECT', ARGV[1]) return redis.call('FLUSHDB')`, 0, db);
    const options = quick(server, { redis: { host: '127.0.0.1', port: server.port, db } });
    const store = await openRedis(options);
    const other = await openRedis(options);
    return {
      store,
      other,
      followed: async () => {
        while (other.link.id !== store.link.id) await delay(5);
        await until(other.link, 'open');
      },
      close: async () => {
        await other.close();
        await store.close();
      },
    };
  });
});
