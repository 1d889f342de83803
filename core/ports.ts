/**
 * What the domain asks of the world. Shaped by the domain, not key-value: where two at once must have one winner,
 * the port has one atomic operation, and the same contract suite runs on every implementation.
 *
 * Durability: a promise resolves when the change is visible to every reader of the store. Operations documented as
 * `durable` resolve only once the change has been written to stable storage.
 */
import type { Readable } from 'node:stream';
import type { ApiKey, Owner } from './account.js';
import type { Span } from './coverage.js';
import type { Device } from './device.js';
import type { Firmware } from './firmware.js';
import type { Token } from './token.js';

/** The time, and something to be done later. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` after `ms` milliseconds. The returned function takes that back; it may be called at any time. */
  after(ms: number, action: () => void): () => void;
}

/** A page of a listing: what was asked for, and where the next page begins, if there is one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

export interface AccountStore {
  /** Durable. False if the id is taken. */
  createOwner(owner: Owner): Promise<boolean>;
  getOwner(id: string): Promise<Owner | undefined>;
  /** Every owner; none means that this store is new. */
  owners(): AsyncIterable<Owner>;
  /** Durable. */
  addKey(key: ApiKey): Promise<void>;
  getKey(hash: string): Promise<ApiKey | undefined>;
  listKeys(owner: string): Promise<readonly ApiKey[]>;
  /** Durable. False if there was no such key of this owner. */
  removeKey(owner: string, hash: string): Promise<boolean>;
}

export interface DeviceStore {
  get(udid: string): Promise<Device | undefined>;
  /** The owner's device with this normalised MAC. */
  findByMac(owner: string, mac: string): Promise<Device | undefined>;
  /** False if the UDID is taken, by whichever owner. */
  create(device: Device): Promise<boolean>;
  /**
   * Reads, changes and writes one device as one step. `change` is pure, may be called more than once, must not alter
   * `owner` or `udid`, and returns the same object to leave the record alone.
   * @param lazy nobody waits for it: the store may hold it back for some ms, to write more at once
   * @returns the record as it now stands, or undefined if there is no such device
   */
  update(udid: string, change: (device: Device) => Device, lazy?: boolean): Promise<Device | undefined>;
  /** Durable. False if the owner had no such device. */
  remove(owner: string, udid: string): Promise<boolean>;
  /** An owner's devices in the order of their UDIDs. `after` is the `next` of the page before. */
  list(owner: string, limit: number, after?: string): Promise<Page<Device>>;
  /** Every device of an owner, read as the caller goes on. */
  all(owner: string): AsyncIterable<Device>;
  /** Devices whose postponed question is due at `now`, at most `limit`. */
  due(now: number, limit: number): Promise<readonly Device[]>;
  /** Resolves once everything written before is on stable storage. */
  flushed(): Promise<void>;
}

export interface FirmwareStore {
  get(id: string): Promise<Firmware | undefined>;
  /** An owner's firmware, oldest first. */
  list(owner: string): Promise<readonly Firmware[]>;
  /** Durable. Adds or replaces. */
  put(firmware: Firmware): Promise<void>;
  /** Durable. False if the owner had no such firmware. */
  remove(owner: string, id: string): Promise<boolean>;
  /** True while any firmware of any owner consists of these bytes. */
  isUsed(sha256: string): Promise<boolean>;
}

export interface TokenStore {
  /**
   * Stores a new token, kills the one that this device had before, and changes the device's record, all as one step.
   * @param change as for `DeviceStore.update`; absent: the record stays as it is, whether or not there is one
   * @returns the record as it now stands; undefined, and nothing is issued, if it was to be changed and there is none
   */
  issue(token: Token, change?: (device: Device) => Device): Promise<Device | undefined>;
  /** As stored, live or not; undefined once swept or killed. */
  get(hash: string): Promise<Token | undefined>;
  /**
   * Begins an attempt to redeem: of two at once the later wins. Shortens the life at the first attempt.
   * @param change of its device's record, as for `DeviceStore.update`: made in the same step, if there is one
   * @returns the token as it now stands, or undefined, and nothing is changed, if it is unknown, expired or complete
   */
  begin(
    hash: string,
    attempt: string,
    now: number,
    change?: (device: Device) => Device,
  ): Promise<Token | undefined>;
  /** Adds what has left in this attempt. False if a newer attempt has begun or the token is dead. */
  cover(hash: string, attempt: string, span: Span, now: number): Promise<boolean>;
  /**
   * Durable. Completes the token if this attempt is still the newest, the token is live and the span together with
   * all before covers the whole body. Of all attempts ever made at most one is told true.
   */
  complete(hash: string, attempt: string, span: Span, now: number): Promise<boolean>;
  /** Kills the live token of a device, if it has one. A completed one stays as proof until it is swept. */
  kill(udid: string): Promise<void>;
  /** Removes what expired before `now`; at most `limit`. Returns how many. */
  sweep(now: number, limit: number): Promise<number>;
}

/** Bytes that arrived and wait to be kept. */
export interface StagedBlob {
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  /** The first bytes, at most as many as were asked for. */
  readonly head: Uint8Array;
  /** All bytes, read back. */
  read(): Promise<Buffer>;
  /** Durable. Makes the bytes available under their digest. */
  keep(): Promise<void>;
  /** Forgets the bytes; harmless after `keep`. */
  discard(): Promise<void>;
}

/** Firmware bytes, named by their SHA-256. */
export interface BlobStore {
  /**
   * Receives bytes without holding them all in memory.
   * @throws FirmwireError `image_too_large` past `limit` bytes; nothing is left behind then
   */
  stage(source: Readable | Uint8Array, limit: number, headBytes: number): Promise<StagedBlob>;
  /** Small enough bytes that are held in memory anyway; undefined if they have to be streamed. */
  cached(sha256: string, size: number): Promise<Buffer | undefined>;
  /** The bytes from `start` to `end`, exclusive. Emits an error if there are none. */
  open(sha256: string, start: number, end: number): Readable;
  remove(sha256: string): Promise<void>;
  /** Removes staged bytes of a process that died, and bytes for which `isUsed` is false. Returns how many. */
  clean(isUsed: (sha256: string) => Promise<boolean>): Promise<number>;
}

/** Where messages to owners leave. A message may be lost: what is owed stands in the stores. */
export interface Outbox {
  /** False if nobody hears what is told to this owner, now or later: it need not be put together. */
  isHeard(owner: string): boolean;
  /** Messages to this owner that have not left yet. */
  backlog(owner: string): number;
  /**
   * Publishes on a topic of the owner, QoS 1, in the order of the calls; of several retained messages on one topic that
   * have not left, only the last does. An empty retained payload clears.
   */
  toOwner(owner: string, topic: string, payload: string, retain: boolean): void;
}

/** Who is connected. */
export interface Presence {
  isOnline(udid: string): boolean;
}

/** A place to tell what a person who runs the server should know. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** The stores of one technology. */
export interface Stores {
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly firmware: FirmwareStore;
  readonly tokens: TokenStore;
  close(): Promise<void>;
}
