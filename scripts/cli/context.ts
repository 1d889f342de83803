import type { Output } from '../client/io.js';
import type { Environment } from '../config/variables.js';

/** What a command may touch of the process it runs in; tests give their own. */
export interface Cli {
  readonly out: Output;
  readonly err: Output;
  readonly env: Environment;
  /**
   * From here on Ctrl-C and SIGTERM abort the signal instead of ending the process, so that a command can end in
   * order. A second one ends the process as ever.
   */
  interrupt(): AbortSignal;
}
