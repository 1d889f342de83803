import { candidatesFor, isUpdateFor, type OfferPolicy } from '../decide.js';
import { type Device, decline, revised } from '../device.js';
import { type ErrorCode, FirmwireError } from '../errors.js';
import { mismatch } from '../firmware.js';
import type { KeyedLock } from '../keyed-lock.js';
import type { Clock, TokenStore } from '../ports.js';
import { type Bar, barOf, sift, standing } from '../signing/seal.js';
import { ordered, orderedAgain, withdrawn } from '../update.js';
import { compareVersions, sameVersion } from '../version.js';
import type { Catalog } from './catalog.js';
import type { Records } from './records.js';
import type { Transfers } from './transfers.js';

/** What an owner orders: an update for one device, or that a firmware is taken back. */
export class Orders {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The owner sends one device an update: their call is the consent. Durable.
   * @param id absent: the newest firmware for this device
   * @throws FirmwireError `no_such_device`, `firmware_not_found`, `wrong_target`, `not_newer`; `signature_required`,
   *   `signer_unknown`, `manifest_expired`, `sequence_too_low`, also if it is forced
   */
  async order(owner: string, udid: string, id: string | undefined, forced: boolean): Promise<void> {
    await this.#parts.lock.acquire(udid, async () => {
      const device = await this.#parts.records.ofOwner(owner, udid);
      if (!device) throw new FirmwireError('no_such_device');
      const all = await this.#parts.catalog.list(owner);
      const candidates = candidatesFor(device, all);
      const { clock, policy } = this.#parts;
      const { free } = sift(candidates, device, clock.now(), policy.requireSignature);
      const newest = standing(free)[0] ?? candidates[0];
      const firmware = id === undefined ? newest : all.find((known) => known.id === id);
      if (!firmware) throw new FirmwireError('firmware_not_found');
      const miss = mismatch(firmware, device);
      if (miss)
        throw new FirmwireError(
          'wrong_target',
          `This firmware is not meant for this device: its ${miss} differs.`,
        );
      const bar = barOf(firmware, device, clock.now(), policy.requireSignature);
      if (bar) throw new FirmwireError(BARRED[bar], SENTENCES[bar]);
      if (!forced && !isUpdateFor(firmware, device)) throw new FirmwireError('not_newer');
      // Sending an older version means not wanting the newer ones; or they would be offered right after it.
      const unwanted = candidates.filter(({ version }) => compareVersions(version, firmware.version) > 0);
      // After a failure it is sent anew, attempts and all, although the token of the last one may still live.
      const isOut =
        device.update?.firmware === firmware.id &&
        device.update.token !== undefined &&
        device.update.state !== 'failed';
      if (!isOut) await this.#parts.tokens.kill(udid);
      await this.#parts.records.change(udid, (known) => {
        const wanted = revised(known, {
          declined: known.declined.filter((version) => !sameVersion(version, firmware.version)),
        });
        const chosen = unwanted.reduce<Device>((each, { version }) => decline(each, version), wanted);
        return revised(chosen, {
          freeSpace: undefined,
          quarantine: undefined,
          update:
            isOut && known.update
              ? orderedAgain(known.update, forced)
              : ordered(firmware, known.version, forced, this.#parts.clock.now()),
        });
      });
      await this.#parts.records.flushed();
    });
  }

  /** Takes a firmware back from a device that was asked, told or is fetching it. */
  async retract(udid: string, firmware: string): Promise<void> {
    await this.#parts.lock.acquire(udid, async () => {
      const device = await this.#parts.records.get(udid);
      if (device?.update?.firmware !== firmware) return;
      await this.#parts.tokens.kill(udid);
      this.#parts.transfers.cut(udid);
      await this.#parts.records.change(udid, (known) =>
        known.update?.firmware === firmware && RETRACTABLE.has(known.update.state)
          ? revised(known, { update: withdrawn(known.update, this.#parts.clock.now()) })
          : known,
      );
    });
  }
}

/** What an owner is told who orders what must not be handed out. */
const BARRED: Readonly<Record<Bar, ErrorCode>> = {
  unsigned: 'signature_required',
  signer_untrusted: 'signer_unknown',
  manifest_expired: 'manifest_expired',
  sequence_lower: 'sequence_too_low',
};
const SENTENCES: Readonly<Record<Bar, string | undefined>> = {
  unsigned: 'This firmware is not signed, and this server hands out signed firmware only.',
  signer_untrusted: undefined,
  manifest_expired: undefined,
  sequence_lower:
    'This device has run, or may have, a firmware with a higher sequence; sign a rollback to go back.',
};

/** States in which a withdrawn firmware is taken back from a device; what has landed on it stays. */
const RETRACTABLE: ReadonlySet<string> = new Set([
  'offered',
  'asked',
  'approved',
  'declined',
  'downloading',
  'failed',
]);

interface Parts {
  readonly catalog: Catalog;
  readonly records: Records;
  readonly tokens: TokenStore;
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly policy: Pick<OfferPolicy, 'requireSignature'>;
  /** The desk's, keyed by UDID. */
  readonly lock: KeyedLock;
}
