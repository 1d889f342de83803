import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Device } from './device.js';
import { OwnerApi } from './owner-api.js';
import { RedisServer } from './redis-server.js';
import { type Account, newDataFolder, type Overrides, ServerProcess } from './server-process.js';

/** How long a test waits for what comes only after a node has been silent, or on a machine that is busy, ms. */
export const LONG_MS = 60_000;

/** Several `firmwire serve` on one Redis, with the firmware bytes in one folder. */
export class Cluster {
  readonly nodes: ServerProcess[] = [];
  account: Account = { owner: '', ownerKey: '', deviceKey: '' };

  private constructor(
    readonly redis: RedisServer,
    private readonly shared: string,
    private readonly overrides: Overrides,
  ) {}

  /** A new Redis and so many nodes that start at once. */
  static async start(count: number, overrides: Overrides = {}): Promise<Cluster> {
    const redis = await RedisServer.start();
    const cluster = new Cluster(redis, await mkdtemp(join(tmpdir(), 'firmwire-bytes-')), overrides);
    try {
      await cluster.add(count);
      return cluster;
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  /** Starts more nodes, all at once, each with a data folder of its own. */
  async add(count = 1): Promise<ServerProcess[]> {
    const starting = Array.from({ length: count }, () => this.#startNode());
    const started = await Promise.allSettled(starting);
    const added = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    this.nodes.push(...added);
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    const founder = this.nodes.find(({ account }) => account.owner !== '');
    if (founder) this.account = founder.account;
    // The keys of one are the keys of all.
    for (const node of this.nodes) node.account = this.account;
    return added;
  }

  /** Starts another node in the stead of each that has ended. */
  async heal(): Promise<void> {
    const ended = this.nodes.filter(({ hasEnded }) => hasEnded);
    for (const node of ended) {
      await node.dispose();
      this.nodes.splice(this.nodes.indexOf(node), 1);
    }
    await this.add(ended.length);
  }

  /** kill -9, and the same node again on the same ports and folder. */
  async restart(node: ServerProcess): Promise<ServerProcess> {
    await node.kill();
    const { mqttPort, httpPort, overrides, data } = node;
    const ports = { MQTT_PORT: String(mqttPort), HTTP_PORT: String(httpPort) };
    const again = await ServerProcess.start({ ...overrides, ...ports }, data);
    again.account = this.account;
    this.nodes[this.nodes.indexOf(node)] = again;
    return again;
  }

  /** The node with this number. */
  node(index: number): ServerProcess {
    const node = this.nodes[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** The owner's API on the node with this number. */
  api(index: number): OwnerApi {
    return new OwnerApi(this.node(index), this.account.ownerKey);
  }

  /** A device that will connect to the node with this number, not connected yet. */
  device(index: number, autoUpdate?: boolean): Device {
    const device = new Device(this.node(index), this.account);
    device.autoUpdate = autoUpdate;
    return device;
  }

  /** The node that keeps the timers, once it is one that lives; needs the log level `info`. */
  async keeper(): Promise<ServerProcess> {
    for (const end = Date.now() + LONG_MS; ; ) {
      const holder = await this.redis.command('GET', 'lease:timers');
      const said = `"node":"${String(holder)}","msg":"this node keeps the timers"`;
      const keeper = this.nodes.find(({ err, hasEnded }) => !hasEnded && err.includes(said));
      if (keeper) return keeper;
      if (Date.now() > end) throw new Error(`no node says that it is ${String(holder)}`);
    }
  }

  /** Ends all nodes, however they are, and removes everything. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()));
    await this.redis.dispose();
    await rm(this.shared, { recursive: true, force: true });
  }

  async #startNode(): Promise<ServerProcess> {
    const data = await newDataFolder();
    await shareFirmware(data, this.shared);
    const settings = {
      STORAGE: 'redis',
      REDIS_URL: this.redis.url,
      // Redis never fails here; a machine that is busy must not look as if it did.
      REDIS_COMMAND_SECONDS: '15',
      HOUSEKEEPING_SWEEP_SECONDS: '0.5',
    };
    return ServerProcess.start({ ...settings, ...this.overrides }, data);
  }
}

/** Makes the nodes keep their firmware bytes in one folder. */
async function shareFirmware(data: string, shared: string): Promise<void> {
  await mkdir(shared, { recursive: true });
  await symlink(shared, join(data, 'firmware'));
}

/** The owner that this node says it has made; undefined if it says nothing of the kind. */
export async function credentialsOf(node: ServerProcess): Promise<Account | undefined> {
  const text = await readFile(join(node.data, 'credentials.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Account);
}
