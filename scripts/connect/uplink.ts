import { Channel, type ChannelOptions } from './channel.js';

/** Connections to the server that nobody uses; more are closed. */
const SPARE = 32;

/** The connections to the server's HTTPS port: each is one exchange's alone while that lasts, and kept for the next. */
export class Uplink {
  readonly #options: ChannelOptions;
  readonly #spare: Channel[] = [];
  readonly #all = new Set<Channel>();

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** To be given back, whatever happens. */
  take(): Channel {
    const channel = this.#spare.pop() ?? new Channel(this.#options);
    this.#all.add(channel);
    return channel;
  }

  /** @param clean false: there may be something on its way that nobody waits for */
  give(channel: Channel, clean = true): void {
    if (clean && this.#spare.length < SPARE && this.#all.has(channel)) {
      this.#spare.push(channel);
      return;
    }
    this.#all.delete(channel);
    channel.close();
  }

  /** Rejects if the server cannot be reached. Whatever it answers, it is there. */
  async check(): Promise<void> {
    const channel = this.take();
    let clean = false;
    try {
      const answer = await channel.ask({ method: 'GET', path: '/health', headers: [] });
      answer.resume();
      await new Promise((resolve) => answer.once('close', resolve));
      clean = answer.complete;
    } finally {
      this.give(channel, clean);
    }
  }

  close(): void {
    for (const channel of this.#all) channel.close();
    this.#all.clear();
    this.#spare.length = 0;
  }
}
