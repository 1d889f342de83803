import type { RedisOptions } from 'ioredis';
import { FirmwireError } from '../../../core/errors.js';
import type { Log } from '../../../core/ports.js';
import { Connection } from './connection.js';
import { isTimeout, isUnable } from './failures.js';
import { look, type Sight } from './look.js';
import { replacesField } from './marker.js';
import { addressOf, reach } from './opening.js';
import { Replicated } from './replicated.js';
import { MARKER, type Scripted } from './script.js';

/**
 * `open`: all is well. `away`: Redis does not answer, or cannot serve. `emptied`: it answers, but what it holds is not the
 * store that this node knows. The link goes from one to another by itself.
 */
export type LinkState = 'open' | 'away' | 'emptied';

export interface LinkOptions {
  /** Where Redis is; see url.ts. */
  readonly redis: RedisOptions;
  /** How long a command may take, ms. */
  readonly commandMs?: number;
  /** How often the link looks whether the store is still there, ms. */
  readonly heartbeatMs?: number;
  /** How many replicas must have what is durable before it is told as done. */
  readonly replicas?: number;
  /** How long to wait for Redis at the start, ms. */
  readonly openMs?: number;
  /** The id of the store which this node knows from an earlier start: nothing else is taken for it. */
  readonly known?: string | undefined;
  /** An operator gives up the store that nodes have lost: a new one may be made in its place. */
  readonly isAccepted?: boolean;
  /** Is told the id of the store, at the start and when another one takes its place; before anything is served from it. */
  readonly remember?: (id: string) => Promise<void> | void;
  readonly log: Log;
}

const COMMAND_MS = 1500;
const HEARTBEAT_MS = 1000;
const OPEN_MS = 10_000;
/** Refusals that come with every command are told the log this often, ms. */
const TELL_MS = 10_000;

/** Every command to Redis goes through here, and fails at once while the store is not there. */
export class RedisLink {
  #state: LinkState = 'away';
  #closed = false;
  #id: string;
  #isNew = false;
  /** Counts what makes a look that is under way worthless. */
  #epoch = 0;
  #timer: NodeJS.Timeout | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #connection: Connection;
  readonly #replicated: Replicated | undefined;
  readonly #options: LinkOptions;

