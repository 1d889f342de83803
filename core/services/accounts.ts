import {
  type ApiKey,
  isLive,
  isSecret,
  keyId,
  newSecret,
  type Principal,
  sameDigest,
  sha256,
} from '../account.js';
import { FirmwireError } from '../errors.js';
import type { AccountStore, Clock, Lock } from '../ports.js';

/** What a new owner needs to begin; the keys are told this once. */
export interface Credentials {
  readonly owner: string;
  readonly ownerKey: string;
  readonly deviceKey: string;
}

/** What a new key is to be. */
export type KeyWish = Pick<ApiKey, 'alias' | 'scope' | 'expiresAt' | 'device'>;

/** What becomes of the sessions that were opened with a key. */
export interface KeyWatch {
  /** The key is gone: its sessions end now. */
  revoked(owner: string, keyId: string): void;
  /** The key ends at this time, ms since the epoch, and its sessions with it. */
  ends(owner: string, keyId: string, at: number): void;
}

/** Owners and their API keys. */
export class Accounts {
  readonly #store: AccountStore;
  readonly #clock: Clock;
  readonly #watch: KeyWatch | undefined;
  readonly #lock: Lock;

  /**
   * @param lock of two owner keys revoked at once, on whichever nodes, one must stay
   * @param watch told once a change is stored
   */
  constructor(store: AccountStore, clock: Clock, lock: Lock, watch?: KeyWatch) {
    this.#store = store;
    this.#clock = clock;
    this.#lock = lock;
    this.#watch = watch;
  }

  /** Makes up an id and keys; they are nobody's until an owner is created with them. */
  newCredentials(): Credentials {
    return { owner: newSecret(), ownerKey: newSecret(), deviceKey: newSecret() };
  }

  /** Makes an owner with one owner key and one device key. Durable. */
  async createOwner(name: string, credentials: Credentials = this.newCredentials()): Promise<Credentials> {
    const { owner, ownerKey, deviceKey } = credentials;
    // The owner last: one that is there has its keys, whenever the power fails.
    await this.#keep(owner, { alias: 'owner', scope: 'owner' }, ownerKey);
    await this.#keep(owner, { alias: 'devices', scope: 'device' }, deviceKey);
    await this.#store.createOwner({ id: owner, name, createdAt: this.#clock.now() });
    return credentials;
  }

  /**
   * Makes a key. Durable. The secret is not stored and cannot be shown again.
   * @throws FirmwireError `field_invalid` for an end that has passed, or a key of another scope bound to a device
   */
  async addKey(owner: string, wish: KeyWish): Promise<NewApiKey> {
    if (wish.device !== undefined && wish.scope !== 'device')
      throw new FirmwireError('field_invalid', 'device: only a key of the scope "device" is bound to one');
    if (!isLive(wish, this.#clock.now()))
      throw new FirmwireError('field_invalid', 'expiresAt: this time has passed');
    const secret = newSecret();
    return { key: await this.#keep(owner, wish, secret), secret };
  }

  /**
   * Makes a new key that opens what this one does, which ends after `overlapMs`: so long both are good, and what uses the
   * old one can be given the new one. A key with an end is followed by one that lives as long as it did. Durable.
   * @throws FirmwireError `key_not_found`
   */
  rotateKey(owner: string, id: string, overlapMs: number): Promise<NewApiKey & { replaced: ApiKey }> {
    return this.#lock.acquire(`keys:${owner}`, async () => {
      const old = await this.#find(owner, id);
      const now = this.#clock.now();
      const { alias, scope, device, createdAt, expiresAt } = old;
      const made = await this.addKey(owner, {
        alias,
        scope,
        ...(device !== undefined && { device }),
        ...(expiresAt !== undefined && { expiresAt: now + expiresAt - createdAt }),
      });
      const end = Math.min(now + overlapMs, expiresAt ?? Number.POSITIVE_INFINITY);
      const replaced = { ...old, expiresAt: end };
      await this.#store.addKey(replaced);
      this.#watch?.ends(owner, id, end);
      return { ...made, replaced };
    });
  }

  listKeys(owner: string): Promise<readonly ApiKey[]> {
    return this.#store.listKeys(owner);
  }

  /**
   * Removes a key and ends what was opened with it. Durable.
   * @throws FirmwireError `key_not_found`; `key_in_use` for the last owner key that does not end by itself, without which nobody could come back
   */
  async revokeKey(owner: string, id: string): Promise<void> {
    await this.#lock.acquire(`keys:${owner}`, () => this.#revoke(owner, id));
    this.#watch?.revoked(owner, id);
  }

  async #revoke(owner: string, id: string): Promise<void> {
    const key = await this.#find(owner, id);
    const lasting = (await this.#store.listKeys(owner)).filter(isLastingOwnerKey);
    if (isLastingOwnerKey(key) && lasting.length === 1) throw new FirmwireError('key_in_use');
    if (!(await this.#store.removeKey(owner, key.hash))) throw new FirmwireError('key_not_found');
  }

  /** Who speaks with this key, or undefined. */
  async verify(secret: string): Promise<Principal | undefined> {
    if (!isSecret(secret)) return undefined;
    const hash = sha256(secret);
    const key = await this.#store.getKey(hash);
    if (!key || !sameDigest(key.hash, hash) || !isLive(key, this.#clock.now())) return undefined;
    const { owner, scope, expiresAt, device } = key;
    return {
      owner,
      scope,
      keyId: keyId(hash),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(device !== undefined && { device }),
    };
  }

  /** The keys of an owner that have not ended, and when each will. */
  async ends(owner: string): Promise<ReadonlyMap<string, number | undefined>> {
    const keys = (await this.#store.listKeys(owner)).filter((key) => isLive(key, this.#clock.now()));
    return new Map(keys.map(({ hash, expiresAt }) => [keyId(hash), expiresAt]));
  }

  async isOwner(id: string): Promise<boolean> {
    return (await this.#store.getOwner(id)) !== undefined;
  }

  async #find(owner: string, id: string): Promise<ApiKey> {
    const key = (await this.#store.listKeys(owner)).find(({ hash }) => keyId(hash) === id);
    if (!key) throw new FirmwireError('key_not_found');
    return key;
  }

  async #keep(owner: string, wish: KeyWish, secret: string): Promise<ApiKey> {
    const key: ApiKey = { ...wish, hash: sha256(secret), owner, createdAt: this.#clock.now() };
    await this.#store.addKey(key);
    return key;
  }
}

/** A key as it is stored, and its secret, which is told this once. */
export interface NewApiKey {
  readonly key: ApiKey;
  readonly secret: string;
}

const isLastingOwnerKey = ({ scope, expiresAt }: ApiKey): boolean =>
  scope === 'owner' && expiresAt === undefined;
