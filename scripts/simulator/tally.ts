import { percentile } from './percentile.js';

/** Where a device of the fleet is on its way to the new version. */
export type Stage =
  | 'waiting'
  | 'asked'
  | 'offered'
  | 'downloading'
  | 'restarting'
  | 'installed'
  | 'failed'
  | 'declined';

/** The stages of a device that has begun and not come to an end. */
export const ON_THE_WAY = [
  'asked',
  'offered',
  'downloading',
  'restarting',
] as const satisfies readonly Stage[];

/** How many devices there are, are connected, and are at each stage. The stages add up to `devices`. */
export type FleetCounts = Readonly<Record<Stage | 'devices' | 'online', number>>;

/** From publication to installation, in ms; undefined if no installation's publication was seen. */
export interface Durations {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

interface Entry {
  stage: Stage;
  online: boolean;
  installed: { readonly version: string; readonly at: number } | undefined;
}

const SETTLED: ReadonlySet<Stage> = new Set(['installed', 'failed', 'declined']);

/** Keeps the books of a fleet: pure counting, without sockets or clocks. */
export class Tally {
  readonly #entries: Entry[];
  readonly #counts: Record<keyof FleetCounts, number>;
  readonly #publishedAt = new Map<string, number>();

  constructor(devices: number) {
    this.#entries = Array.from({ length: devices }, () => ({
      stage: 'waiting',
      online: false,
      installed: undefined,
    }));
    this.#counts = {
      devices,
      online: 0,
      waiting: devices,
      asked: 0,
      offered: 0,
      downloading: 0,
      restarting: 0,
      installed: 0,
      failed: 0,
      declined: 0,
    };
  }

  /** The counts as of now. */
  get counts(): FleetCounts {
    return { ...this.#counts };
  }

  /** True if every device has installed, failed or been declined. */
  get isSettled(): boolean {
    const { devices, installed, failed, declined } = this.#counts;
    return installed + failed + declined === devices;
  }

  /** Times from publication to installation. */
  get durations(): Durations {
    const values = this.#entries.flatMap(({ installed }) => {
      const from = installed && this.#publishedAt.get(installed.version);
      // Two clocks that differ must not make a negative time.
      return installed && from !== undefined ? [Math.max(installed.at - from, 0)] : [];
    });
    return { p50: percentile(values, 50), p99: percentile(values, 99) };
  }

  /** A device came or went. */
  setOnline(index: number, online: boolean): void {
    const entry = this.#entries[index];
    if (!entry || entry.online === online) return;
    entry.online = online;
    this.#counts.online += online ? 1 : -1;
  }

  /** A device is at another stage. */
  move(index: number, stage: Stage): void {
    const entry = this.#entries[index];
    if (!entry || entry.stage === stage) return;
    this.#counts[entry.stage] -= 1;
    this.#counts[stage] += 1;
    entry.stage = stage;
  }

  /** A device runs a new version. */
  install(index: number, version: string, at: number): void {
    this.move(index, 'installed');
    const entry = this.#entries[index];
    if (entry) entry.installed = { version, at };
  }

  /** A version was published. */
  publish(version: string, at: number): void {
    this.#publishedAt.set(version, at);
  }

  /**
   * The owner was asked about a device, or said no. Events and devices speak over different connections, so a word
   * about the owner that comes late does not take back what the device has done since.
   */
  ask(index: number, kind: 'asked' | 'declined'): void {
    const stage = this.#entries[index]?.stage;
    if (stage === 'waiting' || stage === 'asked' || (stage !== undefined && SETTLED.has(stage)))
      this.move(index, kind);
  }
}
