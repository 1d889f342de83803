#!/usr/bin/env node
import { run } from './cli/run.js';
import { endWhenUnread } from './pipe.js';

function interrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

endWhenUnread();
process.exitCode = await run(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  env: process.env,
  interrupt,
});
