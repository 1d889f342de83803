import type { ServerResponse } from 'node:http';
import type { Span } from '../../core/coverage.js';
import type { Log } from '../../core/ports.js';
import { ConnectionLost, finish, heardOut, write, writeFirst } from './connection.js';
import { watchPace } from './pace.js';
import type { Pieces } from './pieces.js';

/** One attempt to hand over a body: the server's own `Delivery`, or that of a gateway, which asks the server. */
export interface Attempt {
  /** So much of the whole body has left. @returns undefined if there is nothing to wait for */
  progress(left: number): Promise<void> | undefined;
  /** False if this attempt has lost, and the last piece must not leave. */
  beforeLastPiece(span: Span): Promise<boolean>;
  end(left: Span, whole: boolean, failed: boolean): Promise<void>;
}

/** How slow a download may be. */
export interface Pace {
  /** On the whole; 0: nothing is too slow. */
  readonly bytesPerSecond: number;
  /** How often that is looked at, ms. */
  readonly everyMs: number;
  /** It is slower, and is cut. */
  readonly tooSlow: () => void;
}

export interface HandOverParts {
  /** Its head has been written. */
  readonly response: ServerResponse;
  readonly attempt: Attempt;
  readonly span: Span;
  /** The first of the pieces, which is there already. */
  readonly first: Buffer;
  readonly pieces: Pieces;
  /** So many bytes have left. */
  readonly sent: (bytes: number) => void;
  readonly pace: Pace;
  readonly log: Log;
  /** What the log is told of the download. */
  readonly facts: object;
}

/**
 * Sends the body, and ends the attempt with what came of it (wire.md 6). Never rejects because the device went away:
 * the connection is cut then.
 */
export async function handOver(parts: HandOverParts): Promise<void> {
  const { response, attempt, span, pieces, sent, pace, log } = parts;
  const [start, end] = span;
  let left = start;
  let whole = false;
  let failed = false;
  let piece = parts.first;
  const stopWatching = watchPace(
    pace.bytesPerSecond,
    pace.everyMs,
    // As if the piece that is leaving had left: how much of it has, nobody tells.
    () => left - start + piece.length,
    () => {
      pace.tooSlow();
      response.destroy(new ConnectionLost());
    },
  );
  try {
    while (left + piece.length < end) {
      const leaving = left === start ? writeFirst(response, piece) : write(response, piece);
      // While the kernel takes all at once there is nothing to wait for.
      if (leaving) await leaving;
      left += piece.length;
      sent(piece.length);
      const told = attempt.progress(left);
      if (told) await told;
      const next = pieces.next();
      piece = next instanceof Promise ? await next : next;
    }
    if (left > start) await heardOut(response);
    if (await attempt.beforeLastPiece(span)) {
      await finish(response, piece);
      left = end;
      whole = true;
      sent(piece.length);
    }
    const facts = { ...parts.facts, left };
    log.debug(facts, whole ? 'a download ended well' : 'a download was overtaken by a newer one');
  } catch (err) {
    const facts = { err, ...parts.facts, left };
    failed = !(err instanceof ConnectionLost);
    if (failed) log.error(facts, 'a download failed');
    else log.debug(facts, 'a download broke off');
  } finally {
    stopWatching();
    if (!whole) response.destroy(new ConnectionLost());
    pieces.close();
    await attempt.end([start, left], whole, failed);
  }
}
