import { randomUUID } from 'node:crypto';
import AsyncLock from 'async-lock';
import { arrived, newDevice } from '../arrival.js';
import type { CheckIn } from '../checkin.js';
import { cleanAlias, type Device } from '../device.js';
import { FirmwireError } from '../errors.js';
import type { Clock, DeviceStore, TokenStore } from '../ports.js';
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
}

/** How exact `lastSeen` is while a device only comes and goes, ms; a check-in is always noted. */
const SEEN_EVERY_MS = 60_000;

/** Which devices there are, and whose they are. */
export class Registry {
  readonly #parts: Parts;
  readonly #lock = new AsyncLock({ maxPending: Number.POSITIVE_INFINITY });

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Lets a device in that says it has this UDID: a new one is created, one of another owner is refused.
   * @returns whether it may come in
   */
  async admit(owner: string, udid: string): Promise<boolean> {
    const known = await this.#parts.devices.get(udid);
    if (known) return known.owner === owner;
    if (this.#parts.admission === 'closed') return false;
    return (await this.#create(owner, udid, {}))?.owner === owner;
  }

  /** The owner's device that these facts are about: by UDID, else by MAC within the same owner (wire.md 4). */
  async find(owner: string, facts: Pick<CheckIn, 'udid' | 'mac'>): Promise<Device | undefined> {
    const byUdid = facts.udid === undefined ? undefined : await this.#parts.devices.get(facts.udid);
    if (byUdid?.owner === owner) return byUdid;
    return facts.mac === undefined ? undefined : this.#parts.devices.findByMac(owner, facts.mac);
  }

  /**
   * Takes in a check-in over HTTP: finds the device or creates it.
   * @throws FirmwireError `admission_closed` for a new device while admission is closed
   */
  register(owner: string, facts: CheckIn): Promise<Device> {
    // A device that repeats itself while it waits for its first answer is still one device.
    return this.#lock.acquire(`${owner}/${facts.mac ?? facts.udid ?? ''}`, () =>
      this.#register(owner, facts),
    );
  }

  async #register(owner: string, facts: CheckIn): Promise<Device> {
    const known = await this.find(owner, facts);
    if (known) return (await this.checkIn(known.udid, facts)) ?? known;
    if (this.#parts.admission === 'closed') throw new FirmwireError('admission_closed');
    // A well-formed UDID unknown so far is kept; one of another owner never touches that owner's record.
    const wanted = facts.udid === undefined ? undefined : await this.#create(owner, facts.udid, facts);
    const created = wanted?.owner === owner ? wanted : await this.#create(owner, randomUUID(), facts);
    this.#parts.feed.deviceEvent(created, 'checkin');
    return created;
  }

  /** Takes in a check-in of a known device; undefined if it is no longer known. */
  async checkIn(udid: string, facts: CheckIn): Promise<Device | undefined> {
    await this.#parts.records.noteCompleted(udid);
    const device = await this.#parts.records.change(udid, (known) =>
      arrived(known, facts, this.#parts.clock.now()),
    );
    if (device)
      this.#parts.feed.deviceEvent(
        device,
        'checkin',
        device.version === undefined ? {} : { version: device.version },
      );
    return device;
  }

  /** Notes that a device came or went, and tells its owner. */
  async seen(udid: string, event?: 'checkout'): Promise<void> {
    const { records, feed, clock } = this.#parts;
    const now = clock.now();
    const known = await records.get(udid);
    // A device that comes and goes for each download would be written at every turn.
    const isFresh = known !== undefined && now - known.lastSeen < SEEN_EVERY_MS;
    const device = isFresh ? known : await records.change(udid, (each) => ({ ...each, lastSeen: now }));
    if (!device) return;
    if (isFresh) await feed.state(device);
    if (event) feed.deviceEvent(device, event);
  }

  /**
   * Durable.
   * @throws FirmwireError `no_such_device`, `field_invalid`
   */
  async patch(owner: string, udid: string, patch: DevicePatch): Promise<Device> {
    if (!(await this.#parts.records.ofOwner(owner, udid))) throw new FirmwireError('no_such_device');
    const { alias } = patch;
    if (alias !== undefined && (alias === '' || cleanAlias(alias) !== alias)) {
      throw new FirmwireError(
        'field_invalid',
        'alias: 1 to 100 bytes, without braces, control characters and outer blanks',
      );
    }
    const device = await this.#parts.records.change(udid, (known) =>
      known.owner === owner
        ? { ...known, ...patch, introduced: known.introduced || patch.autoUpdate !== undefined }
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
    await this.#parts.tokens.kill(udid);
    this.#parts.transfers.cut(udid);
    this.#parts.feed.removed(device);
  }

  /** Creates the device, or returns the one that was faster. */
  async #create(owner: string, udid: string, facts: CheckIn): Promise<Device> {
    const device = newDevice(owner, udid, facts, this.#parts.clock.now());
    if (!(await this.#parts.devices.create(device))) return (await this.#parts.devices.get(udid)) ?? device;
    this.#parts.feed.deviceEvent(device, 'created');
    await this.#parts.feed.state(device);
    return device;
  }
}

interface Parts {
  readonly devices: DeviceStore;
  readonly tokens: TokenStore;
  readonly records: Records;
  readonly feed: OwnerFeed;
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly admission: Admission;
}
