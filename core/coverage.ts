/** A half-open byte range: `start` included, `end` not. */
export type Span = readonly [start: number, end: number];

/** Adds a span to sorted, disjoint spans; touching ones become one. */
export function cover(spans: readonly Span[], added: Span): Span[] {
  const sorted = [...spans, added].filter(([start, end]) => end > start).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [start, end] of sorted) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** True if the spans hold every byte of a body of this size. */
export const coversAll = (spans: readonly Span[], size: number): boolean =>
  spans.length === 1 && spans[0]?.[0] === 0 && spans[0][1] >= size;
