import { EventEmitter, once, setMaxListeners } from 'node:events';
import type { DeviceOptions, DeviceServer } from './device-options.js';
import { identityOf } from './identity.js';
import { Limiter } from './limiter.js';
import type { OwnerEvent } from './owner-event.js';
import { type Random, type Span, seededRandom } from './random.js';
import { type Durations, type FleetCounts, Tally } from './tally.js';
import { VirtualDevice } from './virtual-device.js';

/** A fleet of virtual devices, all on one platform and version. */
export interface FleetOptions {
  readonly server: DeviceServer;
  readonly devices: number;
  readonly platform: string;
  readonly version: string;
  /** What device number n says of its auto update. */
  readonly autoUpdate: (index: number) => boolean;
  /** The same seed gives the same MACs, UDIDs and pauses. */
  readonly seed?: string;
  /** How many devices may be on their way to their first connection at a time. */
  readonly concurrency?: number;
  readonly transport?: DeviceOptions['transport'];
  readonly checkInMs?: number;
  readonly rebootMs?: Span;
}

/** What came of it. */
export interface FleetResult {
  readonly counts: FleetCounts;
  readonly durations: Durations;
  /** True if every device has installed, failed or been declined. */
  readonly settled: boolean;
  /** What the server sent that real devices might not survive. */
  readonly violations: readonly string[];
  /** Why a device last could not connect or check in, if that ever happened. */
  readonly trouble: string | undefined;
}

interface FleetEvents {
  change: [FleetCounts];
  settled: [];
  /** A device could not connect or check in, for a reason other than the last. */
  trouble: [text: string];
}

const MAX_VIOLATIONS = 100;

/** Many virtual devices and the counting of what happens to them. */
export class Fleet extends EventEmitter<FleetEvents> {
  readonly #options: FleetOptions;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #devices: VirtualDevice[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #violations: string[] = [];
  #trouble: string | undefined;
  readonly #end = new AbortController();

  constructor(options: FleetOptions) {
    super();
    this.#options = options;
    // One listener for each device that is starting; not a leak.
    setMaxListeners(0, this.#end.signal);
    this.#random = seededRandom(options.seed ?? 'firmwire');
    this.#tally = new Tally(options.devices);
    for (let index = 0; index < options.devices; index++) this.#devices.push(this.#create(index));
  }

  /** The result so far. */
  get result(): FleetResult {
    const { counts, durations, isSettled: settled } = this.#tally;
    return { counts, durations, settled, violations: [...this.#violations], trouble: this.#trouble };
  }

  /** True if the device is one of this fleet. */
  has(udid: string): boolean {
    return this.#indexes.has(udid);
  }

  /** Switches all devices on, a few at a time. Resolves when each has been online once, or when the fleet was stopped. */
  async start(): Promise<void> {
    const limiter = new Limiter(this.#options.concurrency ?? 50);
    const { signal } = this.#end;
    const first = async (device: VirtualDevice) => {
      await limiter.acquire();
      if (!signal.aborted) {
        const online = once(device, 'online', { signal }).catch(() => {});
        device.start();
        await online;
      }
      limiter.release();
    };
    await Promise.all(this.#devices.map(first));
  }

  /** Switches all devices off; resolves when nothing of them runs any more. */
  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#devices.map((device) => device.stop()));
  }

  /** Resolves when every device has installed, failed or been declined; rejects with the signal's reason. */
  async whenSettled(signal: AbortSignal): Promise<void> {
    if (!this.#tally.isSettled) await once(this, 'settled', { signal });
  }

  /** Takes in what the server told the owner: when a version was published, and what waits for the owner. */
  note(event: OwnerEvent): void {
    if (event.event === 'published' && event.version !== undefined)
      this.#tally.publish(event.version, event.at);
    const index = this.#indexes.get(event.udid ?? '');
    if (index === undefined || (event.event !== 'asked' && event.event !== 'declined')) return;
    this.#tally.ask(index, event.event);
    this.#changed();
  }

  #create(index: number): VirtualDevice {
    const { seed = 'firmwire', server, platform, version, autoUpdate } = this.#options;
    const { transport, checkInMs, rebootMs } = this.#options;
    const { mac, udid } = identityOf(seed, index);
    this.#indexes.set(udid, index);
    const device = new VirtualDevice({
      server,
      mac,
      udid,
      platform,
      version,
      alias: `simulated-${index + 1}`,
      autoUpdate: autoUpdate(index),
      random: this.#random,
      ...(transport && { transport }),
      ...(checkInMs !== undefined && { checkInMs }),
      ...(rebootMs && { rebootMs }),
    });
    this.#count(device, index);
    return device;
  }

  #count(device: VirtualDevice, index: number): void {
    const tally = this.#tally;
    const counting =
      <T extends unknown[]>(note: (...facts: T) => void) =>
      (...facts: T) => {
        note(...facts);
        this.#changed();
      };
    device.on(
      'online',
      counting(() => tally.setOnline(index, true)),
    );
    device.on(
      'offline',
      counting(() => tally.setOnline(index, false)),
    );
    device.on(
      'offered',
      counting(() => tally.move(index, 'offered')),
    );
    device.on(
      'progress',
      counting((percent: number) => tally.move(index, percent === 100 ? 'restarting' : 'downloading')),
    );
    device.on(
      'failed',
      counting(() => tally.move(index, 'failed')),
    );
    device.on(
      'installed',
      counting((version: string) => tally.install(index, version, Date.now())),
    );
    device.on('trouble', (error) => {
      if (this.#trouble === error.message) return;
      this.#trouble = error.message;
      this.emit('trouble', error.message);
    });
    device.on('violation', (text) => {
      if (this.#violations.length < MAX_VIOLATIONS) this.#violations.push(`device ${index + 1}: ${text}`);
    });
  }

  #changed(): void {
    this.emit('change', this.#tally.counts);
    if (this.#tally.isSettled) this.emit('settled');
  }
}
