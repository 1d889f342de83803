import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { sha256 } from '../core/account.js';

/** How many failed requests a minute are answered as they are; more get 429. */
export interface ThrottleLimits {
  /** By one token, one device or one key that nobody knows. */
  readonly subjectFailures: number;
  /** By one address, behind which a whole fleet may stand. */
  readonly addressFailures: number;
}

/**
 * Counts failed requests. Devices repeat a failed request on every loop (wire.md 4), so failures are answered cheaply,
 * and past the limit with 429. Requests that succeed are never held back, whatever their neighbours do.
 */
export class Throttle {
  readonly #subjects: RateLimiterMemory;
  readonly #addresses: RateLimiterMemory;

  constructor(limits: ThrottleLimits) {
    this.#subjects = new RateLimiterMemory({ points: limits.subjectFailures, duration: 60 });
    this.#addresses = new RateLimiterMemory({ points: limits.addressFailures, duration: 60 });
  }

  /**
   * Counts one failure.
   * @param subjects who is to blame: tokens, device ids, wrong keys; kept as digests only
   * @returns seconds to wait, or undefined if this failure may be answered as it is
   */
  async failed(address: string, subjects: readonly string[]): Promise<number | undefined> {
    const crowded = await consume(this.#addresses, address);
    // Who is over that limit makes no entries of their own.
    if (crowded > 0) return crowded;
    const own = await Promise.all(subjects.map((subject) => consume(this.#subjects, sha256(subject))));
    const longest = Math.max(0, ...own);
    return longest > 0 ? longest : undefined;
  }
}

/** Seconds until the key may fail again; 0 if it may now. */
async function consume(limiter: RateLimiterMemory, key: string): Promise<number> {
  try {
    await limiter.consume(key);
    return 0;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    throw refusal;
  }
}
