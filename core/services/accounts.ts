import {
  type ApiKey,
  isSecret,
  keyId,
  newSecret,
  type Principal,
  type Scope,
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

/** Owners and their API keys. */
export class Accounts {
  readonly #store: AccountStore;
  readonly #clock: Clock;
  readonly #onRevoked: (owner: string, keyId: string) => void;
  readonly #lock: Lock;

  /**
   * @param lock of two owner keys revoked at once, on whichever nodes, one must stay
   * @param onRevoked called after a key is gone, so that the sessions opened with it can be ended
   */
  constructor(
    store: AccountStore,
    clock: Clock,
    lock: Lock,
    onRevoked: (owner: string, keyId: string) => void = () => {},
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#lock = lock;
    this.#onRevoked = onRevoked;
  }

  /** Makes up an id and keys; they are nobody's until an owner is created with them. */
  newCredentials(): Credentials {
    return { owner: newSecret(), ownerKey: newSecret(), deviceKey: newSecret() };
  }

  /** Makes an owner with one owner key and one device key. Durable. */
  async createOwner(name: string, credentials: Credentials = this.newCredentials()): Promise<Credentials> {
    const { owner, ownerKey, deviceKey } = credentials;
    // The owner last: one that is there has its keys, whenever the power fails.
    await this.#keep(owner, 'owner', 'owner', ownerKey);
    await this.#keep(owner, 'devices', 'device', deviceKey);
    await this.#store.createOwner({ id: owner, name, createdAt: this.#clock.now() });
    return credentials;
  }

  /** Makes a key. Durable. The secret is not stored and cannot be shown again. */
  async addKey(owner: string, alias: string, scope: Scope): Promise<{ key: ApiKey; secret: string }> {
    const secret = newSecret();
    return { key: await this.#keep(owner, alias, scope, secret), secret };
  }

  listKeys(owner: string): Promise<readonly ApiKey[]> {
    return this.#store.listKeys(owner);
  }

  /**
   * Removes a key and ends what was opened with it. Durable.
   * @throws FirmwireError `key_not_found`; `key_in_use` for the last owner key, without which nobody could come back
   */
  async revokeKey(owner: string, id: string): Promise<void> {
    await this.#lock.acquire(`keys:${owner}`, () => this.#revoke(owner, id));
    this.#onRevoked(owner, id);
  }

  async #revoke(owner: string, id: string): Promise<void> {
    const keys = await this.#store.listKeys(owner);
    const key = keys.find(({ hash }) => keyId(hash) === id);
    if (!key) throw new FirmwireError('key_not_found');
    const isLastOwnerKey =
      key.scope === 'owner' && keys.filter(({ scope }) => scope === 'owner').length === 1;
    if (isLastOwnerKey) throw new FirmwireError('key_in_use');
    if (!(await this.#store.removeKey(owner, key.hash))) throw new FirmwireError('key_not_found');
  }

  /** Who speaks with this key, or undefined. */
  async verify(secret: string): Promise<Principal | undefined> {
    if (!isSecret(secret)) return undefined;
    const hash = sha256(secret);
    const key = await this.#store.getKey(hash);
    if (!key || !sameDigest(key.hash, hash)) return undefined;
    return { owner: key.owner, scope: key.scope, keyId: keyId(hash) };
  }

  async isOwner(id: string): Promise<boolean> {
    return (await this.#store.getOwner(id)) !== undefined;
  }

  async #keep(owner: string, alias: string, scope: Scope, secret: string): Promise<ApiKey> {
    const key: ApiKey = { hash: sha256(secret), owner, alias, scope, createdAt: this.#clock.now() };
    await this.#store.addKey(key);
    return key;
  }
}
