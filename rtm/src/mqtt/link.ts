import type { Arrived, FromWorker, Refused, ToWorker } from './messages.js';

export interface LinkListener {
  /** The subscription stands; everything that is retained follows. */
  live(): void;
  lost(): void;
  refused(why: Refused): void;
  arrived(messages: readonly Arrived[]): void;
}

/** The page's end of the MQTT connection, which its worker holds. */
export class Link {
  readonly #worker: Worker;
  readonly #answers = new Map<number, (taken: boolean) => void>();
  #ids = 0;

  /** @param url of MQTT over WebSocket, ws: or wss: */
  constructor(url: string, owner: string, key: string, listener: LinkListener) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      switch (data.kind) {
        case 'live':
          return listener.live();
        case 'lost':
          return listener.lost();
        case 'refused':
          return listener.refused(data.why);
        case 'arrived':
          return listener.arrived(data.messages);
        case 'published':
          this.#answers.get(data.id)?.(data.taken);
          this.#answers.delete(data.id);
      }
    };
    this.#say({ kind: 'open', url, owner, key });
  }

  /** Publishes at QoS 1. True once the server has acknowledged it; false if there is no connection, or it was lost before. */
  publish(topic: string, body: object): Promise<boolean> {
    this.#ids += 1;
    const id = this.#ids;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#say({ kind: 'publish', id, topic, text: JSON.stringify(body) });
    });
  }

  close(): void {
    this.#say({ kind: 'close' });
    this.#worker.terminate();
    for (const answer of this.#answers.values()) answer(false);
    this.#answers.clear();
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}
