import { at, parsed } from './json.js';
import { MqttPeer, type Received } from './mqtt-peer.js';
import type { ServerProcess } from './server-process.js';

/** One word of the server about whether a device is there. */
export interface Word {
  readonly udid: string;
  readonly online: boolean;
  /** ms, of the process' own clock. */
  readonly at: number;
}

/** An owner's page that shows which devices are there, as the retained states say. */
export class StateWatch {
  /** All that was said, in order. */
  readonly words: Word[] = [];
  readonly #online = new Map<string, boolean>();
  readonly #waiting = new Set<() => void>();

  private constructor(readonly peer: MqttPeer) {
    peer.client.on('message', (topic, payload) => this.#take(topic, payload.toString('utf8')));
  }

  /** Resolves once the page listens. */
  static async open(server: ServerProcess): Promise<StateWatch> {
    const { owner, ownerKey } = server.account;
    const watch = new StateWatch(
      await MqttPeer.open({ url: server.mqttUrl, ca: server.ca, username: owner, password: ownerKey }),
    );
    await watch.peer.subscribe(`/${owner}/rtm/devices/+`, 1);
    return watch;
  }

  /** What the page shows; undefined if it has heard nothing of the device. */
  isOnline(udid: string): boolean | undefined {
    return this.#online.get(udid);
  }

  /** Resolves once the page shows all these devices as online, or all as offline. */
  async shows(udids: readonly string[], online: boolean, patienceMs = 60_000): Promise<void> {
    const wrong = () => udids.filter((udid) => this.#online.get(udid) !== online);
    await this.#until(() => wrong().length === 0, patienceMs).catch(() => {
      const last = wrong().map((udid) => this.words.filter((word) => word.udid === udid).slice(-3));
      throw new Error(
        `${wrong().length} of ${udids.length} devices are not shown ${online ? 'online' : 'offline'} after ${patienceMs} ms; what was said last: ${JSON.stringify(last.slice(0, 3))}`,
      );
    });
  }

  #until(holds: () => boolean, patienceMs: number): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error('too late'));
      }, patienceMs);
      this.#waiting.add(look);
    });
  }

  #take(topic: string, payload: string): void {
    const udid = topic.split('/').at(-1) ?? '';
    const online = at(parsed(payload), 'online');
    if (typeof online !== 'boolean') return;
    this.#online.set(udid, online);
    this.words.push({ udid, online, at: Date.now() });
    for (const look of this.#waiting) look();
  }
}

/**
 * What the page is told of one device when it asks anew: a further SUBSCRIBE brings the retained state again (MQTT 3.1.1,
 * 3.8.4), unless there is news at this very moment.
 */
export async function shownState(peer: MqttPeer, owner: string, udid: string): Promise<unknown> {
  const topic = `/${owner}/rtm/devices/${udid}`;
  const { all } = peer.inbox;
  const before = all.length;
  const fits = (item: Received): boolean => item.topic === topic && all.lastIndexOf(item) >= before;
  await peer.subscribe(topic, 1);
  return parsed((await peer.inbox.next('the state', fits)).payload);
}
