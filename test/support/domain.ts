import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openBlobs } from '../../broker/storage/blobs.js';
import { type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import type { Device } from '../../core/device.js';
import { FirmwireError } from '../../core/errors.js';
import type { BlobStore, Presence } from '../../core/ports.js';
import type { KeyWatch } from '../../core/services/accounts.js';
import { Conversation } from '../../core/services/conversation.js';
import type { Delivery } from '../../core/services/downloads.js';
import type { Published, PublishFields } from '../../core/services/publisher.js';
import { loadSettings } from '../../scripts/config/load.js';
import type { DeepPartial, Settings } from '../../scripts/config/schema.js';
import { buildDomain, type Domain } from '../../scripts/server/domain.js';
import { loneNode, type Nodes } from '../../scripts/server/nodes.js';
import { aDevice, OWNER, UDID } from './builders.js';
import { CollectingLog } from './collecting-log.js';
import { CountingTelemetry } from './counting-telemetry.js';
import { FakeClock } from './fake-clock.js';
import { watched, watchForSecrets } from './secrets.js';

/** One message to an owner. */
export interface Told {
  readonly owner: string;
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

export interface WorldOptions {
  readonly settings?: DeepPartial<Settings>;
  /** Stands between the services and the stores. */
  readonly wrap?: (stores: EmbeddedStores) => EmbeddedStores;
  readonly presence?: Presence;
  /** False: no owner listens. */
  readonly isHeard?: boolean;
  /** One of several nodes: what ties it to the others, their time, and the folder that all share. */
  readonly joined?: Joined;
}

/** What the worlds of several nodes have in common; see two-nodes.ts. */
export interface Joined {
  readonly dir: string;
  readonly clock: FakeClock;
  readonly nodes: Nodes;
  readonly keyWatch: KeyWatch;
}

/** The bytes of an ESP8266 image of this size, different for every mark. */
export const anImage = (size = 1000, mark = 0): Buffer => Buffer.alloc(size, mark).fill(0xe9, 0, 1);

/** The services as scripts/server/domain.ts builds them, on the embedded store, with time that a test moves. */
export class World {
  readonly clock: FakeClock;
  readonly log: CollectingLog = new CollectingLog();
  readonly telemetry: CountingTelemetry = new CountingTelemetry();
  /** Everything owners were told, oldest first. */
  readonly told: Told[] = [];
  readonly revoked: string[] = [];
  readonly ending: { keyId: string; at: number }[] = [];
  readonly domain: Domain;

  private constructor(
    readonly settings: Settings,
    readonly dir: string,
    readonly stores: EmbeddedStores,
    readonly blobs: BlobStore,
    presence: Presence,
    joined: Joined | undefined,
    isHeard: boolean,
  ) {
    this.clock = joined?.clock ?? new FakeClock();
    this.domain = buildDomain({
      settings,
      stores,
      blobs,
      outbox: {
        isHeard: () => isHeard,
        backlog: () => 0,
        toOwner: (owner, topic, payload, retain) => {
          watchForSecrets(`a message on ${topic}`, payload);
          if (isHeard) this.told.push({ owner, topic, payload, retain });
        },
      },
      presence,
      clock: this.clock,
      telemetry: this.telemetry,
      log: this.log,
      nodes: joined?.nodes ?? loneNode(this.clock, this.log),
      keyWatch: {
        revoked: (owner, keyId) => {
          this.revoked.push(keyId);
          joined?.keyWatch.revoked(owner, keyId);
        },
        ends: (owner, keyId, at) => {
          this.ending.push({ keyId, at });
          joined?.keyWatch.ends(owner, keyId, at);
        },
      },
    });
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const settings = await loadSettings({ file: false, env: {}, overrides: options.settings ?? {} });
    const dir = options.joined?.dir ?? (await mkdtemp(join(tmpdir(), 'firmwire-world-')));
    const stores = watched(await openEmbedded(join(dir, 'store')));
    const blobs = await openBlobs(join(dir, 'firmware'), settings.downloads.cacheBytes);
    const wrapped = options.wrap?.(stores) ?? stores;
    const presence = options.presence ?? { isOnline: () => false };
    return new World(settings, dir, wrapped, blobs, presence, options.joined, options.isHeard ?? true);
  }

  /** The same stores under a domain that knows nothing yet: as after a restart. The clocks are two. */
  again(presence: Presence): World {
    return new World(this.settings, this.dir, this.stores, this.blobs, presence, undefined, true);
  }

  async close(): Promise<void> {
    await this.stores.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Puts a device into the store as it is. */
  async device(change: Partial<Device> = {}): Promise<Device> {
    const device = aDevice(change);
    await this.stores.devices.create(device);
    return device;
  }

  /** The record as it stands. */
  async record(udid = UDID): Promise<Device> {
    const device = await this.stores.devices.get(udid);
    if (!device) throw new Error(`there is no device ${udid}`);
    return device;
  }

  /** Publishes an image, version 1.1.0 for every ESP8266 of `OWNER` unless said otherwise. */
  publish(change: Partial<PublishFields> = {}, bytes = anImage(), owner = OWNER): Promise<Published> {
    return this.publishFiles(change, [['firmware.bin', bytes]], owner);
  }

  async publishFiles(
    change: Partial<PublishFields>,
    files: readonly (readonly [name: string, data: Buffer])[],
    owner = OWNER,
  ): Promise<Published> {
    const { publisher } = this.domain;
    const arrived = await Promise.all(
      files.map(([name, data]) => publisher.receive(name, Readable.from([data]), 1e6)),
    );
    const fields: PublishFields = {
      version: '1.1.0',
      platform: 'arduino:esp8266',
      udid: undefined,
      notes: undefined,
      envHash: undefined,
      tags: [],
      rollout: 'all-at-once',
      manifest: undefined,
      ...change,
    };
    return publisher.publish(owner, fields, arrived, 'test');
  }

  /** Begins to fetch what a token is for. */
  async redeem(token: string, freeSpace?: number, abort = (): void => {}): Promise<Delivery> {
    const { downloads } = this.domain;
    return downloads.begin(await downloads.find(token, freeSpace), abort);
  }

  /** A device on an MQTT connection, and what it was told; while its line is not up, nothing reaches it. */
  connection(udid = UDID): { conversation: Conversation; said: string[]; line: { isUp: boolean } } {
    const said: string[] = [];
    const line = { isUp: true };
    const send = async (payloads: readonly string[]) => {
      if (line.isUp) said.push(...payloads);
      return line.isUp;
    };
    const conversation = new Conversation(udid, send, this.domain.conversation);
    this.domain.conversations.open(conversation);
    return { conversation, said, line };
  }

  /** Lets time pass and waits for what that set going for this device: looks at a device go one after the other. */
  async pass(ms: number, udid = UDID): Promise<void> {
    this.clock.advance(ms);
    await this.domain.desk.consider(udid);
  }

  /** The payloads on a topic that ends with this, oldest first. */
  toldOn(ending: string): string[] {
    return this.told.filter(({ topic }) => topic.endsWith(ending)).map(({ payload }) => payload);
  }

  /** The names of the events owners were told. */
  get events(): string[] {
    return this.toldOn('/rtm/events').map((payload) => String(JSON.parse(payload).event));
  }
}

/** What was said to a device, in a word each: `OK`, or `FIRMWARE_UPDATE <version>`. */
export const words = (said: readonly string[]): string[] =>
  said.map((payload) => {
    const { status, version } = JSON.parse(payload).registration;
    return version === undefined ? status : `${status} ${version}`;
  });

/** The token in the last offer that was said. */
export function tokenIn(said: readonly string[]): string {
  const tokens = said.map((payload) => JSON.parse(payload).registration.ott);
  const token: unknown = tokens.findLast((text) => typeof text === 'string');
  if (typeof token !== 'string') throw new Error('no offer was said');
  return token;
}

/** The code of the failure, or what came instead. */
export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => {
      watchForSecrets('an error', String(error));
      return error instanceof FirmwireError ? error.code : error;
    },
  );
