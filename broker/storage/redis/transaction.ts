import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { FirmwireError } from '../../../core/errors.js';
import { KeyedLock } from '../../../core/keyed-lock.js';
import { Batch, NOTHING, type Seen } from './batch.js';
import type { Key } from './keys.js';
import type { RedisLink } from './link.js';
import { type Argument, MARKER } from './script.js';

/** Values that are remembered, parsed: what is looked at is changed soon, within one check-in or one release. */
const REMEMBERED = 16_384;
/** So often may other nodes come first. */
const TRIES = 50;
/** From this try on a change waits a little, at random, so that nodes do not go on hitting each other. */
const PATIENT_TRY = 2;
const LONGEST_PAUSE_MS = 32;

const CARRIED_OUT = 1;

/** Keys, in the order in which their values are handed to a plan. */
type Keys = readonly Key<unknown>[];
type Values<K extends Keys> = { [I in keyof K]: K[I] extends Key<infer V> ? V | undefined : never };

/**
 * Decides on a change: says which commands and gives its result. Pure, and may be called more than once, also with values
 * that turn out not to be there any more: nothing of that is carried out or told.
 */
export type Plan<K extends Keys, T> = (batch: Batch, ...values: Values<K>) => T;

/** What is asked of the link. */
type Sender = Pick<RedisLink, 'id' | 'run' | 'write' | 'emptied'>;

export interface ChangeOptions {
  /** Resolves only once as many replicas have it as are asked for. */
  readonly durable?: boolean;
}

/** What a plan came to. */
interface Step<T> {
  readonly batch: Batch;
  /** The result, or what it threw. */
  readonly outcome: { readonly result: T } | { readonly error: unknown };
}

const NO_COMMANDS = new Batch();

/**
 * Reads, and changes in one atomic step: a plan in TypeScript says what is to become of the values, a script carries it
 * out if they are what the plan was shown. What was seen last is shown first, without a look, so that a change takes one
 * round trip; it is only ever a guess. Plain reads always go to Redis.
 */
export class Transactions {
  readonly #link: Sender;
  readonly #remembered = new LRUCache<string, Seen>({ max: REMEMBERED });
  /** By the first key: those of this process do not hit each other. */
  readonly #lock = new KeyedLock();
  readonly #running = new Set<Promise<unknown>>();

  constructor(link: Sender) {
    this.#link = link;
  }

