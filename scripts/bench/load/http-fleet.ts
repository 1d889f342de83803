import { createHash } from 'node:crypto';
import { percentile } from '../../simulator/percentile.js';
import { nowMs } from '../machine.js';
import { type Answer, ask } from './http-client.js';
import {
  checkInBytes,
  downloadPath,
  getBytes,
  type HttpFleetOptions,
  tokenBytes,
  tokenIn,
} from './http-requests.js';
import { SlowReaders } from './slow-readers.js';
import type { Timing } from './timing.js';

export interface DownloadOptions {
  /** The same for all; undefined: each device redeems its token, in the order of the devices. */
  readonly path: string | undefined;
  readonly count: number;
  /** Downloads under way at the same time. */
  readonly window: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Every so many bodies are digested; of all of them the length is looked at. */
const SAMPLE_EVERY = 25;

/** Thousands of devices as an HTTP server sees them: a connection for each request. */
export default class HttpFleet {
  private fleet: HttpFleetOptions = { owner: '', key: '', seed: '', port: 0 };
  private tokens: (string | undefined)[] = [];
  /** Which token the next download redeems. */
  private nextToken = 0;
  private readonly slow = new SlowReaders();

  use(fleet: HttpFleetOptions): void {
    this.fleet = fleet;
  }

  /** The devices from `from` on check in, `window` at a time; each answer must carry a token, which is kept. */
  async checkIns(from: number, count: number, window: number, times = 1): Promise<Timing> {
    const packets = Array.from({ length: count }, (_, i) => checkInBytes(this.fleet, from + i));
    return this.timed(count * times, window, async (turn) => {
      const { body } = good(await ask(this.fleet.port, packets[turn % count] as Buffer, 'keep'));
      this.tokens[from + (turn % count)] = tokenIn(body);
    });
  }

  /** Fetches whole bodies. @throws Error if one is not what it should be */
  async download({ path, count, window, bytes, sha256 }: DownloadOptions): Promise<Timing> {
    const first = this.nextToken;
    if (path === undefined) this.nextToken += count;
    const requests = Array.from({ length: count }, (_, i) =>
      getBytes(path ?? downloadPath(this.tokens[first + i] ?? '')),
    );
    return this.timed(count, window, async (turn) => {
      const hash = turn % SAMPLE_EVERY === 0 ? createHash('sha256') : undefined;
      const { received } = good(await ask(this.fleet.port, requests[turn] as Buffer, hash ?? 'count'));
      if (received !== bytes) throw new Error(`A body has ${received} bytes.`);
      if (hash && hash.digest('hex') !== sha256) throw new Error('A body is damaged.');
    });
  }

  /** Every device from `from` on asks for a token and redeems it at once; the bodies have so many bytes. */
  async tokenCycles(from: number, count: number, window: number, bytes: number): Promise<Timing> {
    const packets = Array.from({ length: count }, (_, i) => tokenBytes(this.fleet, from + i));
    return this.timed(count, window, async (turn) => {
      const { body } = good(await ask(this.fleet.port, packets[turn] as Buffer, 'keep'));
      const get = getBytes(downloadPath(tokenIn(body)));
      const { received } = good(await ask(this.fleet.port, get, 'count'));
      if (received !== bytes) throw new Error(`A body has ${received} bytes.`);
    });
  }

  /** Redeems each device's token twice at once. @throws Error unless exactly one of the two gets the whole body */
  async redeemTwice(from: number, count: number, bytes: number): Promise<void> {
    for (let index = from; index < from + count; index++) {
      const get = getBytes(downloadPath(this.tokens[index] ?? ''));
      const answers = await Promise.all([0, 1].map(() => ask(this.fleet.port, get, 'count')));
      const wholes = answers.filter(({ status, received }) => status === 200 && received === bytes);
      if (wholes.length !== 1) throw new Error(`${wholes.length} of two redemptions of one token completed.`);
    }
  }

  /** @throws Error unless the tokens of these devices are spent */
  async expectSpent(from: number, count: number): Promise<void> {
    for (const token of this.tokens.slice(from, from + count)) {
      const { status } = await ask(this.fleet.port, getBytes(downloadPath(token ?? '')), 'count');
      if (status !== 404) throw new Error(`A token that is spent was answered with ${status}.`);
    }
  }

  /** The tokens from `from` on are redeemed by readers that take 2 KiB every so many ms. */
  async startSlowReaders(from: number, count: number, everyMs: number): Promise<void> {
    const tokens = this.tokens.slice(from, from + count);
    await this.slow.start(
      this.fleet.port,
      tokens.map((token) => getBytes(downloadPath(token ?? ''))),
      everyMs,
    );
  }

  checkSlowReaders(): void {
    this.slow.check();
  }

  private async timed(total: number, window: number, run: (turn: number) => Promise<void>): Promise<Timing> {
    const spans: number[] = [];
    let next = 0;
    const begun = nowMs();
    const worker = async (): Promise<void> => {
      while (next < total) {
        const turn = next++;
        const start = nowMs();
        await run(turn);
        spans.push(nowMs() - start);
      }
    };
    await Promise.all(Array.from({ length: window }, worker));
    const at = (percent: number): number => percentile(spans, percent) ?? 0;
    return { begun, ended: nowMs(), p50: at(50), p99: at(99) };
  }
}

/** @throws Error unless it is a whole 200 */
function good(answer: Answer): Answer {
  if (answer.status === 200 && answer.whole) return answer;
  throw new Error(`Status ${answer.status}, ${answer.received} bytes: ${answer.body.slice(0, 200)}`);
}
