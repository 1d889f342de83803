/**
 * What the domain asks of the world. Shaped by the domain, not key-value: where two at once must have one winner,
 * the port has one atomic operation, and the same contract suite runs on every implementation.
 *
 * Durability: a promise resolves when the change is visible to every reader of the store. Operations documented as
 * `durable` resolve only once the change has been written to stable storage.
 */
import type { ApiKey, Owner } from './account.js';
import type { Span } from './coverage.js';
import type { Device } from './device.js';
import type { StoredFirmware } from './firmware.js';
import type { FirmwareStore, SignerStore } from './firmware-stores.js';
import type { DeviceHistory, HistoryStore } from './history-store.js';
import type { Limit } from './limits.js';
import type { NodeMessage } from './nodes/messages.js';
import type { Rollout, RolloutEntry } from './rollouts/rollout.js';
import type { Signer } from './signing/keys.js';
import type { OwnerMarks } from './signing/marks.js';
import type { Token } from './token.js';
import type { Consent } from './update.js';

export type { BlobStore, StagedBlob } from './blob-store.js';
export type { FirmwareStore, SignerStore } from './firmware-stores.js';
export type { DeviceHistory, HistoryStore } from './history-store.js';

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
  /** Durable. Its history goes with it. False if the owner had no such device. */
  remove(owner: string, udid: string): Promise<boolean>;
  /** An owner's devices in the order of their UDIDs. `after` is the `next` of the page before. */
  list(owner: string, limit: number, after?: string): Promise<Page<Device>>;
  /** How many devices an owner has. */
  count(owner: string): Promise<number>;
  /** Every device of an owner, read as the caller goes on. */
  all(owner: string): AsyncIterable<Device>;
  /** Devices whose postponed question is due at `now`, at most `limit`. */
  due(now: number, limit: number): Promise<readonly Device[]>;
  /** Resolves once everything written before is on stable storage. */
  flushed(): Promise<void>;
}

