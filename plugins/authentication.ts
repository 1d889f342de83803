import { setTimeout as delay } from 'node:timers/promises';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Credentials, Identity, Plugin, Refusal } from '../broker/plugin.js';
import { isOwnerId, type Principal } from '../core/account.js';
import { boundBy, type CertificateRule } from '../core/certificate-rule.js';
import { FirmwireError, isStoreFailure } from '../core/errors.js';
import type { LimitWatch } from '../core/limits.js';
import type { Rate } from '../core/rate.js';
import type { Accounts } from '../core/services/accounts.js';
import type { Registry } from '../core/services/registry.js';
import { isUdid, readTopic } from '../core/topics.js';

/** How long the answer to a client that fails again and again is held back, ms. */
const PENALTY_MS = 2000;

/** Answers that are held back at the same time; past this, a refusal is given at once: memory is bounded. */
const MAX_WAITING = 5000;

const BAD_CREDENTIALS: Refusal = { refused: 4, reason: 'bad user name or password' };
const STORE_AWAY: Refusal = { refused: 3, reason: 'the store cannot be reached' };
const FLAPPING: Refusal = { refused: 3, reason: 'this device connects too often' };
const NOT_FOR_MQTT: Refusal = { refused: 5, reason: 'the scope of this key does not open MQTT' };
const OTHER_DEVICE: Refusal = { refused: 5, reason: 'this key is bound to another device' };
const NOT_ADMITTED: Refusal = { refused: 5, reason: 'this device is not admitted' };

/** How often somebody may come. */
export interface LoginLimits {
  /** Refused logins under one user name that are answered at once. */
  readonly failuresPerMinute: number;
  /** Connections of one device. */
  readonly connects: Rate;
  readonly watch: LimitWatch;
}

/** What a device is checked against besides its key. */
export interface LoginRules extends LoginLimits {
  /** Absent: no authority for certificates of devices is set. */
  readonly certificates?: CertificateRule | undefined;
}

/**
 * Who connects (wire.md 2): the password is an API key, which names the owner; the user name is the UDID or the
 * owner id. A device that tries again many times a second is refused slowly, which costs a timer and no work.
 */
export class Authentication implements Plugin {
  readonly name = 'authentication';
  readonly #accounts: Accounts;
  readonly #registry: Registry;
  readonly #failures: RateLimiterMemory;
  readonly #limits: LoginRules;
  #waiting = 0;

  constructor(accounts: Accounts, registry: Registry, limits: LoginRules) {
    this.#accounts = accounts;
    this.#registry = registry;
    this.#failures = new RateLimiterMemory({ points: limits.failuresPerMinute, duration: 60 });
    this.#limits = limits;
  }

  async authenticate(credentials: Credentials): Promise<Identity | Refusal> {
    const word = await this.#judge(credentials).catch((error: unknown) => {
      // Nothing was found out about this client: it may come again.
      if (isStoreFailure(error)) return STORE_AWAY;
      throw error;
    });
    if ('refused' in word && word !== STORE_AWAY && word !== FLAPPING)
      await this.#slowDown(credentials.username);
    return word;
  }

  async #judge(credentials: Credentials): Promise<Identity | Refusal> {
    const { username, password, willTopic } = credentials;
    const known = await this.#accounts.verify(password);
    if (!known) return BAD_CREDENTIALS;
    if (known.scope !== 'device' && known.scope !== 'owner') return NOT_FOR_MQTT;
    if (!isUdid(username)) {
      if (!isOwnerId(username) || username !== known.owner) return BAD_CREDENTIALS;
      if (known.scope === 'owner') return { ...known, udid: undefined };
    }
    const principal = this.#shown(known, credentials);
    if ('refused' in principal) return principal;
    if (isUdid(username)) return this.#device(principal, username);

    const will = willTopic === undefined ? undefined : readTopic(willTopic);
    const told = will && 'udid' in will && will.owner === principal.owner ? will.udid : undefined;
    // A key that is bound says by itself which device this is.
    const udid = told ?? principal.device;
    return udid === undefined ? { ...principal, udid: undefined } : this.#device(principal, udid);
  }

  /** Who it is, once the certificate of the connection has been looked at. */
  #shown(principal: Principal, { connection }: Credentials): Principal | Refusal {
    try {
      return boundBy(principal, this.#limits.certificates, connection);
    } catch (error) {
      if (error instanceof FirmwireError) return { refused: 5, reason: error.message };
      throw error;
    }
  }

  async #device(principal: Principal, udid: string): Promise<Identity | Refusal> {
    if (principal.device !== undefined && principal.device !== udid) return OTHER_DEVICE;
    // Counted once it is known to be theirs: nobody else can keep a device out.
    if (!this.#limits.connects.take(`${principal.owner}/${udid}`)) {
      this.#limits.watch.reached('flapping', { udid });
      return FLAPPING;
    }
    return (await this.#registry.admit(principal.owner, udid)) ? { ...principal, udid } : NOT_ADMITTED;
  }

  async #slowDown(username: string): Promise<void> {
    const tooMany = await this.#failures.consume(username.slice(0, 128)).then(
      () => false,
      () => true,
    );
    if (tooMany) this.#limits.watch.reached('logins');
    if (!tooMany || this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    try {
      await delay(PENALTY_MS, undefined, { ref: false });
    } finally {
      this.#waiting--;
    }
  }
}
