import { randomUUID } from 'node:crypto';
import { cover, coversAll, type Span } from '../coverage.js';
import type { OfferPolicy } from '../decide.js';
import { type Device, type Quarantine, revised } from '../device.js';
import { FirmwireError, isStoreFailure } from '../errors.js';
import type { Firmware } from '../firmware.js';
import type { Clock, DownloadOutcome, Telemetry, TokenStore } from '../ports.js';
import { barOf } from '../signing/seal.js';
import { isLive, isToken, type Token, tokenHash } from '../token.js';
import { downloaded, downloading, handedOver, type Update } from '../update.js';
import type { Catalog } from './catalog.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Records } from './records.js';
import type { Transfer, Transfers } from './transfers.js';

/** Owners are told of progress in steps of so many percent. */
const PROGRESS_STEP = 10;

/** The retained state follows a download at most this often, ms. */
const STATE_EVERY_MS = 500;

interface Parts {
  readonly tokens: TokenStore;
  readonly catalog: Catalog;
  readonly records: Records;
  readonly feed: OwnerFeed;
  readonly transfers: Transfers;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly policy: Pick<OfferPolicy, 'requireSignature'>;
}

/** What a live token is for. */
export interface Found {
  readonly token: Token;
  readonly firmware: Firmware;
  readonly freeSpace: number | undefined;
}

/** Redeems one-time tokens (wire.md 6). */
export class Downloads {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Looks up what a live token is for. Begins nothing, and cuts nothing.
   * @param freeSpace bytes the device says it has room for
   * @throws FirmwireError `OTT_UPDATE_NOT_FOUND`, one answer for unknown, expired and used tokens;
   *   `not_enough_space`, and the owner is told
   */
  async find(token: string, freeSpace: number | undefined): Promise<Found> {
    const { tokens, catalog, clock } = this.#parts;
    const known = isToken(token) ? await tokens.get(tokenHash(token)) : undefined;
    if (!known || !isLive(known, clock.now())) throw this.#refused();
    const firmware = await catalog.get(known.owner, known.firmware);
    // A firmware that was withdrawn or replaced is refused: never a mixture of old and new bytes.
    if (firmware?.sha256 !== known.sha256) throw this.#refused();
    if (await this.#isBarred(firmware, known.udid)) throw this.#refused();
    if (freeSpace !== undefined && firmware.size > freeSpace) await this.#refuse(known, firmware, freeSpace);
    return { token: known, firmware, freeSpace };
  }

  /**
   * Begins an attempt to fetch it. A download that the same device has under way is cut.
   * @param abort cuts this download's connection
   * @throws FirmwireError `OTT_UPDATE_NOT_FOUND` if the token has died meanwhile
   */
  async begin({ token, firmware, freeSpace }: Found, abort: () => void): Promise<Delivery> {
    const { records, transfers, clock } = this.#parts;
    const attempt = randomUUID();
    const begun = await records.begin(token.hash, attempt, clock.now(), (device) => {
      const now = clock.now();
      const update = ifAbout(device.update, token, (each) => downloading(each, now));
      return revised(device, {
        lastSeen: now,
        freeSpace: freeSpace ?? device.freeSpace,
        update,
        quarantine: device.quarantine ?? looping(update, now),
      });
    });
    if (!begun) throw this.#refused();
    this.#parts.telemetry.token('redeemed');
    const transfer: Transfer = { udid: token.udid, progress: 0, abort };
    transfers.begin(transfer);
    return new Delivery(this.#parts, begun, attempt, firmware, transfer);
  }

  /** What was offered may have expired since, or something with a higher sequence has been released. */
  async #isBarred(firmware: Firmware, udid: string): Promise<boolean> {
    const { records, clock, policy } = this.#parts;
    if (firmware.manifest === undefined) return policy.requireSignature;
    const device = await records.get(udid);
    return !device || barOf(firmware, device, clock.now(), policy.requireSignature) !== undefined;
  }

  #refused(): FirmwireError {
    this.#parts.telemetry.token('refused');
    return new FirmwireError('OTT_UPDATE_NOT_FOUND');
  }

  /** The owner is told, and the device's free space is remembered. */
  async #refuse(token: Token, firmware: Firmware, freeSpace: number): Promise<never> {
    const { records, feed } = this.#parts;
    const error = `needs ${firmware.size} bytes, the device has ${freeSpace}`;
    const known = await records.get(token.udid);
    // A device asks again on every loop; its owner hears of it once.
    if (known && known.freeSpace !== freeSpace) {
      await records.change(token.udid, (device) => revised(device, { freeSpace }));
      feed.deviceEvent(known, 'refused', { version: firmware.version, firmware: firmware.id, error });
    }
    this.#parts.telemetry.token('refused');
    throw new FirmwireError('not_enough_space', `The image ${error}.`);
  }
}

/** Downloads that a device may begin without one being complete; a bad network breaks some off. */
const MOST_BEGUN = 25;

