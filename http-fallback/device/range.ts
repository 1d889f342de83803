import parseRange from 'range-parser';
import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';

/** The part of a body that was asked for, and whether the answer is a 206. */
export interface Selection {
  readonly span: Span;
  readonly partial: boolean;
}

/** A strong entity tag (RFC 9110, 8.8.3). */
export const entityTag = (sha256: string): string => `"${sha256}"`;

/**
 * Reads `Range` and `If-Range` (RFC 9110, 13.1.5 and 14). A range in another unit, a malformed one, and several
 * ranges at once are answered with the whole body, as the RFC allows.
 * @throws FirmwireError `range_not_satisfiable`
 */
export function selectRange(
  range: string | undefined,
  ifRange: string | undefined,
  sha256: string,
  size: number,
): Selection {
  const whole: Selection = { span: [0, size], partial: false };
  // A weak tag never matches and we send no Last-Modified, so only our own strong tag keeps the range.
  if (range === undefined || (ifRange !== undefined && ifRange.trim() !== entityTag(sha256))) return whole;
  const ranges = parseRange(size, range);
  if (ranges === -1) throw new FirmwireError('range_not_satisfiable');
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1 || !ranges[0]) return whole;
  return { span: [ranges[0].start, ranges[0].end + 1], partial: true };
}
