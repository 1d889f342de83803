import type { Arrived } from '../mqtt/messages.js';
import type { DeviceView, FirmwareView, FleetEvent, Notice, ServerView } from './nouns.js';

/** Events that are kept for the list of what happened lately. */
const MOST_EVENTS = 200;

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * All that the page knows, from `/<owner>/rtm/#` and nothing else. After a lost connection everything retained is told
 * again; what is not, has gone meanwhile.
 */
export class Fleet {
  readonly devices = new Map<string, DeviceView>();
  readonly notices = new Map<string, Notice>();
  readonly firmware = new Map<string, FirmwareView>();
  /** Newest first. */
  readonly events: FleetEvent[] = [];
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
    const body = readJson(text);
    switch (kind) {
      case 'devices':
        put(this.devices, id, body as DeviceView | undefined);
        break;
      case 'firmware':
        put(this.firmware, id, body as FirmwareView | undefined);
        break;
      case 'notices':
        put(this.notices, id, (body as { notification: Notice } | undefined)?.notification);
        break;
      case 'events':
        this.#happened(body as FleetEvent | undefined);
        break;
      case 'server':
        this.server = (body as ServerView | undefined) ?? this.server;
        this.#listed();
    }
  }

  #happened(event: FleetEvent | undefined): void {
    if (!event) return;
    if (event.event === 'downloading' && event.progress !== undefined && event.udid !== undefined) {
      this.#progress(event.udid, event.progress);
      // Each step of a download would push everything else out of the list.
      if (event.progress > 0) return;
    }
    this.events.unshift(event);
    if (this.events.length > MOST_EVENTS) this.events.length = MOST_EVENTS;
  }

  /** The state on a device's topic is told when it changes; how far a download is, by events in between. */
  #progress(udid: string, progress: number): void {
    const device = this.devices.get(udid);
    if (device?.update?.state !== 'downloading') return;
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

function put<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}
