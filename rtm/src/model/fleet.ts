import type { Arrived } from '../mqtt/messages.js';
import type { DeviceView, FirmwareView, FleetEvent, Notice, RolloutView, ServerView } from './nouns.js';
import { readDevice, readEvent, readFirmware, readNotice, readRollout, readServer } from './read.js';

/** Events that are kept for the list of what happened lately. */
const MOST_EVENTS = 200;

/**
 * All that the page knows, from `/<owner>/rtm/#` and nothing else. After a lost connection everything retained is told
 * again; what is not, has gone meanwhile.
 */
export class Fleet {
  readonly devices = new Map<string, DeviceView>();
  readonly notices = new Map<string, Notice>();
  readonly firmware = new Map<string, FirmwareView>();
  readonly rollouts = new Map<string, RolloutView>();
  /** Newest first, without check-ins. */
  readonly events: FleetEvent[] = [];
  /** Newest first. Kept apart: those of a large fleet would push everything else out within seconds. */
  readonly checkIns: FleetEvent[] = [];
  server: ServerView | undefined;
  /** True once everything retained has been told, on the connection there is or on the last one. */
  complete = false;
  /** What was known before this connection and has not been told on it; undefined while nothing is being listed. */
  #stale: Set<string> | undefined;

  /** A new connection: everything retained follows, and ends with the word about the server. */
  relisted(): void {
    this.#stale = new Set([
      ...[...this.devices.keys()].map((id) => `devices/${id}`),
      ...[...this.notices.keys()].map((id) => `notices/${id}`),
      ...[...this.firmware.keys()].map((id) => `firmware/${id}`),
      ...[...this.rollouts.keys()].map((id) => `rollouts/${id}`),
    ]);
  }

  /** Takes in messages in the order in which they came. */
  take(messages: readonly Arrived[]): void {
    for (const { topic, text } of messages) {
      // `/<owner>/rtm/<kind>/<id>`
      const [, , , kind = '', id = '', more] = topic.split('/');
      if (more === undefined) this.#one(kind, id, text);
    }
  }

  #one(kind: string, id: string, text: string): void {
    this.#stale?.delete(`${kind}/${id}`);
    switch (kind) {
      case 'devices':
        put(this.devices, id, text, this.#device);
        break;
      case 'firmware':
        put(this.firmware, id, text, readFirmware);
        break;
      case 'rollouts':
        put(this.rollouts, id, text, readRollout);
        break;
      case 'notices':
        put(this.notices, id, text, readNotice);
        break;
      case 'events':
        this.#happened(readEvent(text));
        break;
      case 'server':
        this.server = readServer(text) ?? this.server;
        this.#listed();
    }
  }

  /**
   * A device as it is told. A node that does not send the download itself, or whose download broke off, tells no progress:
   * then what was known of the same download stands until the next step is told.
   */
  readonly #device = (text: string, udid: string): DeviceView | undefined => {
    const told = readDevice(text, udid);
    const known = this.devices.get(udid)?.update;
    if (told?.update?.state !== 'downloading' || told.update.progress > 0 || !known) return told;
    const { state, firmware, since, progress } = known;
    const isSame =
      state === 'downloading' && firmware === told.update.firmware && since === told.update.since;
    return isSame ? { ...told, update: { ...told.update, progress } } : told;
  };

  #happened(event: FleetEvent | undefined): void {
    if (!event) return;
    if (event.event === 'downloading' && event.progress !== undefined && event.udid !== undefined) {
      this.#progress(event.udid, event.version, event.progress);
      // Each step of a download would push everything else out of the list.
      if (event.progress > 0) return;
    }
    const list = event.event === 'checkin' ? this.checkIns : this.events;
    list.unshift(event);
    if (list.length > MOST_EVENTS) list.length = MOST_EVENTS;
  }

  /** The state on a device's topic is told when it changes; how far a download is, by events in between. */
  #progress(udid: string, version: string | undefined, progress: number): void {
    const device = this.devices.get(udid);
    // A step of a download that is over may come late.
    if (device?.update?.state !== 'downloading' || device.update.version !== version) return;
    this.devices.set(udid, { ...device, update: { ...device.update, progress } });
  }

  #listed(): void {
    this.complete = true;
    const stale = this.#stale ?? [];
    this.#stale = undefined;
    for (const name of stale) {
      const [kind = '', id = ''] = name.split('/');
      this.#one(kind, id, '');
    }
  }
}

/** Nothing at all is how something is taken away; what cannot be read changes nothing. */
function put<T>(
  map: Map<string, T>,
  id: string,
  text: string,
  read: (text: string, id: string) => T | undefined,
): void {
  if (text === '') {
    map.delete(id);
    return;
  }
  const value = read(text, id);
  if (value !== undefined) map.set(id, value);
}
