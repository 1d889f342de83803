import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Device } from './device.js';
import { at } from './json.js';
import { OwnerApi } from './owner-api.js';
import { OwnerPeer } from './owner-peer.js';
import type { RedisServer, RedisServerOptions } from './redis-server.js';
import { type Account, newDataFolder, type Overrides, ServerProcess } from './server-process.js';

/** How long a test waits for what must come after a fault, on a machine that is busy, ms. */
export const LONG_MS = 30_000;

/** Redis writes every command to the disk before it answers. */
export const KEEPING: RedisServerOptions = { args: ['--appendonly', 'yes', '--appendfsync', 'always'] };

interface Place {
  readonly url: string;
  /** Ends what is behind the url. */
  dispose(): Promise<void>;
}

/** Several nodes on one Redis, with one folder for the firmware bytes. */
export class RedisFleet<P extends Place = RedisServer> {
  readonly nodes: ServerProcess[] = [];
  account: Account = { owner: '', ownerKey: '', deviceKey: '' };

  private constructor(
    readonly redis: P,
    readonly shared: string,
    readonly overrides: Overrides,
  ) {}

  /** So many nodes on this Redis, which ends with the fleet. */
  static async on<P extends Place>(
    redis: P,
    count: number,
    overrides: Overrides = {},
  ): Promise<RedisFleet<P>> {
    const shared = await mkdtemp(join(tmpdir(), 'firmwire-bytes-'));
    const fleet = new RedisFleet(redis, shared, overrides);
    try {
      for (let node = 0; node < count; node++) await fleet.add();
      return fleet;
    } catch (error) {
      await fleet.dispose();
      throw error;
    }
  }

  /** A data folder of a node that has never run. */
  async newData(): Promise<string> {
    const data = await newDataFolder();
    await mkdir(this.shared, { recursive: true });
    await symlink(this.shared, join(data, 'firmware'));
    return data;
  }

  /** One more node, on a new data folder or on one that is there. */
  async add(data?: string): Promise<ServerProcess> {
    const settings = { STORAGE: 'redis', REDIS_URL: this.redis.url, LOG_LEVEL: 'info', ...this.overrides };
    const node = await ServerProcess.start(settings, data ?? (await this.newData()));
    this.nodes.push(node);
    if (this.account.owner === '') this.account = node.account;
    node.account = this.account;
    return node;
  }

  node(index: number): ServerProcess {
    const node = this.nodes[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node;
  }

  api(index: number): OwnerApi {
    return new OwnerApi(this.node(index), this.account.ownerKey);
  }

  owner(index: number): Promise<OwnerPeer> {
    return OwnerPeer.open(this.node(index), this.account);
  }

  device(index: number, autoUpdate?: boolean): Device {
    const device = new Device(this.node(index), this.account);
    device.autoUpdate = autoUpdate;
    return device;
  }

  /** Kills this node and starts it again on its data. */
  async restart(index: number): Promise<ServerProcess> {
    const node = await this.node(index).killAndRestart();
    node.account = this.account;
    this.nodes[index] = node;
    return node;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()));
    await this.redis.dispose();
    await rm(this.shared, { recursive: true, force: true });
  }
}

/** Resolves once all nodes answer the owner with this status. @returns how long that took, ms */
export async function answering(
  fleet: RedisFleet<Place>,
  status: number,
  { code, patienceMs = LONG_MS }: { code?: string; patienceMs?: number } = {},
): Promise<number> {
  const begun = performance.now();
  for (const index of fleet.nodes.keys())
    for (;;) {
      const answer = await fleet.api(index).call('GET', '/devices');
      const told = JSON.stringify(answer.body);
      if (answer.status === status && (code === undefined || told.includes(`"code":"${code}"`))) break;
      if (performance.now() - begun > patienceMs)
        throw new Error(
          `node ${index} goes on answering ${answer.status} ${told}; its log:\n${fleet.node(index).err}`,
        );
      await delay(20);
    }
  return performance.now() - begun;
}

/** Resolves once all nodes let owners in over MQTT, which may be a moment later than HTTP goes on. */
export async function admitting(fleet: RedisFleet<Place>): Promise<void> {
  const end = performance.now() + LONG_MS;
  for (const index of fleet.nodes.keys())
    for (;;) {
      const owner = await fleet.owner(index).catch((error: unknown) => {
        // "Server unavailable" is the one refusal that says: come again.
        if (at(error, 'code') !== 3 || performance.now() > end) throw error;
      });
      await owner?.peer.end();
      if (owner) break;
      await delay(20);
    }
}

/** The lines of a node's log with this message, or all. */
export const logLines = (node: ServerProcess, message = ''): string[] =>
  node.err
    .split('\n')
    .filter((line) => line !== '' && line.includes(message === '' ? '' : `"msg":"${message}`));

/** CPU that a process has used so far, ms (proc(5), stat: utime and stime in hundredths of a second). */
export async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The name of the program, in brackets, may hold blanks.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
