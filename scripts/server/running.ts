import type { Clock, Log } from '../../core/ports.js';

/** A session that can be sent elsewhere. */
interface Movable {
  close(): void;
}

export interface RunningParts {
  readonly clock: Clock;
  readonly log: Log;
  /** How long downloads may go on and sessions may take to leave, ms. */
  readonly drainMs: number;
  /** The downloads under way. */
  readonly transfers: { idle(): Promise<void> };
  /** The MQTT sessions that are open. */
  readonly sessions: { all(): readonly Movable[] };
  /** True if there are other nodes, to which sessions that are cut come back at once. */
  readonly hasPeers: () => boolean;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Sessions are cut this often, ms. */
const STEP_MS = 50;
/** Slower than one session every so many ms helps no other node: a hundred logins a second are nothing to it. */
const GENTLE_MS = 10;
/** The share of the time in which the last session is gone: what follows from it is still to be written. */
const SHARE = 0.9;

/** The server's life: starting, open, draining, closed. */
export class Running {
  state: 'starting' | 'open' | 'draining' = 'starting';
  readonly #parts: RunningParts;
  #closing: Promise<void> | undefined;

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  /**
   * Drains and ends it; more calls wait for the first.
   * @param stopAccepting takes no more MQTT connections
   * @param end closes everything
   */
  close(stopAccepting: () => void, end: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#drain(stopAccepting).then(end);
    return this.#closing;
  }

  /** Resolves when no download is under way and the sessions were moved, at the latest after `drainMs`. */
  async #drain(stopAccepting: () => void): Promise<void> {
    this.state = 'draining';
    stopAccepting();
    const { clock, drainMs, transfers } = this.#parts;
    const begun = clock.now();
    const undo: (() => void)[] = [];
    const tooLong = new Promise<'late'>((resolve) => {
      undo.push(clock.after(drainMs, () => resolve('late')));
    });
    const done = Promise.all([transfers.idle(), this.#move(undo)]).then(() => 'done' as const);
    const word = await Promise.race([done, tooLong]);
    for (const cancel of undo) cancel();
    this.#parts.log.info({ ms: clock.now() - begun, word }, 'drained');
  }

  /**
   * Cuts the sessions in random order, one after the other, so that the other nodes are not hit by all at once. Without
   * other nodes nothing is gained by that: they stay until the end, and are told what still happens.
   */
  #move(undo: (() => void)[]): Promise<void> {
    const { clock, log, drainMs, sessions, hasPeers, random } = this.#parts;
    const all = hasPeers() ? shuffled(sessions.all(), random) : [];
    const spreadMs = Math.min(all.length * GENTLE_MS, drainMs * SHARE);
    if (all.length < 2 || spreadMs === 0) return Promise.resolve();
    log.info({ sessions: all.length, spreadMs }, 'moving the sessions to other nodes');
    const begun = clock.now();
    let cut = 0;
    return new Promise((resolve) => {
      const step = (): void => {
        const due = Math.ceil((all.length * (clock.now() - begun)) / spreadMs);
        for (; cut < Math.min(due, all.length); cut++) all[cut]?.close();
        if (cut === all.length) resolve();
        else undo[1] = clock.after(Math.min(STEP_MS, spreadMs), step);
      };
      step();
    });
  }
}

/** The same in random order (Fisher and Yates). */
function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [mixed[last], mixed[other]] as [T, T];
    mixed[last] = b;
    mixed[other] = a;
  }
  return mixed;
}