/** A device that begins and begins is set aside: it spends the bandwidth of all. What it has begun now it may end. */
function looping(update: Update | undefined, now: number): Quarantine | undefined {
  if (!update || (update.begun ?? 0) < MOST_BEGUN) return undefined;
  const reason = `it began to download ${update.version} ${update.begun} times and never had all of it`;
  return { at: now, firmware: update.firmware, reason };
}

/** Changes an update if it is the one this token was issued for. */
const ifAbout = (
  update: Update | undefined,
  token: Token,
  change: (update: Update) => Update,
): Update | undefined => (update?.token === token.hash ? change(update) : update);

/** One attempt to hand over a body, whole or a range of it. */
export class Delivery {
  readonly firmware: Firmware;
  readonly #parts: Parts;
  readonly #token: Token;
  readonly #attempt: string;
  readonly #transfer: Transfer;
  #completed = false;
  readonly #begunAt: number;
  #stateToldAt: number;

  constructor(parts: Parts, token: Token, attempt: string, firmware: Firmware, transfer: Transfer) {
    this.#parts = parts;
    this.#token = token;
    this.#attempt = attempt;
    this.firmware = firmware;
    this.#transfer = transfer;
    this.#begunAt = parts.clock.now();
    this.#stateToldAt = this.#begunAt;
  }

  /** The device that fetches it. */
  get udid(): string {
    return this.#token.udid;
  }

  /** True if the firmware has been taken back since the token was looked up: that its bytes are gone is no fault then. */
  async isWithdrawn(): Promise<boolean> {
    const { catalog } = this.#parts;
    const { owner, id } = this.firmware;
    // Another node may have done it.
    catalog.forget(owner);
    return (await catalog.get(owner, id)) === undefined;
  }

  /**
   * Tells how far the whole body has got: an event for every tenth, and the state now and then; to Home Assistant the
   * state is what events are to others.
   * @returns undefined if there is nothing to wait for
   */
  progress(bytes: number): Promise<void> | undefined {
    const percent = Math.floor((bytes / this.#token.size) * 100);
    const step = percent - (percent % PROGRESS_STEP);
    if (step <= this.#transfer.progress) return undefined;
    const { feed, clock, transfers } = this.#parts;
    transfers.advance(this.#transfer, step);
    const { owner, udid } = this.#token;
    feed.progress(owner, { udid, version: this.firmware.version, progress: step });
    if (clock.now() < this.#stateToldAt + STATE_EVERY_MS)
      return feed.showsProgress(owner) ? this.#show(udid) : undefined;
    this.#stateToldAt = clock.now();
    return this.#tell(udid, (device) => feed.state(device));
  }

  /** Tells Home Assistant. That the store is away is no reason to end a download: the next step says more. */
  async #show(udid: string): Promise<void> {
    try {
      await this.#tell(udid, (device) => this.#parts.feed.entityState(device));
    } catch (error) {
      if (!isStoreFailure(error)) throw error;
    }
  }

  async #tell(udid: string, telling: (device: Device) => Promise<void>): Promise<void> {
    const device = await this.#parts.records.get(udid);
    if (device) await telling(device);
  }

  /**
   * To be called when all of the span but its last piece has left, before the last piece does: completes the token,
   * on stable storage, if this span makes the body whole.
   * @returns false if this attempt has lost, to a newer one or to the end of the token's life: cut the connection
   */
  async beforeLastPiece(span: Span): Promise<boolean> {
    const { tokens, clock, telemetry } = this.#parts;
    if (!coversAll(cover(this.#token.spans, span), this.#token.size)) return true;
    this.#completed = await tokens.complete(this.#token.hash, this.#attempt, span, clock.now());
    if (this.#completed) telemetry.token('completed');
    return this.#completed;
  }

  /**
   * Ends the attempt.
   * @param left what of the body has left
   * @param whole true if the answer ended without a socket error
   * @param failed true if it was the server that failed
   */
  async end(left: Span, whole: boolean, failed = false): Promise<void> {
    const { tokens, records, feed, transfers, clock, telemetry } = this.#parts;
    telemetry.downloaded(this.#outcome(whole, failed), clock.now() - this.#begunAt);
    if (!this.#completed || !whole) feed.brokeOff(this.udid, this.firmware, this.#transfer.progress);
    try {
      if (!this.#completed) {
        await tokens.cover(this.#token.hash, this.#attempt, left, clock.now());
        return;
      }
      // What must not be lost is stored: the token is complete, and the record would follow from that.
      const change = (device: Device): Device =>
        revised(device, {
          lastSeen: clock.now(),
          update: ifAbout(device.update, this.#token, (update) =>
            whole ? downloaded(update, clock.now()) : handedOver(update),
          ),
        });
      await records.change(this.#token.udid, change, true);
    } finally {
      transfers.end(this.#transfer);
    }
  }

  #outcome(whole: boolean, failed: boolean): DownloadOutcome {
    if (!whole) return failed ? 'failed' : 'broken';
    return this.#completed ? 'completed' : 'partial';
  }
}
