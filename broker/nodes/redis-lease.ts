import type { Clock, Lease, Log } from '../../core/ports.js';
import type { Commands } from './commands.js';

/** How long a key lasts that nobody renews, and how often its holder does, ms. */
export interface Lasting {
  readonly lifeMs: number;
  readonly renewMs: number;
}

const LASTING: Lasting = { lifeMs: 10_000, renewMs: 3000 };

/** Takes the lease if it is free, renews it if it is ours. KEYS: the lease; ARGV: the node, the life. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const GIVE_BACK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** A key that names the node which does what one node does for all. It expires with its holder. */
export class RedisLease implements Lease {
  readonly #commands: Commands;
  readonly #key: string;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lasting: Lasting;
  #heldUntil = 0;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(commands: Commands, name: string, node: string, clock: Clock, log: Log, lasting = LASTING) {
    this.#commands = commands;
    this.#key = `lease:${name}`;
    this.#node = node;
    this.#clock = clock;
    this.#log = log;
    this.#lasting = lasting;
  }

  isHeld(): boolean {
    return this.#clock.now() < this.#heldUntil;
  }

  /** Tries to get it, now and from time to time. */
  async start(): Promise<void> {
    // Counted from before it was asked for, so it ends here before it ends there.
    const asked = this.#clock.now();
    const wasHeld = this.isHeld();
    const { lifeMs, renewMs } = this.#lasting;
    try {
      const isOurs = await this.#commands.run((redis) => redis.eval(TAKE, 1, this.#key, this.#node, lifeMs));
      // `close` has given it back, behind this.
      if (this.#closed) return;
      this.#heldUntil = isOurs === 1 ? asked + lifeMs - renewMs : 0;
    } catch (err) {
      this.#log.debug({ err }, 'the lease cannot be renewed');
    }
    if (this.isHeld() && !wasHeld) this.#log.info({ node: this.#node }, 'this node keeps the timers');
    if (!this.#closed) this.#cancel = this.#clock.after(renewMs, () => void this.start());
  }

  /** Lets another node have it at once. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#heldUntil = 0;
    await this.#commands
      .run((redis) => redis.eval(GIVE_BACK, 1, this.#key, this.#node))
      .catch(() => undefined);
  }
}
