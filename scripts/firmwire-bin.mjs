#!/usr/bin/env node
// Checked in and executable, so that `npx firmwire` finds it whether or not there is a build yet.
import { access } from 'node:fs/promises';

const program = new URL('../dist/scripts/firmwire.js', import.meta.url);
const isBuilt = await access(program).then(
  () => true,
  () => false,
);
if (isBuilt) {
  await import(program.href);
} else {
  process.stderr.write('firmwire: not built yet; run "npm ci && npm run build" first\n');
  process.exitCode = 1;
}
