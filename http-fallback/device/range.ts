import type { Span } from '../../core/coverage.js';
import { FirmwireError } from '../../core/errors.js';

/** The part of a body that was asked for, and whether the answer is a 206. */
export interface Selection {
  readonly span: Span;
  readonly partial: boolean;
}

/** One range in bytes: `0-99`, `100-` or `-100` (RFC 9110, 14.1.2). */
const SINGLE = /^bytes=\s*(\d*)-(\d*)\s*$/i;

/** A strong entity tag (RFC 9110, 8.8.3). */
export const entityTag = (sha256: string): string => `"${sha256}"`;

/** The whole body. */
export const wholeBody = (size: number): Selection => ({ span: [0, size], partial: false });

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
  const [, first = '', last = ''] = SINGLE.exec(range?.trim() ?? '') ?? [];
  // A weak tag never matches and we send no Last-Modified, so only our own strong tag keeps the range.
  if (ifRange !== undefined && ifRange.trim() !== entityTag(sha256)) return wholeBody(size);
  if ((first === '' && last === '') || (first !== '' && last !== '' && Number(last) < Number(first))) {
    return wholeBody(size);
  }
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= end) throw new FirmwireError('range_not_satisfiable');
  return { span: [start, end], partial: true };
}
