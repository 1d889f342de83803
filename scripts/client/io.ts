/** A place to print to; `isTTY` tells whether bars and colours make sense there. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What a command may touch of the process it runs in. Built once, at the entry point, so that tests can give their own. */
export interface Io {
  readonly out: Output;
  readonly err: Output;
  /** Aborted when the person wants the command to end (Ctrl-C). */
  readonly signal?: AbortSignal;
}

/** Prints one line. */
export function print(output: Output, line: string): void {
  output.write(`${line}\n`);
}
