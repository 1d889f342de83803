import type { Random, Span } from './random.js';

/** A server as a device knows it. Addresses without a path. */
export interface DeviceServer {
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly owner: string;
  readonly deviceKey: string;
}

/** How one virtual device behaves. Times in ms, sizes in bytes. */
export interface DeviceOptions {
  readonly server: DeviceServer;
  /** 12 hex digits. */
  readonly mac: string;
  /** Without it the device registers over HTTP first and takes the UDID it is given. */
  readonly udid?: string;
  readonly platform: string;
  readonly version: string;
  readonly alias?: string;
  /** Sent as `auto_update` if given. */
  readonly autoUpdate?: boolean;
  /** Sent over HTTP if given; such a device needs the flagged offer there. */
  readonly fcid?: string;
  /** `http`: never connects to MQTT and checks in every `checkInMs`. */
  readonly transport?: 'mqtt' | 'http';
  readonly checkInMs?: number;
  /** What the updater reports as free; 1 MiB if not given. */
  readonly freeSpace?: number;
  /** How long a restart takes after an update, successful or not. */
  readonly rebootMs?: Span;
  readonly random: Random;
}

/** What happens to a device. A fleet counts these. */
export interface DeviceEvents {
  /** It is connected and has checked in. */
  online: [];
  /** The connection is gone. */
  offline: [];
  /** The server answered a check-in with OK. */
  answered: [];
  /** The server told it to take a version. */
  offered: [version: string];
  /** Per cents of a download; begins with 0. */
  progress: [percent: number];
  /** The server has answered the first check-in after the restart with a new version. */
  installed: [version: string];
  /** The updater gave up, with the text that the next check-in reports. */
  failed: [text: string];
  /** The server sent what a real device might not survive. */
  violation: [text: string];
  /** Connecting or checking in did not work; it will try again. */
  trouble: [error: Error];
}
