import { MultiBar, type SingleBar } from 'cli-progress';
import { type Io, print } from '../client/io.js';
import { type FleetCounts, ON_THE_WAY } from './tally.js';

/** Shows a fleet while it changes. */
export interface FleetView {
  /** Shows these counts, now or a moment later. */
  update(counts: FleetCounts): void;
  /** Prints a line without disturbing what is shown. */
  say(line: string): void;
  /** Shows the last counts and stops. */
  close(): void;
}

/** One bar: a name and which of the devices it counts. */
export interface Row {
  readonly label: string;
  readonly value: (counts: FleetCounts) => number;
}

/** Plain lines come at most this often, ms. */
const LINE_PAUSE_MS = 500;

const IN_WORDS = [...ON_THE_WAY, 'failed', 'declined'] as const;

/** What is not in the bars, in words: `12 downloading, 3 restarting`. */
const onTheWay = (counts: FleetCounts): string =>
  IN_WORDS.flatMap((stage) => (counts[stage] > 0 ? [`${counts[stage]} ${stage}`] : [])).join(', ');

/** Live bars on a terminal. */
class BarView implements FleetView {
  readonly #bars: MultiBar;
  readonly #rows: readonly { readonly row: Row; readonly bar: SingleBar }[];
  readonly #last: SingleBar;

  constructor(io: Io, rows: readonly Row[], devices: number) {
    // Whoever built the Io watches for signals, and closes this view; without that the cursor must not be lost.
    this.#bars = new MultiBar({
      stream: io.out,
      format: '  {label} {bar} {value}/{total}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: io.signal !== undefined,
      gracefulExit: false,
      autopadding: true,
    });
    const width = Math.max(...rows.map(({ label }) => label.length));
    this.#rows = rows.map((row) => ({
      row,
      bar: this.#bars.create(devices, 0, { label: row.label.padEnd(width) }),
    }));
    this.#last = this.#bars.create(devices, 0, { words: '' }, { format: '  {words}' });
  }

  update(counts: FleetCounts): void {
    for (const { row, bar } of this.#rows) bar.update(row.value(counts));
    this.#last.update(0, { words: onTheWay(counts) });
  }

  say(line: string): void {
    this.#bars.log(`${line}\n`);
  }

  close(): void {
    this.#bars.stop();
  }
}

/** Lines for a log or a pipe: one when something changed, but not one for each of a thousand changes. */
class LineView implements FleetView {
  #counts: FleetCounts | undefined;
  #printed = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly io: Io,
    readonly rows: readonly Row[],
  ) {}

  update(counts: FleetCounts): void {
    this.#counts = counts;
    this.#timer ??= setTimeout(() => this.#flush(), LINE_PAUSE_MS);
  }

  say(line: string): void {
    this.#flush();
    print(this.io.out, line);
  }

  close(): void {
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = this.#counts;
    if (!counts) return;
    const bars = this.rows.map(({ label, value }) => `${value(counts)}/${counts.devices} ${label}`);
    const line = [...bars, onTheWay(counts)].filter((part) => part !== '').join(', ');
    if (line !== this.#printed) print(this.io.out, line);
    this.#printed = line;
  }
}

/** Shows nothing but what is said, and that aside, so that the output holds JSON only. */
class SilentView implements FleetView {
  constructor(readonly io: Io) {}

  update(): void {}

  say(line: string): void {
    print(this.io.err, line);
  }

  close(): void {}
}

/** The view that fits: bars on a terminal, lines elsewhere, nothing on `out` if that is to carry JSON. */
export function createFleetView(io: Io, rows: readonly Row[], devices: number, json = false): FleetView {
  if (json) return new SilentView(io);
  return io.out.isTTY === true ? new BarView(io, rows, devices) : new LineView(io, rows);
}
