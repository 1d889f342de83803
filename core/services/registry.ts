import { randomUUID } from 'node:crypto';
import { arrived, decidesAlike, newDevice } from '../arrival.js';
import type { CheckIn } from '../checkin.js';
import { cleanAlias, type Device, revised } from '../device.js';
import { FirmwireError, isStoreFailure } from '../errors.js';
import type { Headcount } from '../headcount.js';
import { KeyedLock } from '../keyed-lock.js';
import type { LimitWatch } from '../limits.js';
import { Recent } from '../nodes/recent.js';
import type { Clock, DeviceStore, Lock, Log, Telemetry, TokenStore } from '../ports.js';
import { cameBack, countReturn, isWatched } from '../rollouts/returns.js';
import { triedAnew } from '../update.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Records } from './records.js';
import type { Transfers } from './transfers.js';

/** `open`: a device with a valid device key registers itself; `closed`: only known devices are served. */
export type Admission = 'open' | 'closed';

/** What an owner may change about a device. */
export interface DevicePatch {
  readonly alias?: string;
  readonly autoUpdate?: boolean;
  readonly tags?: readonly string[];
  /** Lets a device that was set aside back in. */
  readonly quarantine?: null;
}

/** How exact `lastSeen` is while a device only comes and goes, ms; a check-in is always noted. */
const SEEN_EVERY_MS = 60_000;

/** Devices whose going is remembered, for as long as they may turn up on another node. */
const GONE = 20_000;

/** Which devices there are, and whose they are. */
export class Registry {
  readonly #parts: Parts;
  readonly #lock = new KeyedLock();
  /** Devices that came or went while the store was away: their owners have not been told. */
  readonly #untold = new Set<string>();
  /** Devices of which this node has said that they went. */
  readonly #gone = new Recent(GONE);