/** Rollouts, and each owner's log of what was decided about them. */
export interface RolloutStore {
  get(id: string): Promise<Rollout | undefined>;
  /** An owner's rollouts, oldest first. */
  list(owner: string): Promise<readonly Rollout[]>;
  /** Those of all owners that are scheduled, running or paused. */
  live(): Promise<readonly Rollout[]>;
  /**
   * Durable. Adds or replaces a rollout and appends lines to its owner's log, as one step.
   * @returns false, and nothing is written, unless the stored one has the revision before (none: the revision is 1)
   */
  put(rollout: Rollout, entries: readonly RolloutEntry[]): Promise<boolean>;
  /** Durable. Appends lines to the log of their owner. */
  note(entries: readonly RolloutEntry[]): Promise<void>;
  /**
   * An owner's log in the order in which it was written. `after` is the `next` of the page before.
   * @throws FirmwireError `field_invalid` if it is no such
   */
  log(owner: string, limit: number, after?: string): Promise<Page<RolloutEntry>>;
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
  /** Removes what expired before `now`; at most `limit`. Returns how many; what was killed before its time may count. */
  sweep(now: number, limit: number): Promise<number>;
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

/** Lets actions on one key happen one after the other, in whichever process of the server. Not re-entrant. */
export interface Lock {
  /** Resolves or rejects with the action's result. */
  acquire<T>(key: string, action: () => Promise<T>): Promise<T>;
}

/** Of all nodes one, and at any time at most one, does what is to be done once. */
export interface Lease {
  /** True while it is this one. */
  isHeld(): boolean;
}

/** What a node hears of the others. */
export interface BusListener {
  message(from: string, message: NodeMessage): void;
  /** The bus was away and is back: messages of others and of this node may be lost. */
  resumed(): void;
}

/** Messages between the nodes of one server: those of one node arrive in their order, or not at all. */
export interface Bus {
  /** This node's own id, new at each start. */
  readonly node: string;
  isUp(): boolean;
  /** To all other nodes, or to one. Lost while the bus is away. */
  send(message: NodeMessage, to?: string): void;
  listen(listener: BusListener): void;
  /** A number that does not shrink from one call to the next, on whichever node. Rejects while the bus is away. */
  stamp(): Promise<number>;
  /** True for one of all nodes that ask the same within a few seconds. Rejects while the bus is away. */
  claim(what: string): Promise<boolean>;
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

/** How a check-in came in. */
export type Via = 'mqtt' | 'http';

/**
 * What becomes of one-time tokens: `issued`; `superseded` before it was used up, by a newer one; `redeemed`, once for each
 * attempt; `completed`, one whole body has been handed over; `refused`, an attempt with it, or with what never was one.
 */
export type TokenOutcome = 'issued' | 'superseded' | 'redeemed' | 'completed' | 'refused';

/**
 * How an attempt to hand over a body ended: `completed` its token; `partial`, a range was handed over and more is missing;
 * `broken`, the connection was lost or cut; `failed`, and it was the server's fault.
 */
export type DownloadOutcome = 'completed' | 'partial' | 'broken' | 'failed';

/** Counts what happens, for whoever watches the server. Called on hot paths: returns at once and never throws. */
export interface Telemetry {
  checkedIn(via: Via): void;
  /** A token was made for a device because of this consent. */
  offered(consent: Consent): void;
  token(outcome: TokenOutcome): void;
  /** Bytes of a body were handed to the kernel. */
  sent(bytes: number): void;
  /** @param ms from the beginning of the attempt */
  downloaded(outcome: DownloadOutcome, ms: number): void;
  /** Somebody has reached a limit. */
  limited(limit: Limit): void;
  /** A connected device was told of news. @param ms since the news began, which is after its firmware was stored */
  pushed(ms: number): void;
}

/** A retained message of an application, as it was sent. */
export interface RetainedEntry {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
}

/** One record of a store, exactly as it is kept; the same on every storage. */
export type StoreEntry =
  | { readonly kind: 'device'; readonly value: Device }
  | { readonly kind: 'history'; readonly value: DeviceHistory }
  | { readonly kind: 'token'; readonly value: Token }
  | { readonly kind: 'retained'; readonly value: RetainedEntry }
  | { readonly kind: 'rollout'; readonly value: Rollout }
  | { readonly kind: 'rollout-entry'; readonly value: RolloutEntry }
  | { readonly kind: 'firmware'; readonly value: StoredFirmware }
  | { readonly kind: 'marks'; readonly value: OwnerMarks }
  | { readonly kind: 'signer'; readonly value: Signer }
  | { readonly kind: 'key'; readonly value: ApiKey }
  | { readonly kind: 'owner'; readonly value: Owner };

/** All records of a store at once, for moving them elsewhere. Firmware bytes are the `BlobStore`'s. */
export interface StoreArchive {
  /** Names this store as long as it holds the same records; a restored store has the id of the one that was backed up. */
  id(): Promise<string>;
  /** True if there is not one record. */
  isEmpty(): Promise<boolean>;
  /**
   * Every record, read as the caller goes on while others write: devices, their histories, tokens, retained
   * messages, rollouts, the lines of their owners' logs, firmware, marks of sequences, signers, keys, owners. Each is whole, as it was at one moment. Of the owners that were there at the beginning nothing is missing
   * that was there all the time; what is added or removed meanwhile may be there or not. What points to something is
   * read before it, so that what it points to is there too, unless it was removed meanwhile; a history follows its
   * device, without which there is none; a log follows the rollouts, so that whatever has become of one stands in it, and
   * may be ahead of them. The same record may come twice; then the later one is newer. A line comes once, in the order
   * of its log.
   */
  export(): AsyncIterable<StoreEntry>;
  /** Durable. Removes every record. From its beginning until an import has ended the store is half restored. */
  clear(): Promise<void>;
  /**
   * Durable. Writes these records into the empty store and gives it this id. Until that has ended, by success, the
   * store is half restored: whoever opens it for anything but a restore gets FirmwireError `store_restoring`. Of
   * several open tokens of one device the newest is kept.
   * @throws FirmwireError `store_not_empty`, and nothing is changed; whatever reading the entries throws
   */
  import(id: string, entries: AsyncIterable<StoreEntry>): Promise<void>;
}

/** The stores of one technology. */
export interface Stores {
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly firmware: FirmwareStore;
  readonly signers: SignerStore;
  readonly tokens: TokenStore;
  readonly history: HistoryStore;
  readonly rollouts: RolloutStore;
  readonly archive: StoreArchive;
  close(): Promise<void>;
}
