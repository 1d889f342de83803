import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { NodeMessage } from '../../core/nodes/messages.js';
import type { Bus, BusListener, Log } from '../../core/ports.js';
import { nodesChannel } from '../storage/redis/keys.js';
import type { Commands } from './commands.js';
import { isAlive } from './connections.js';

/** Others who claim the same later than this get it once more. */
const CLAIM_MS = 3000;

/** What a bus works on. */
export interface BusParts {
  /** The connection of the stores. */
  readonly commands: Commands;
  /** Its own: a connection that has subscribed can do nothing else. Subscribes anew by itself after a loss. */
  readonly subscriber: Redis;
  /** What is said in one database is heard in all others of the same Redis, so its number is part of the channel. */
  readonly db: number;
  readonly log: Log;
}

interface Envelope {
  readonly from: string;
  readonly message: NodeMessage;
}

/** Redis' pub/sub as the bus of the nodes (https://redis.io/docs/latest/develop/interact/pubsub/). */
export class RedisBus implements Bus {
  readonly node = `${Date.now().toString(16)}-${randomBytes(4).toString('hex')}`;
  readonly #parts: BusParts;
  readonly #all: string;
  #listener: BusListener | undefined;
  /** False from the moment at which a message may have been lost until the listener was told. */
  #isUp = true;
  #hears = true;

  private constructor(parts: BusParts) {
    this.#parts = parts;
    this.#all = nodesChannel(parts.db);
  }

  /** Resolves once everything that is sent from now on is heard. */
  static async open(parts: BusParts): Promise<RedisBus> {
    const bus = new RedisBus(parts);
    const { subscriber, commands, log } = parts;
    subscriber.on('message', (_channel: string, text: string) => bus.#hear(text));
    subscriber.on('error', (err) => log.debug({ err }, 'the connection of the bus failed'));
    await bus.#subscribe();
    subscriber.on('close', () => {
      bus.#hears = false;
      bus.#isUp = false;
    });
    subscriber.on('ready', () => {
      // Behind ioredis' own subscribing: once this is answered, that is done.
      bus.#subscribe().then(
        () => bus.#hearsAgain(),
        (err: unknown) => log.debug({ err }, 'the bus cannot subscribe'),
      );
    });
    commands.onState((state) => {
      if (state !== 'open') bus.#isUp = false;
      void bus.#check();
    });
    return bus;
  }

  isUp(): boolean {
    return this.#isUp;
  }

  send(message: NodeMessage, to?: string): void {
    const { commands, log } = this.#parts;
    const text = JSON.stringify({ from: this.node, message } satisfies Envelope);
    commands
      .run((redis) => redis.publish(to === undefined ? this.#all : this.#own(to), text))
      .catch((err: unknown) =>
        log.debug({ err, kind: message.kind }, 'a message to the other nodes is lost'),
      );
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  /** Redis' own clock, microseconds; under load it answers two within one. After a failover it may be another's, and behind. */
  async stamp(): Promise<number> {
    const [seconds, microseconds] = await this.#parts.commands.run((redis) => redis.time());
    return Number(seconds) * 1_000_000 + Number(microseconds);
  }

  claim(what: string): Promise<boolean> {
    return this.#parts.commands.run(async (redis) => {
      const taken = await redis.set(`claim:${what}`, this.node, 'PX', CLAIM_MS, 'NX');
      return taken === 'OK';
    });
  }

  #own(node: string): string {
    return `${this.#all}:${node}`;
  }

  #subscribe(): Promise<unknown> {
    return this.#parts.subscriber.subscribe(this.#all, this.#own(this.node));
  }

  #hear(text: string): void {
    let envelope: Envelope;
    try {
      envelope = JSON.parse(text) as Envelope;
    } catch (err) {
      this.#parts.log.warn({ err }, 'the bus carries messages of another program');
      return;
    }
    if (envelope.from !== this.node) this.#listener?.message(envelope.from, envelope.message);
  }

  #hearsAgain(): void {
    this.#hears = true;
    this.#resume();
  }

  /** The Redis that is listened to may hang, and the store may be there again by way of another. */
  async #check(): Promise<void> {
    if (!(await isAlive(this.#parts.subscriber))) this.#hears = false;
    this.#resume();
  }

  #resume(): void {
    if (this.#isUp || !this.#hears || this.#parts.commands.state !== 'open') return;
    this.#isUp = true;
    this.#listener?.resumed();
  }
}