  private constructor(options: LinkOptions) {
    this.#options = options;
    this.#id = options.known ?? '';
    const { redis, commandMs = COMMAND_MS, replicas = 0 } = options;
    this.#connection = new Connection(
      redis,
      commandMs,
      () => void this.#look(),
      (error) => this.#lost(error),
    );
    if (replicas > 0)
      this.#replicated = new Replicated(new Connection(redis, commandMs), replicas, commandMs);
  }

  /**
   * Waits for Redis and makes a store in it if there is none; with `known` it does not, and a Redis without that store is
   * `emptied`.
   * @throws FirmwireError `store_unavailable` that says why this Redis cannot be used, or that it cannot be reached, and where
   */
  static async open(options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options);
    try {
      const { redis, known, openMs = OPEN_MS, isAccepted } = options;
      const { id, isNew } = await reach(link.#connection, redis, known, openMs, isAccepted);
      link.#isNew = isNew;
      link.#id = id;
      await options.remember?.(id);
      await link.#look();
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The id of the store that this node knows. */
  get id(): string {
    return this.#id;
  }

  /** True if this start has made the store, and it holds no owner. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Tells of each change of the state, until the returned function is called. */
  onState(listener: (state: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Sends what `command` sends, if the store is there.
   * @throws FirmwireError `store_unavailable` or `store_emptied`; Error once closed, or if Redis finds the command wrong
   */
  async run<T>(command: (redis: Scripted) => Promise<T>): Promise<T> {
    if (this.#state !== 'open' || this.#closed) throw this.#refusal();
    try {
      return await this.#connection.send(command);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  async #through<T>(replicated: Replicated, command: (redis: Scripted) => Promise<T>): Promise<T> {
    if (this.#state !== 'open' || this.#closed) throw this.#refusal();
    try {
      return await replicated.write(command);
    } catch (error) {
      if (error instanceof FirmwireError) this.#tell(error.cause, 'Redis refuses');
      throw error;
    }
  }

  /** As `run`, for what writes. @param durable fails too if fewer replicas have it than are asked for */
  write<T>(command: (redis: Scripted) => Promise<T>, durable = false): Promise<T> {
    return durable && this.#replicated ? this.#through(this.#replicated, command) : this.run(command);
  }

  /** To be called, and the result thrown, if a script has found another store than this one. */
  emptied(): FirmwireError {
    this.#seen({ is: 'other', found: undefined });
    return new FirmwireError('store_emptied');
  }

  /** Tells all nodes which know the lost store `id` to go on with this one. */
  async replace(id: string): Promise<void> {
    if (id === this.#id) return;
    await this.run((redis) => redis.hset(MARKER, replacesField(id), new Date().toISOString()));
  }

  /** Goes on with the store `id`, which the caller has put in the place of this one. */
  adopt(id: string): void {
    this.#epoch++;
    this.#id = id;
    this.#again();
  }

  /** Ends the connection after what was sent; later calls fail. May be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#epoch++;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    await Promise.all([this.#connection.close(), this.#replicated?.close()]);
  }

  #refusal(): Error {
    if (this.#closed) return new Error('The store is closed.');
    return new FirmwireError(this.#state === 'emptied' ? 'store_emptied' : 'store_unavailable');
  }

  #failed(error: unknown): void {
    const cause = error instanceof FirmwireError ? error.cause : undefined;
    // It may be one slow command, or Redis does not answer any more: a look tells.
    if (isTimeout(cause) && this.#state === 'open') this.#away(cause);
    if (isUnable(cause)) this.#tell(cause, 'Redis refuses');
  }

  #tell(err: unknown, what: string): void {
    if (performance.now() - this.#toldAt < TELL_MS) return;
    this.#toldAt = performance.now();
    this.#options.log.warn({ err }, what);
  }

  #away(cause: unknown): void {
    this.#become('away', { err: cause });
    void this.#look();
  }

  #lost(error: Error | undefined): void {
    this.#epoch++;
    clearTimeout(this.#timer);
    this.#become('away', { err: error });
  }

  /** Looks which store is there; then again and again, as long as there is a connection. */
  async #look(): Promise<void> {
    // Until the opening knows which store it is, there is nothing to be compared.
    if (this.#closed || this.#id === '') return;
    const epoch = ++this.#epoch;
    clearTimeout(this.#timer);
    try {
      const sight = await look(this.#connection, this.#id);
      const isKept = sight.is !== 'successor' || (await this.#kept(sight.id));
      if (epoch === this.#epoch && isKept) this.#seen(sight);
    } catch (err) {
      if (epoch !== this.#epoch) return;
      if (err instanceof FirmwireError) {
        this.#become('away', { err });
        this.#connection.renew();
      } else this.#seen({ is: 'other', found: String(err) });
    } finally {
      if (epoch === this.#epoch) this.#again();
    }
  }

  /** Otherwise the next start would not know the store. */
  async #kept(id: string): Promise<boolean> {
    try {
      await this.#options.remember?.(id);
      return true;
    } catch (err) {
      this.#tell(err, 'the id of the store cannot be kept: the store is not served');
      return false;
    }
  }

  #again(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), this.#options.heartbeatMs ?? HEARTBEAT_MS);
  }

  #seen(sight: Sight): void {
    if (sight.is === 'other') {
      // A look that is under way may have begun before; the next one decides.
      this.#epoch++;
      this.#become('emptied', { expected: this.#id, found: sight.found });
      this.#again();
      return;
    }
    if (sight.is === 'successor') {
      this.#options.log.warn(
        { before: this.#id, now: sight.id },
        'another store takes the place of the lost one',
      );
      this.#id = sight.id;
    }
    this.#become('open', {});
  }

  #become(state: LinkState, facts: object): void {
    if (this.#closed || state === this.#state) return;
    this.#state = state;
    const where = { redis: addressOf(this.#options.redis), ...facts };
    const { log } = this.#options;
    if (state === 'open') log.info(where, 'Redis is there');
    else if (state === 'away') log.warn(where, 'Redis is away');
    else log.error(where, 'Redis has lost the store: restore a backup, or run `firmwire store accept`');
    for (const listener of this.#listeners) listener(state);
  }
}
