import type { Arrived, FromWorker, Refused, ToWorker } from './messages.js';

export interface LinkListener {
  /** The subscription stands; everything that is retained follows. */
  live(): void;
  lost(): void;
  refused(why: Refused): void;
  arrived(messages: readonly Arrived[]): void;
}

/** When a worker that could not be started is tried again, ms. */
const AGAIN_MS = 1000;

/** The page's end of the MQTT connection, which its worker holds. */
export class Link {
  readonly #opening: ToWorker;
  readonly #listener: LinkListener;
  readonly #answers = new Map<number, (taken: boolean) => void>();
  /** Undefined until it is tried again. */
  #worker: Worker | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #ids = 0;

  /** @param url of MQTT over WebSocket, ws: or wss: */
  constructor(url: string, owner: string, key: string, listener: LinkListener) {
    this.#opening = { kind: 'open', url, owner, key };
    this.#listener = listener;
    this.#start();
    addEventListener('offline', this.#offline);
  }

  /** Publishes at QoS 1. True once the server has acknowledged it; false if there is no connection, or it was lost before. */
  publish(topic: string, body: object): Promise<boolean> {
    const worker = this.#worker;
    if (!worker) return Promise.resolve(false);
    this.#ids += 1;
    const id = this.#ids;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      worker.postMessage({ kind: 'publish', id, topic, text: JSON.stringify(body) } satisfies ToWorker);
    });
  }

  close(): void {
    removeEventListener('offline', this.#offline);
    clearTimeout(this.#again);
    this.#worker?.postMessage({ kind: 'close' } satisfies ToWorker);
    this.#drop();
  }

  readonly #offline = (): void => this.#worker?.postMessage({ kind: 'offline' } satisfies ToWorker);

  #start(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#heard(data);
    // Its script could not be had, as the server is away: unlike a lost connection, nobody else tries that again.
    worker.onerror = () => {
      this.#drop();
      this.#listener.lost();
      this.#again = setTimeout(() => this.#start(), AGAIN_MS);
    };
    worker.postMessage(this.#opening);
  }

  #heard(message: FromWorker): void {
    switch (message.kind) {
      case 'live':
        this.#listener.live();
        break;
      case 'lost':
        this.#listener.lost();
        break;
      case 'refused':
        this.#listener.refused(message.why);
        break;
      case 'arrived':
        this.#listener.arrived(message.messages);
        break;
      case 'published':
        this.#answers.get(message.id)?.(message.taken);
        this.#answers.delete(message.id);
    }
  }

  #drop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const answer of this.#answers.values()) answer(false);
    this.#answers.clear();
  }
}
