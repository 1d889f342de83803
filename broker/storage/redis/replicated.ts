import { FirmwireError } from '../../../core/errors.js';
import type { Connection } from './connection.js';
import { isTimeout } from './failures.js';
import type { Scripted } from './script.js';

/** One write that waits for the next group. */
interface Waiting {
  readonly command: (redis: Scripted) => Promise<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes that are told as done only once enough replicas have them. WAIT holds up everything behind it, so they have a
 * connection of their own; and all that arrive while one WAIT is under way share the next.
 */
export class Replicated {
  readonly #connection: Connection;
  readonly #replicas: number;
  readonly #waitMs: number;
  #waiting: Waiting[] = [];
  #isBusy = false;

  /** @param commandMs how long a write may take, with the group before it */
  constructor(connection: Connection, replicas: number, commandMs: number) {
    this.#connection = connection;
    this.#replicas = replicas;
    // A write may find one group under way and one before it, and be the second step of what asked for it.
    this.#waitMs = Math.floor(commandMs / 3);
  }

  /**
   * @throws FirmwireError `store_unavailable` too if fewer replicas have it than are asked for; it is written all the same,
   * and may be lost
   */
  write<T>(command: (redis: Scripted) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, resolve, reject });
      if (!this.#isBusy) void this.#work();
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) await this.#group(this.#waiting.splice(0));
    this.#isBusy = false;
  }

  async #group(group: readonly Waiting[]): Promise<void> {
    const writing = Promise.allSettled(group.map(({ command }) => this.#connection.send(command)));
    const failure = await this.#acknowledged().then(
      () => undefined,
      (error: unknown) => error,
    );
    const results = await writing;
    for (const [i, { resolve, reject }] of group.entries()) {
      const result = results[i];
      if (result?.status === 'rejected') reject(result.reason);
      else if (failure !== undefined) reject(failure);
      else resolve(result?.value as never);
    }
  }

  async #acknowledged(): Promise<void> {
    try {
      const count = await this.#connection.send((redis) => redis.wait(this.#replicas, this.#waitMs));
      if (count >= this.#replicas) return;
      const cause = new Error(`${count} of ${this.#replicas} replicas have it.`);
      throw new FirmwireError('store_unavailable', undefined, { cause });
    } catch (error) {
      if (error instanceof FirmwireError && isTimeout(error.cause)) this.#connection.renew();
      throw error;
    }
  }
}
