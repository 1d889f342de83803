/** `npm run screenshots`: takes the pictures in docs/images anew, of a server that runs for them alone. */

import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDemoServer } from '../../cli/demo-server.js';
import { exitOnSignals } from '../../signals.js';
import { openChromium } from '../chromium.js';
import { knownCast } from './cast.js';
import { takePictures } from './pictures.js';
import { stage } from './scene.js';

const FOLDER = fileURLToPath(new URL('../../../../docs/images/', import.meta.url));

/** However this ends, nothing stays behind: what the server and the browser store for the moment is in here, too. */
function scratchFolder(): string {
  const scratch = mkdtempSync(join(tmpdir(), 'firmwire-screenshots-'));
  process.env['TMPDIR'] = scratch;
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
  exitOnSignals();
  return scratch;
}

await mkdir(FOLDER, { recursive: true });
const scratch = scratchFolder();
const server = await startDemoServer(knownCast);
try {
  const scene = await stage(server, scratch);
  const browser = await openChromium();
  try {
    const names = await takePictures(browser, server, scene, FOLDER);
    process.stdout.write(`Taken: ${names.join(', ')}\n`);
  } finally {
    await browser.close();
    await scene.end();
  }
} finally {
  await server.close();
}
