import type { Owner } from '../../core/account.js';
import { FirmwireError } from '../../core/errors.js';
import { pagesOf } from '../../core/pages.js';
import type {
  DeviceHistory,
  FirmwareStore,
  HistoryStore,
  RolloutStore,
  StoreArchive,
  StoreEntry,
  Stores,
} from '../../core/ports.js';
import type { Rollout } from '../../core/rollouts/rollout.js';
import type { OwnerMarks } from '../../core/signing/marks.js';
import type { Token } from '../../core/token.js';
import type { RetainedStore } from '../retained.js';

/** What a `TokenStore` is asked besides when all tokens move. */
export interface TokenArchive {
  /** Every token, live or not, read as the caller goes on. */
  all(): AsyncIterable<Token>;
  /** Writes a token exactly as it is. Of two open ones of one device the one that was issued later stays. */
  restore(token: Token): Promise<void>;
}

/** What a `HistoryStore` is asked besides when all histories move. */
export interface HistoryArchive {
  /** Writes a device's history in the place of what there is. */
  restore(history: DeviceHistory): Promise<void>;
}

/** What a `FirmwareStore` is asked besides when all marks move. */
export interface MarksArchive {
  /** Writes an owner's marks in the place of what there is. */
  restoreMarks(marks: OwnerMarks): Promise<void>;
}

/** What a `RolloutStore` is asked besides when all rollouts move. */
export interface RolloutArchive {
  /** Writes a rollout exactly as it is, in the place of what there is, whatever its revision. */
  restore(rollout: Rollout): Promise<void>;
}

/** Which store this is, and how far a restore into it has got. Each step is atomic and durable. */
export interface ArchiveState {
  id(): Promise<string>;
  isEmpty(): Promise<boolean>;
  /** Marks the store as half restored; false, and nothing is changed, if there is a record in it. */
  begin(): Promise<boolean>;
  /** Marks the store as half restored, before or with removing every record. */
  clear(): Promise<void>;
  /** Gives the store this id and takes the mark away. */
  finish(id: string): Promise<void>;
}

type Parts = Pick<Stores, 'accounts' | 'devices' | 'signers'> & {
  readonly firmware: FirmwareStore & MarksArchive;
  readonly tokens: TokenArchive;
  readonly history: HistoryStore & HistoryArchive;
  readonly rollouts: RolloutStore & RolloutArchive;
  readonly retained: RetainedStore;
};

/** So many records are written at one time, and share one wait for the disk; fewer if they are large. */
const BATCH = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Lines of a log that are read at one time. */
const LINES = 500;

/** What is not written by itself: lines of a log come in their order, and are written in it. */
type Line = Extract<StoreEntry, { readonly kind: 'rollout-entry' }>;

/** Moves records through the stores' own operations, so that every index and rule of theirs holds. */
export function storeArchive(stores: Parts, state: ArchiveState): StoreArchive {
  async function put(entry: Exclude<StoreEntry, Line>): Promise<unknown> {
    switch (entry.kind) {
      case 'owner':
        return stores.accounts.createOwner(entry.value);
      case 'key':
        return stores.accounts.addKey(entry.value);
      case 'device':
        if (await stores.devices.create(entry.value)) return undefined;
        return stores.devices.update(entry.value.udid, () => entry.value);
      case 'firmware':
        return stores.firmware.put(entry.value);
      case 'rollout':
        return stores.rollouts.restore(entry.value);
      case 'marks':
        return stores.firmware.restoreMarks(entry.value);
      case 'signer':
        return stores.signers.add(entry.value);
      case 'token':
        return stores.tokens.restore(entry.value);
      case 'history':
        return stores.history.restore(entry.value);
      case 'retained':
        return stores.retained.put(entry.value);
    }
  }

  function putAll(batch: readonly StoreEntry[]): Promise<unknown> {
    const lines = batch.filter((entry) => entry.kind === 'rollout-entry').map(({ value }) => value);
    const others = batch.filter((entry) => entry.kind !== 'rollout-entry');
    return Promise.all([...others.map(put), stores.rollouts.note(lines)]);
  }

  async function* linesOf(owner: string): AsyncIterable<Line> {
    for await (const values of pagesOf((after) => stores.rollouts.log(owner, LINES, after)))
      for (const value of values) yield { kind: 'rollout-entry', value };
  }

  async function* entriesOf(owners: readonly Owner[]): AsyncIterable<StoreEntry> {
    const known = new Set(owners.map(({ id }) => id));
    const udids: string[] = [];
    for (const { id } of owners)
      for await (const value of stores.devices.all(id)) {
        udids.push(value.udid);
        yield { kind: 'device', value };
      }
    for (const udid of udids) {
      const entries = (await stores.history.list(udid)).toReversed();
      if (entries.length > 0) yield { kind: 'history', value: { udid, entries } };
    }
    for await (const value of stores.tokens.all()) if (known.has(value.owner)) yield { kind: 'token', value };
    for await (const value of stores.retained.withPrefix('')) yield { kind: 'retained', value };
    for (const { id } of owners)
      for (const value of await stores.rollouts.list(id)) yield { kind: 'rollout', value };
    for (const { id } of owners) yield* linesOf(id);
    for (const { id } of owners)
      for (const value of await stores.firmware.list(id)) yield { kind: 'firmware', value };
    for (const { id: owner } of owners) {
      const marks = await stores.firmware.marks(owner);
      if (marks.length > 0) yield { kind: 'marks', value: { owner, marks } };
    }
    for (const { id } of owners)
      for (const value of await stores.signers.list(id)) yield { kind: 'signer', value };
    for (const { id } of owners)
      for (const value of await stores.accounts.listKeys(id)) yield { kind: 'key', value };
    for (const value of owners) yield { kind: 'owner', value };
  }

  return {
    id: () => state.id(),
    isEmpty: () => state.isEmpty(),
    clear: () => state.clear(),

    async *export() {
      const owners: Owner[] = [];
      for await (const owner of stores.accounts.owners()) owners.push(owner);
      yield* entriesOf(owners);
    },

    async import(id, entries) {
      if (!(await state.begin())) throw new FirmwireError('store_not_empty');
      for await (const batch of inBatches(entries)) await putAll(batch);
      await stores.devices.flushed();
      await state.finish(id);
    },
  };
}

async function* inBatches(entries: AsyncIterable<StoreEntry>): AsyncIterable<readonly StoreEntry[]> {
  let batch: StoreEntry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    batch.push(entry);
    if (entry.kind === 'retained') bytes += entry.value.payload.length;
    if (batch.length < BATCH && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
