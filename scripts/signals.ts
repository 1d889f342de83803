import { constants } from 'node:os';

/**
 * SIGINT and SIGTERM end the program with 128 and the number of the signal, as shells count. What must not stay behind is
 * cleared away at `exit`.
 */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
}
