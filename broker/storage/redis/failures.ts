import { FirmwireError } from '../../../core/errors.js';

/**
 * Replies with which Redis says that it cannot serve for the moment, or may not write what it is told; a script hands on
 * the one of the command that failed (before Redis 7 behind a dash).
 */
const UNABLE =
  /(?:^|-)(?:LOADING|READONLY|MASTERDOWN|NOREPLICAS|NOGOODSLAVE|MISCONF|OOM|BUSY|NOAUTH|WRONGPASS|UNBLOCKED) /;

/** What ioredis 5.11 says when there is no connection, or when it is gone before the answer came; it has no codes. */
const LOST =
  /^(?:Connection is closed|Stream isn't writeable|Command aborted|Command timed out|Socket timeout)/;

const isReply = ({ name }: Error): boolean => name === 'ReplyError';

/** True if no answer came within the time a command has. */
export const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Command timed out';

/** True for a login that Redis refuses: trying again does not help. */
export const isLogin = (error: unknown): boolean =>
  error instanceof Error && /\b(?:NOAUTH|WRONGPASS|NOPERM)\b/.test(error.message);

/** True for a reply that says that Redis cannot serve for the moment. */
export const isUnable = (error: unknown): boolean =>
  error instanceof Error && isReply(error) && UNABLE.test(error.message);

/** What a caller is told: `store_unavailable` if Redis is away or cannot serve, else the error as it is. */
export function translated(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FirmwireError) return error;
  const isLost = !isReply(error) && ('syscall' in error || LOST.test(error.message));
  const isAway = isLost || isUnable(error) || error.name === 'MaxRetriesPerRequestError';
  return isAway ? new FirmwireError('store_unavailable', undefined, { cause: error }) : error;
}
