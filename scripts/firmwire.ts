#!/usr/bin/env node
import { run } from './cli/run.js';

/** `firmwire devices | head`: once nobody reads any more there is nothing left to do, and nothing to complain about. */
function endWhenUnread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

function interrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

process.stdout.on('error', endWhenUnread);
process.stderr.on('error', endWhenUnread);
process.exitCode = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  env: process.env,
  interrupt,
});