  async get<V>(key: Key<V>): Promise<V | undefined> {
    const text = await this.#link.run((redis) => redis.get(key.name));
    if (text !== null) return this.#value(key, text);
    // Before it is said that there is nothing: is this still the store?
    return (await this.#look([key]))[0];
  }

  /** The values of those keys that hold one, in this order. */
  async some<V>(keys: readonly Key<V>[]): Promise<V[]> {
    if (keys.length === 0) {
      await this.verify();
      return [];
    }
    const texts = await this.#link.run((redis) => redis.mget(keys.map(({ name }) => name)));
    if (texts.includes(null)) await this.verify();
    return keys.flatMap((key, i) => {
      const text = texts[i] ?? undefined;
      return text === undefined ? [] : [this.#value(key, text)];
    });
  }

  /** What the key held when it was seen last, else what it holds: for what never changes about a value. */
  async recent<V>(key: Key<V>): Promise<V | undefined> {
    const seen = this.#remembered.get(key.name);
    return seen?.text === undefined ? this.get(key) : (seen.value as V);
  }

  /** @throws FirmwireError `store_emptied` if this is not the store any more */
  async verify(): Promise<void> {
    await this.#send([], [], NO_COMMANDS);
  }

  /**
   * Changes what lies under these keys as the plan says; of several at once each is shown what the one before has left.
   * @returns what the plan returned; rejects with what it threw, and nothing is changed then
   */
  async change<const K extends Keys, T>(keys: K, plan: Plan<K, T>, options: ChangeOptions = {}): Promise<T> {
    const [first] = keys;
    const attempts = () => this.#attempts(keys, plan, options);
    const running = first ? this.#lock.acquire(first.name, attempts) : attempts();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Resolves once all changes begun before have ended, however they did. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running]);
  }

  /** Resolves once all changes begun before are where durable ones are. */
  async flushed(): Promise<void> {
    await this.settled();
    await this.#send([], [], NO_COMMANDS, true);
  }

  async #attempts<K extends Keys, T>(keys: K, plan: Plan<K, T>, options: ChangeOptions): Promise<T> {
    let seen = keys.map(({ name, isRare }) => this.#remembered.get(name) ?? (isRare ? NOTHING : undefined));
    for (let tries = 1; tries <= TRIES; tries++) {
      const step = seen.includes(undefined) ? undefined : this.#step(plan, seen as readonly Seen[]);
      // What the script has just shown need not be shown again, if nothing is to be done about it.
      const isSure = tries > 1 && step?.batch.commands.length === 0;
      const batch = step?.batch ?? NO_COMMANDS;
      const durable = options.durable && batch.commands.length > 0;
      const held = isSure ? CARRIED_OUT : await this.#send(keys, seen, batch, durable);
      if (held !== CARRIED_OUT) {
        seen = keys.map((key, i) => this.#remember(key, held[i] ?? undefined));
        if (tries >= PATIENT_TRY) await delay(Math.random() * Math.min(2 ** tries, LONGEST_PAUSE_MS));
      } else if (step) {
        for (const [name, effect] of step.batch.effects) this.#remembered.set(name, effect);
        if ('error' in step.outcome) throw step.outcome.error;
        return step.outcome.result;
      }
    }
    const cause = new Error(
      `Other nodes came first ${TRIES} times: ${keys.map(({ name }) => name).join(', ')}`,
    );
    throw new FirmwireError('store_unavailable', undefined, { cause });
  }

  #step<K extends Keys, T>(plan: Plan<K, T>, seen: readonly Seen[]): Step<T> {
    const batch = new Batch();
    try {
      const values = seen.map(({ value }) => value) as Values<K>;
      return { batch, outcome: { result: plan(batch, ...values) } };
    } catch (error) {
      // It may be due to a value that is not there any more: told only if the values are right.
      return { batch: NO_COMMANDS, outcome: { error } };
    }
  }

  async #look<V>(keys: readonly Key<V>[]): Promise<(V | undefined)[]> {
    const held = await this.#send(keys, [], NO_COMMANDS);
    return keys.map((key, i) => this.#remember(key, held === CARRIED_OUT ? undefined : held[i]).value as V);
  }

  /** 1, or what the keys hold if that is not what was seen. */
  async #send(
    keys: readonly Key<unknown>[],
    seen: readonly (Seen | undefined)[],
    { commands }: Batch,
    durable = false,
  ): Promise<typeof CARRIED_OUT | readonly (string | undefined)[]> {
    const args: Argument[] = [MARKER];
    for (const { name } of keys) args.push(name);
    args.push(this.#link.id);
    for (const i of keys.keys()) {
      const was = seen[i];
      if (was?.text === undefined) args.push(was ? '0' : '?', '');
      else args.push('=', was.text);
    }
    for (const command of commands) args.push(command.length, ...command);
    const reply = await this.#link.write((redis) => redis.firmwireChange(1 + keys.length, ...args), durable);
    if (reply === 0) throw this.#link.emptied();
    return Array.isArray(reply) ? reply.map((text) => text ?? undefined) : CARRIED_OUT;
  }

  #value<V>(key: Key<V>, text: string): V {
    return this.#remember(key, text).value as V;
  }

  /** Parsed only if it is not what it was. */
  #remember<V>(key: Key<V>, text: string | undefined): Seen {
    const before = this.#remembered.get(key.name);
    if (before && before.text === text) return before;
    const seen = text === undefined ? NOTHING : { text, value: key.codec.decode(text) };
    this.#remembered.set(key.name, seen);
    return seen;
  }
}
