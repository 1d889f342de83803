import type { Bench } from './bench.js';

/** What one round with one contender gave: figures by name, e.g. `devices/s`. */
export type Sample = Readonly<Record<string, number>>;

/** What a figure of Firmwire should reach: against a contender of the same run, or by itself. */
export interface Goal {
  readonly figure: string;
  /** Firmwire's figure is divided by this contender's; undefined: it counts by itself. */
  readonly against: string | undefined;
  /** The contender that is judged; `firmwire` if not told. */
  readonly of?: string;
  /** Exactly one of the two. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One server that takes part. */
export interface Contender {
  readonly name: string;
  /** Starts its server afresh, measures once and leaves nothing running. */
  round(bench: Bench): Promise<Sample>;
}

/** One question, asked of several servers in turn. */
export interface Scenario {
  readonly name: string;
  /** The question in words, for the table. */
  readonly what: string;
  readonly contenders: readonly Contender[];
  readonly goals: readonly Goal[];
}

/** Every sample of one scenario, by contender, in the order of the rounds. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

/** The name under which the product itself takes part. */
export const FIRMWIRE = 'firmwire';
