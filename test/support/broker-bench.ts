import { type Duplex, duplexPair } from 'node:stream';
import { Aedes } from 'aedes';
import { expect } from 'chai';
import { type Attached, attach } from '../../broker/attach.js';
import { accept } from '../../broker/listener.js';
import type { PacketLimits } from '../../broker/packet-limit.js';
import type { Identity, Plugin } from '../../broker/plugin.js';
import type { RetainedMessage, RetainedSource, Subscriber } from '../../broker/retained.js';
import { filterMatches } from '../../core/topics.js';
import { OWNER } from './builders.js';
import { CollectingLog } from './collecting-log.js';
import { CountedLimits } from './counted-limits.js';
import { type Connecting, WireClient } from './wire-client.js';

/** How long a plugin may take on the bench, ms: hanging ones cost a test so much real time. */
export const HOOK_MS = 40;

export const anOwner = (change: Partial<Identity> = {}): Identity => ({
  owner: OWNER,
  scope: 'owner',
  keyId: '0011223344556677',
  udid: undefined,
  ...change,
});

/** Vouches for everybody and allows everything; each member can be replaced. */
export const permissive = (change: Partial<Plugin> = {}): Plugin => ({
  name: 'permissive',
  authenticate: async () => anOwner(),
  mayPublish: () => 'allow',
  maySubscribe: () => 'allow',
  mayReceive: () => 'allow',
  ...change,
});

/** Retained messages in memory, for everybody. */
export class MemoryRetained implements RetainedSource {
  readonly messages = new Map<string, RetainedMessage>();

  async store(message: RetainedMessage): Promise<void> {
    if (message.payload.length === 0) this.messages.delete(message.topic);
    else this.messages.set(message.topic, message);
  }

  async *matching({ granted }: Subscriber): AsyncIterable<RetainedMessage[]> {
    yield [...this.messages.values()].filter((message) =>
      granted.some(({ topic }) => filterMatches(topic, message.topic)),
    );
  }
}

export interface BenchOptions {
  readonly plugins?: readonly Plugin[];
  readonly retained?: RetainedSource;
  readonly limits?: { first: number; later: number };
  /** A broker built by the test. */
  readonly broker?: Aedes;
  readonly mayAcknowledge?: () => boolean;
  /** How many messages may wait for a client that is away. */
  readonly queued?: number;
}

/** A real broker under the law of some plugins, reached over pairs of streams. */
export class Bench {
  readonly retained: RetainedSource;
  readonly attached: Attached;
  readonly watch = new CountedLimits();
  readonly #limits: PacketLimits;
  #clients = 0;

  private constructor(
    readonly broker: Aedes,
    readonly log: CollectingLog,
    options: BenchOptions,
  ) {
    const { plugins = [permissive()], retained = new MemoryRetained(), limits, mayAcknowledge } = options;
    this.retained = retained;
    this.#limits = { first: 1024, later: 65_536, ...limits, watch: this.watch };
    broker.on('clientError', (client, err) => log.debug({ err, clientId: client.id }, 'a session failed'));
    broker.on('connectionError', (_client, err) => log.debug({ err }, 'a connection failed'));
    const acknowledging = mayAcknowledge && { mayAcknowledge };
    const queue = { most: options.queued ?? 10_000, watch: this.watch };
    this.attached = attach(broker, plugins, { log, hookMs: HOOK_MS, retained, queue, ...acknowledging });
  }

  static async open(options: BenchOptions = {}): Promise<Bench> {
    const broker = options.broker ?? (await Aedes.createBroker({ drainTimeout: 1000 }));
    return new Bench(broker, new CollectingLog(), options);
  }

  /** A connection on which nothing has been said. */
  socket(): WireClient {
    const [near, far]: [Duplex, Duplex] = duplexPair();
    accept(this.broker, far, this.#limits, this.log);
    return new WireClient(near, far);
  }

  /** A connected client; its id is new unless it is given. */
  async client(options: Connecting = {}): Promise<WireClient> {
    const client = this.socket();
    this.#clients++;
    expect(await client.connect({ clientId: `client-${this.#clients}`, ...options })).to.equal(0);
    return client;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.broker.close(resolve));
  }
}
