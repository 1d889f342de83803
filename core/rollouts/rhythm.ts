/** How a device comes and goes, learnt from its own past. */
export interface Rhythm {
  /** How long it is usually silent before it comes back, ms: the upper part of what was seen. */
  readonly silence: number;
  /** How much time usually lies between two of its returns, ms. */
  readonly between: number | undefined;
  /** When it came back last, ms since the epoch. */
  readonly returnedAt: number;
}

/** A longer silence takes a fourth of the way, a shorter one a sixteenth: it settles at about what four of five stay below. */
const UP = 1 / 4;
const DOWN = 1 / 16;
const EVEN = 1 / 8;

const towards = (value: number, seen: number, up: number, down: number): number =>
  value + (seen - value) * (seen > value ? up : down);

/** What the rhythm becomes when a device returns after so long a silence, ms. */
export function returned(rhythm: Rhythm | undefined, silence: number, now: number): Rhythm {
  if (!rhythm) return { silence, between: undefined, returnedAt: now };
  const since = Math.max(0, now - rhythm.returnedAt);
  return {
    silence: Math.round(towards(rhythm.silence, silence, UP, DOWN)),
    between: Math.round(rhythm.between === undefined ? since : towards(rhythm.between, since, EVEN, EVEN)),
    returnedAt: now,
  };
}
