import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FirmwireError } from '../../core/errors.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import type { Lock, Log } from '../../core/ports.js';
import type { Commands } from './commands.js';

/** How a lock is held, ms. */
interface Holding {
  /** A holder that has died frees it after so long. */
  readonly lifeMs: number;
  readonly renewMs: number;
  /** How long somebody waits for it before giving up. */
  readonly patienceMs: number;
}

const HOLDING: Holding = { lifeMs: 10_000, renewMs: 3000, patienceMs: 15_000 };
const RETRY_MS = 25;

const RENEW = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * A lock that all nodes share: a key with a life, renewed while it is held. For what is rare and must not cross, such as
 * publishing; whoever holds it without reaching Redis for 10 s can lose it, so what is done under it must be harmless then.
 */
export class RedisLock implements Lock {
  readonly #commands: Commands;
  readonly #log: Log;
  readonly #holding: Holding;
  /** Those of one process do not compete in Redis. */
  readonly #here = new KeyedLock();

  constructor(commands: Commands, log: Log, holding = HOLDING) {
    this.#commands = commands;
    this.#log = log;
    this.#holding = holding;
  }

  /** @throws FirmwireError `store_unavailable` if Redis is away or another holds it for too long; nothing was done then */
  acquire<T>(key: string, action: () => Promise<T>): Promise<T> {
    return this.#here.acquire(key, async () => {
      const name = `lock:${key}`;
      const holder = randomUUID();
      const { lifeMs, renewMs } = this.#holding;
      await this.#take(name, holder);
      const renewing = setInterval(() => {
        this.#commands
          .run((redis) => redis.eval(RENEW, 1, name, holder, lifeMs))
          .catch((err: unknown) => {
            this.#log.debug({ err, key }, 'a lock cannot be renewed');
          });
      }, renewMs);
      try {
        return await action();
      } finally {
        clearInterval(renewing);
        await this.#release(name, holder).catch(() => this.#releaseLater(name, holder));
      }
    });
  }

  #release(name: string, holder: string): Promise<unknown> {
    return this.#commands.run((redis) => redis.eval(RELEASE, 1, name, holder));
  }

  /** It would end by itself, but others would wait for that. */
  #releaseLater(name: string, holder: string): void {
    const forget = this.#commands.onState((state) => {
      if (state !== 'open') return;
      forget();
      this.#release(name, holder).catch((err: unknown) => {
        this.#log.debug({ err, name }, 'a lock is left to its end');
      });
    });
  }

  async #take(name: string, holder: string): Promise<void> {
    const { lifeMs, patienceMs } = this.#holding;
    for (const end = Date.now() + patienceMs; Date.now() < end; ) {
      const taken = await this.#commands.run((redis) => redis.set(name, holder, 'PX', lifeMs, 'NX'));
      if (taken === 'OK') return;
      await delay(RETRY_MS * (1 + Math.random()));
    }
    throw new FirmwireError('store_unavailable', 'Another node has been busy with the same for too long.');
  }
}
