import type { IncomingMessage } from 'node:http';
import type { Span } from '../../core/coverage.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Attempt } from '../../http-fallback/device/hand-over.js';
import type { Ticket } from '../../http-fallback/relay/ticket.js';
import { readBody } from './answers.js';
import type { Channel } from './channel.js';

export interface RemoteAttemptParts {
  readonly ticket: Ticket;
  readonly channel: Pick<Channel, 'ask'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The server says that the attempt is over. */
  readonly cut: () => void;
}

const ANSWER_BYTES = 4096;
/** The steps in which owners are told of progress. */
const STEPS = 10;

/** An attempt at the server that is carried out here: tells it how far the device is, and asks before the last piece. */
export class RemoteAttempt implements Attempt {
  readonly #parts: RemoteAttemptParts;
  /** How far the device is, and what the server knows of it. */
  #left: number;
  #told: number;
  #toldAt: number;
  #telling: Promise<void> | undefined;
  #isOver = false;

  constructor(parts: RemoteAttemptParts) {
    this.#parts = parts;
    this.#left = parts.ticket.span[0];
    this.#told = this.#left;
    this.#toldAt = parts.clock.now();
  }

  /** The body from a place on. Rejects if the server does not give it. */
  async body(from: number): Promise<IncomingMessage> {
    if (this.#isOver) throw new Error('the attempt is over');
    const { channel, ticket } = this.#parts;
    const headers = from === 0 ? [] : ['Range', `bytes=${from}-`];
    const answer = await channel.ask({ method: 'GET', path: `/relay/${ticket.attempt}/body`, headers });
    const isRight =
      from === 0
        ? answer.statusCode === 200
        : answer.statusCode === 206 && answer.headers['content-range']?.startsWith(`bytes ${from}-`) === true;
    if (isRight) return answer;
    await readBody(answer, ANSWER_BYTES);
    throw new Error(`the server gave no body: ${answer.statusCode}`);
  }

  /** Nobody waits: the device is not held up by what its owner is told. */
  progress(left: number): undefined {
    this.#left = left;
    const { clock, ticket } = this.#parts;
    const step = (bytes: number): number => Math.floor((bytes / ticket.size) * STEPS);
    const isDue = step(left) > step(this.#told) || clock.now() - this.#toldAt >= ticket.idleMs / 3;
    if (isDue) this.#telling ??= this.#tell();
  }

  async beforeLastPiece(): Promise<boolean> {
    await this.#telling;
    if (this.#isOver) return false;
    try {
      return await this.#say('last', {});
    } catch (err) {
      // The token may be used up by now; the device is offered the firmware anew at its next check-in.
      this.#parts.log.debug({ err }, 'the server could not be asked for the last piece');
      return false;
    }
  }

  /** Never rejects: an end that the server does not hear of follows, there, from silence. */
  async end([, left]: Span, whole: boolean): Promise<void> {
    await this.#telling;
    if (!this.#isOver) {
      try {
        await this.#say('end', { sent: left, whole });
      } catch (err) {
        this.#parts.log.debug({ err }, 'the server could not be told how a download ended');
      }
    }
    this.#isOver = true;
  }

  async #tell(): Promise<void> {
    const sent = this.#left;
    this.#told = sent;
    this.#toldAt = this.#parts.clock.now();
    try {
      await this.#say('progress', { sent });
    } catch (err) {
      this.#parts.log.debug({ err }, 'the server could not be told how far a download is');
    } finally {
      this.#telling = undefined;
    }
  }

  /** @returns false if the attempt is over, or the server cannot go on with it */
  async #say(step: 'progress' | 'last' | 'end', facts: object): Promise<boolean> {
    const { channel, ticket, cut } = this.#parts;
    const answer = await channel.ask({
      method: 'POST',
      path: `/relay/${ticket.attempt}/${step}`,
      headers: [],
      body: Buffer.from(JSON.stringify(facts)),
    });
    await readBody(answer, ANSWER_BYTES);
    if (answer.statusCode === 204) return true;
    this.#isOver = true;
    cut();
    return false;
  }
}
