import type { Span } from '../../core/coverage.js';
import type { Firmware } from '../../core/firmware.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Attempt, Pace } from '../device/hand-over.js';
import { watchPace } from '../device/pace.js';

export interface RelayedParts {
  readonly delivery: Attempt;
  readonly firmware: Firmware;
  readonly span: Span;
  readonly clock: Clock;
  readonly idleMs: number;
  readonly pace: Pace;
  readonly log: Log;
  /** It is over; called once. */
  readonly ended: () => void;
}

/** A gateway tells of every tenth, when the piece that reaches it has left: so far the device may be ahead of what is known. */
const TOLD_STEPS = 10;
const TOLD_PIECE = 256 * 1024;

/**
 * One attempt that a gateway carries out. The rules are those of a download without one: the token is complete before
 * the last piece leaves, and an attempt that does not move ends.
 */
export class Relayed {
  readonly #parts: RelayedParts;
  readonly #streams = new Set<() => void>();
  #sent: number;
  #granted = false;
  #over = false;
  #cancel: () => void = () => {};
  readonly #stopWatching: () => void;
  /** What is asked is done one after the other: the end waits for the answer about the last piece. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: RelayedParts) {
    this.#parts = parts;
    const { span, pace } = parts;
    this.#sent = span[0];
    this.moved();
    const behind = (span[1] - span[0]) / TOLD_STEPS + TOLD_PIECE;
    this.#stopWatching = watchPace(
      pace.bytesPerSecond,
      pace.everyMs,
      () => this.#sent - span[0] + behind,
      () => {
        pace.tooSlow();
        this.cut();
      },
    );
  }

  get firmware(): Firmware {
    return this.#parts.firmware;
  }

  /** Bytes of the body went to the gateway, or from there to the device. */
  moved(): void {
    this.#cancel();
    if (!this.#over) this.#cancel = this.#parts.clock.after(this.#parts.idleMs, () => this.cut());
  }

  /** Has `stop` called when the attempt is cut. @returns takes that back */
  streaming(stop: () => void): () => void {
    this.#streams.add(stop);
    return () => this.#streams.delete(stop);
  }

  /** The device has got the body up to here. @returns false if the attempt is over */
  async progress(sent: number): Promise<boolean> {
    return this.#next(async () => {
      if (this.#over) return false;
      if (this.#advance(sent)) await this.#parts.delivery.progress(this.#sent);
      return true;
    });
  }

  /** All but the last piece has left. @returns whether that may leave, too; if not, the attempt is over */
  async last(): Promise<boolean> {
    return this.#next(async () => {
      if (this.#over) return false;
      // Asked again, because the answer was lost on the way.
      if (this.#granted) return true;
      try {
        this.#granted = await this.#parts.delivery.beforeLastPiece(this.#parts.span);
      } catch (error) {
        await this.#end(false, true);
        throw error;
      }
      if (!this.#granted) await this.#end(false);
      // Cut meanwhile: a newer attempt has begun, or the firmware is gone.
      return this.#granted && !this.#over;
    });
  }

  /** The gateway is done. @param whole the device has got the last piece, too, without an error of its socket */
  async end(sent: number, whole: boolean): Promise<boolean> {
    return this.#next(async () => {
      if (this.#over) return false;
      this.#advance(sent);
      await this.#end(whole && this.#granted);
      return true;
    });
  }

  /** Ends it from here: what the gateway asks from now on is answered with no. */
  cut(): void {
    if (this.#over) return;
    this.#stop();
    this.#next(() => this.#tell(false)).catch((err: unknown) => {
      const { log, firmware } = this.#parts;
      log.warn({ err, firmware: firmware.id }, 'the end of a download could not be noted');
    });
  }

  #next<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(action, action);
    this.#turn = next;
    return next;
  }

  /** Nobody gets a byte of the last piece accounted for without having asked for it. */
  #advance(sent: number): boolean {
    const [, end] = this.#parts.span;
    const bounded = Math.min(sent, this.#granted ? end : end - 1);
    if (bounded <= this.#sent) return false;
    this.#sent = bounded;
    this.moved();
    return true;
  }

  async #end(whole: boolean, failed = false): Promise<void> {
    if (this.#over) return;
    this.#stop();
    await this.#tell(whole, failed);
  }

  #stop(): void {
    this.#over = true;
    this.#cancel();
    this.#stopWatching();
    this.#parts.ended();
    for (const stop of this.#streams) stop();
    this.#streams.clear();
  }

  #tell(whole: boolean, failed = false): Promise<void> {
    const [start, end] = this.#parts.span;
    return this.#parts.delivery.end([start, whole ? end : this.#sent], whole, failed);
  }
}
