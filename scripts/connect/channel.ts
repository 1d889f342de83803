import type { IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';

/** One request to the server. */
export interface UplinkRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** All of them but `Host` and `Content-Length`: names and values in turn. */
  readonly headers: readonly string[];
  readonly body?: Buffer | undefined;
}

export interface ChannelOptions {
  readonly host: string;
  readonly port: number;
  /** Trusted authorities, PEM; without it those of Node. */
  readonly ca?: string | undefined;
  readonly answerMs: number;
  readonly pauseMs: number;
}

/** What says that a connection which had been idle was closed while it was taken up again. */
const STALE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/**
 * One connection to the server, for one request after the other: behind a balancer of TCP connections all that
 * concerns one download reaches the same node. Opened when it is needed, and again if the server has closed it.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #agent: Agent;
  /** Resolves when the answer before has been read or given up. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ChannelOptions) {
    this.#options = options;
    const agent: AgentOptions = {
      keepAlive: true,
      maxSockets: 1,
      minVersion: 'TLSv1.2',
      ...(options.ca !== undefined && { ca: options.ca }),
    };
    this.#agent = new Agent(agent);
  }

  /**
   * Resolves with the head of the answer, which must be read to its end or destroyed: the next request waits for that.
   * Rejects if the server cannot be reached or does not answer in time.
   */
  async ask(asked: UplinkRequest): Promise<IncomingMessage> {
    const running = this.#turn.then(
      async () => (await this.#attempt(asked, true)) ?? (await this.#attempt(asked, false)) ?? never(),
    );
    this.#turn = running.then(
      (answer) => new Promise((resolve) => answer.once('close', resolve)),
      () => {},
    );
    return running;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @returns undefined if a connection from before turned out to be closed, and that is to be borne */
  #attempt(asked: UplinkRequest, mayBeStale: boolean): Promise<IncomingMessage | undefined> {
    const { host, port, answerMs, pauseMs } = this.#options;
    const { method, path, headers, body } = asked;
    return new Promise((resolve, reject) => {
      const length = body ? ['Content-Length', String(body.length)] : [];
      const sent = request({
        agent: this.#agent,
        host,
        port,
        method,
        path,
        headers: ['Host', hostHeader(host, port), ...headers, ...length],
      });
      const late = setTimeout(() => {
        sent.destroy(Object.assign(new Error(`no answer within ${answerMs} ms`), { code: 'ETIMEDOUT' }));
      }, answerMs);
      sent.once('response', (answer) => {
        clearTimeout(late);
        sent.setTimeout(pauseMs, () => answer.destroy(new Error(`no more within ${pauseMs} ms`)));
        resolve(answer);
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(late);
        if (mayBeStale && sent.reusedSocket && STALE.has(error.code ?? '')) resolve(undefined);
        else reject(error);
      });
      sent.end(body);
    });
  }
}

const hostHeader = (host: string, port: number): string => {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 443 ? name : `${name}:${port}`;
};

function never(): never {
  throw new Error('a second attempt always ends with an answer or an error');
}