  /** Nothing was heard before: whoever was silent until then may have been there all the time. */
  readonly #begunAt: number;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#begunAt = parts.clock.now();
  }

  /**
   * Lets a device in that says it has this UDID: a new one is created, one of another owner is refused.
   * @returns whether it may come in
   */
  async admit(owner: string, udid: string): Promise<boolean> {
    const known = await this.#parts.devices.get(udid);
    if (known) return known.owner === owner;
    if (this.#parts.admission === 'closed' || !(await this.#hasRoom(owner))) return false;
    return (await this.#create(owner, udid, {}))?.owner === owner;
  }

  /** The owner's device that these facts are about: by UDID, else by MAC within the same owner (wire.md 4). */
  async find(owner: string, facts: Pick<CheckIn, 'udid' | 'mac'>): Promise<Device | undefined> {
    const byUdid = facts.udid === undefined ? undefined : await this.#parts.devices.get(facts.udid);
    if (byUdid?.owner === owner) return byUdid;
    return facts.mac === undefined ? undefined : this.#parts.devices.findByMac(owner, facts.mac);
  }

  /**
   * Takes in a check-in over HTTP: finds the device or creates it. A check-in that matters to no decision is not waited
   * for: the answer can be put together meanwhile, and given once it is `stored`.
   * @throws FirmwireError `admission_closed` for a new device while admission is closed, `too_many_devices`
   */
  register(owner: string, facts: CheckIn): Promise<Arrival> {
    this.#parts.telemetry.checkedIn('http');
    // A device that repeats itself while it waits for its first answer is still one device.
    return this.#lock.acquire(`${owner}/${facts.mac ?? facts.udid ?? ''}`, async () => {
      const known = (await this.find(owner, facts)) ?? (await this.#admitOnce(owner, facts));
      if ('created' in known) return { device: known.created, stored: Promise.resolve() };
      return { device: known, ...(await this.#hear(known.udid, facts, true)) };
    });
  }

  /** A device that repeats itself may have been let in by another node meanwhile. */
  #admitOnce(owner: string, facts: CheckIn): Promise<Device | { created: Device }> {
    return this.#parts.shared.acquire(`admit:${owner}/${facts.mac ?? facts.udid ?? ''}`, async () => {
      const known = await this.find(owner, facts);
      return known ?? { created: await this.#admitNew(owner, facts) };
    });
  }

  async #admitNew(owner: string, facts: CheckIn): Promise<Device> {
    if (this.#parts.admission === 'closed') throw new FirmwireError('admission_closed');
    if (!(await this.#hasRoom(owner))) throw new FirmwireError('too_many_devices');
    // A well-formed UDID unknown so far is kept; one of another owner never touches that owner's record.
    const wanted = facts.udid === undefined ? undefined : await this.#create(owner, facts.udid, facts);
    const created = wanted?.owner === owner ? wanted : await this.#create(owner, randomUUID(), facts);
    this.#parts.feed.deviceEvent(created, 'checkin', versionOf(created));
    return created;
  }

  /** Takes in a check-in over MQTT, and resolves once it is stored; undefined if the device is no longer known. */
  async checkIn(udid: string, facts: CheckIn): Promise<Device | undefined> {
    this.#parts.telemetry.checkedIn('mqtt');
    await this.#parts.records.settled(udid);
    return this.#note(udid, facts, false);
  }

  /**
   * Takes in a check-in over MQTT of a known device that waits for its answer. If nothing in it matters to any decision, as in
   * most, this resolves at once and the record follows within some ms; else as `checkIn` does.
   */
  async hear(udid: string, facts: CheckIn): Promise<void> {
    this.#parts.telemetry.checkedIn('mqtt');
    const { stored } = await this.#hear(udid, facts);
    stored.catch((err: unknown) => this.#parts.log.error({ err, udid }, 'a check-in cannot be stored'));
  }

  /** @param isReturn over HTTP a device is silent between two check-ins */
  async #hear(
    udid: string,
    facts: CheckIn,
    isReturn = false,
  ): Promise<{ device?: Device; stored: Promise<unknown> }> {
    const { records, clock } = this.#parts;
    const before = await records.settled(udid);
    if (!before) return { stored: Promise.resolve() };
    const isRoutine = decidesAlike(before, arrived(before, facts, clock.now()));
    const noted = this.#note(udid, facts, isRoutine, isReturn);
    // Heard of by whoever waits for it; until somebody does it must not count as unheard.
    if (isRoutine) noted.catch(() => {});
    const device = isRoutine ? before : await noted;
    return { ...(device && { device }), stored: noted };
  }

  async #note(udid: string, facts: CheckIn, lazy: boolean, isReturn = false): Promise<Device | undefined> {
    const { records, feed, clock } = this.#parts;
    const note = (known: Device): Device => {
      const now = clock.now();
      return arrived(isReturn ? cameBack(known, now, this.#begunAt) : known, facts, now);
    };
    const device = await records.change(udid, note, lazy);
    if (device) feed.deviceEvent(device, 'checkin', versionOf(device));
    return device;
  }

  /** Notes that a device came or went, and tells its owner; see `catchUp` if the store is away. */
  async seen(udid: string, event?: 'checkout'): Promise<void> {
    try {
      await this.#seen(udid, event);
    } catch (error) {
      if (isStoreFailure(error)) this.#untold.add(udid);
      throw error;
    }
  }

  /** The store was away and is back: tells owners of the devices that came or went meanwhile, as they are now. */
  async catchUp(isOnline: (udid: string) => boolean): Promise<void> {
    const untold = [...this.#untold];
    this.#untold.clear();
    await Promise.all(untold.map((udid) => this.seen(udid, isOnline(udid) ? undefined : 'checkout')));
  }

  async #seen(udid: string, event?: 'checkout'): Promise<void> {
    const { records, feed, clock } = this.#parts;
    const now = clock.now();
    if (event) this.#gone.add(udid);
    const known = await records.get(udid);
    // A device that comes and goes for each download would be written at every turn.
    // How often a device comes back with a new firmware is evidence, and counted each time.
    const isCounted = event === undefined && known !== undefined && isWatched(known, now);
    const isFresh = known !== undefined && !isCounted && now - known.lastSeen < SEEN_EVERY_MS;
    const note = (each: Device): Device => {
      const returned = event === undefined ? countReturn(cameBack(each, now, this.#begunAt), now) : each;
      return revised(returned, { lastSeen: now });
    };
    const device = isFresh ? known : await records.change(udid, note, true);
    if (!device) return;
    if (isFresh) await feed.state(device);
    if (event) feed.deviceEvent(device, event);
  }

  /**
   * A device has come to another node, or left it. What two nodes say of one device comes in no order: if this one has said
   * that it went, its owner may have heard that last, so it says now what is true now.
   */
  async moved(udid: string): Promise<void> {
    if (!this.#gone.has(udid)) return;
    const device = await this.#parts.records.get(udid);
    if (device) await this.#parts.feed.state(device);
  }

  /**
   * Durable.
   * @throws FirmwireError `no_such_device`, `field_invalid`
   */
  async patch(owner: string, udid: string, patch: DevicePatch): Promise<Device> {
    if (!(await this.#parts.records.ofOwner(owner, udid))) throw new FirmwireError('no_such_device');
    const { quarantine, ...change } = patch;
    const { alias } = change;
    if (alias !== undefined && (alias === '' || cleanAlias(alias) !== alias)) {
      throw new FirmwireError(
        'field_invalid',
        'alias: 1 to 100 bytes, without braces, control characters and outer blanks',
      );
    }
    const device = await this.#parts.records.change(udid, (known) =>
      known.owner === owner
        ? revised(known, {
            ...change,
            ...(quarantine === null && {
              quarantine: undefined,
              update: known.update && triedAnew(known.update),
            }),
            introduced: known.introduced || patch.autoUpdate !== undefined,
          })
        : known,
    );
    if (!device) throw new FirmwireError('no_such_device');
    await this.#parts.records.flushed();
    return device;
  }

  /**
   * Forgets a device, its token and its open question. Durable.
   * @throws FirmwireError `no_such_device`
   */
  async remove(owner: string, udid: string): Promise<void> {
    const device = await this.#parts.records.ofOwner(owner, udid);
    if (!device || !(await this.#parts.devices.remove(owner, udid)))
      throw new FirmwireError('no_such_device');
    this.#parts.quota?.kept.changed(owner, -1);
    this.#parts.removed?.(udid);
    await this.#parts.tokens.kill(udid);
    this.#parts.transfers.cut(udid);
    this.#parts.feed.removed(device);
  }

  /** Creates the device, or returns the one that was faster. */
  async #create(owner: string, udid: string, facts: CheckIn): Promise<Device> {
    const device = newDevice(owner, udid, facts, this.#parts.clock.now());
    if (!(await this.#parts.devices.create(device))) return (await this.#parts.devices.get(udid)) ?? device;
    this.#parts.quota?.kept.changed(owner, 1);
    await this.#parts.feed.appeared(device);
    return device;
  }

  async #hasRoom(owner: string): Promise<boolean> {
    const { quota } = this.#parts;
    if (!quota || !(await quota.kept.isFull(owner))) return true;
    quota.watch.reached('devices', { owner: owner.slice(0, 8) });
    return false;
  }
}

/** What a check-in tells of the version. */
const versionOf = ({ version }: Device): { version?: string } => (version === undefined ? {} : { version });

/** A device that has checked in, and whether that has been written down. */
export interface Arrival {
  readonly device: Device;
  /** Rejects if it cannot be stored. */
  readonly stored: Promise<unknown>;
}

interface Parts {
  readonly devices: DeviceStore;
  readonly tokens: TokenStore;
  readonly records: Records;
  readonly feed: OwnerFeed;
  readonly transfers: Transfers;
  readonly clock: Clock;
  /** One for all nodes. */
  readonly shared: Lock;
  readonly telemetry: Telemetry;
  readonly admission: Admission;
  /** How many devices an owner may have; absent: as many as they like. */
  readonly quota?: { readonly kept: Headcount; readonly watch: LimitWatch };
  /** Is told of every device that is no more. */
  readonly removed?: (udid: string) => void;
  readonly log: Log;
}
