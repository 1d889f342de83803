import { type Browser, chromium } from 'playwright-core';
import { pathOf } from './tools.js';

/** Nothing that draws on a graphics card, asks somebody outside, or runs besides the page. */
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--force-color-profile=srgb',
];

/** Starts the Chromium of this machine; playwright-core ends it with this process. @throws Error if there is none */
export async function openChromium(): Promise<Browser> {
  const executablePath = pathOf('chromium');
  if (executablePath === undefined) throw new Error('There is no chromium on the PATH.');
  return chromium.launch({ executablePath, args: ARGS });
}
