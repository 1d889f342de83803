import type { Decision } from './decide.js';
import type { Device } from './device.js';
import type { Rhythm } from './rollouts/rhythm.js';
import type { UpdateState } from './update.js';
import { explain, type Why } from './why.js';

/** A device as its owner sees it, over HTTP and in the retained state. Times are ISO 8601, UTC. */
export interface DeviceView {
  readonly udid: string;
  readonly alias: string;
  readonly mac: string | null;
  readonly platform: string | null;
  readonly version: string | null;
  readonly autoUpdate: boolean;
  readonly online: boolean;
  readonly lastSeen: string;
  readonly createdAt: string;
  readonly tags: readonly string[];
  readonly status: string | null;
  readonly rssi: string | null;
  /** How it comes and goes, s; null until that is known. */
  readonly rhythm: { readonly silence: number; readonly between: number | null } | null;
  readonly update: {
    readonly state: UpdateState;
    readonly version: string;
    readonly firmware: string;
    /** Percent of the body that has left for the device. */
    readonly progress: number;
    readonly error: string | null;
    readonly attempts: number;
    readonly since: string;
  } | null;
  readonly why: Why;
}

/** What an owner's page has to know of the server it came from; retained on `/<owner>/rtm/server`. */
export interface ServerView {
  readonly version: string;
  /** Where devices connect; null where MQTT is served by somebody else. */
  readonly mqttPort: number | null;
  /** Bytes that an upload may have. */
  readonly maxUploadBytes: number;
  /** How long "later" holds back a question. */
  readonly postponeHours: number;
}

/** What the stores do not hold about a device. */
export interface Live {
  readonly online: boolean;
  /** Percent of the download that is under way. */
  readonly progress: number | undefined;
}

const seconds = (ms: number): number => Math.round(ms / 1000);

const viewRhythm = (rhythm: Rhythm | undefined): DeviceView['rhythm'] =>
  rhythm
    ? {
        silence: seconds(rhythm.silence),
        between: rhythm.between === undefined ? null : seconds(rhythm.between),
      }
    : null;

/** As all times are that an owner is shown. */
export const iso = (ms: number): string => new Date(ms).toISOString();

const FINISHED: ReadonlySet<UpdateState> = new Set(['downloaded', 'installed']);

/** Puts together what an owner is shown of a device. */
export function viewDevice(device: Device, decision: Decision, live: Live): DeviceView {
  const { update } = device;
  return {
    udid: device.udid,
    alias: device.alias,
    mac: device.mac ?? null,
    platform: device.platform ?? null,
    version: device.version ?? null,
    autoUpdate: device.autoUpdate,
    online: live.online,
    lastSeen: iso(device.lastSeen),
    createdAt: iso(device.createdAt),
    tags: device.tags,
    status: device.status ?? null,
    rssi: device.rssi ?? null,
    rhythm: viewRhythm(device.rhythm),
    update: update
      ? {
          state: update.state,
          version: update.version,
          firmware: update.firmware,
          progress: FINISHED.has(update.state) ? 100 : (live.progress ?? 0),
          error: update.error ?? null,
          attempts: update.attempts,
          since: iso(update.since),
        }
      : null,
    why: explain(device, decision, live.online),
  };
}
