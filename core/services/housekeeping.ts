import type { Device } from '../device.js';
import type { AccountStore, BlobStore, Clock, DeviceStore, Lease, Log, TokenStore } from '../ports.js';
import type { Announcer } from './announcer.js';
import type { Catalog } from './catalog.js';

/** How much one round does at most; the rest waits for the next round. */
const ROUND = 1000;

/** What is to be done from time to time, and after a crash. */
export class Housekeeping {
  readonly #parts: Parts;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Does a round now and then one every `everyMs`, until stopped. */
  start(everyMs: number): void {
    this.round()
      .catch((err: unknown) => this.#parts.log.error({ err }, 'housekeeping failed'))
      .finally(() => {
        if (!this.#stopped) this.#cancel = this.#parts.clock.after(everyMs, () => this.start(everyMs));
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Forgets tokens that expired and asks again where an owner wanted to be asked later. One node does it for all. */
  async round(): Promise<void> {
    const { tokens, devices, announcer, clock, log, lease } = this.#parts;
    if (!lease.isHeld()) return;
    // In steps: between two of them others write, and another node may have taken over.
    while ((await tokens.sweep(clock.now(), ROUND)) >= ROUND && lease.isHeld());
    for (const { udid } of await devices.due(clock.now(), ROUND)) {
      await announcer
        .reconsider(udid)
        .catch((err: unknown) => log.error({ err, udid }, 'a device cannot be looked at'));
    }
  }

  /**
   * Removes bytes that nobody points to, after a crash. To be called before anything is published: bytes are kept
   * a moment before the record that points to them. Never rejects: such bytes do no harm.
   */
  async removeOrphans(): Promise<void> {
    const { blobs, catalog, log } = this.#parts;
    try {
      const removed = await blobs.clean((sha256) => catalog.isUsed(sha256));
      if (removed > 0) log.info({ removed }, 'removed firmware bytes that nothing points to');
    } catch (err) {
      log.warn({ err }, 'firmware bytes that nothing points to stay for now');
    }
  }

  /**
   * Looks at every device that this concerns, after a crash: transfers that were completed and not noted are noted, questions that were
   * not yet asked are asked, and those that became moot are closed.
   */
  async recover(concerns: (device: Device) => boolean = () => true): Promise<void> {
    const { accounts, announcer } = this.#parts;
    for await (const { id } of accounts.owners()) {
      await announcer.each(
        id,
        (device) => !this.#stopped && concerns(device),
        async ({ udid }) => {
          await announcer.reconsider(udid);
        },
      );
    }
  }
}

interface Parts {
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly tokens: TokenStore;
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly announcer: Announcer;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: Log;
}
