import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Server } from '../../client/credentials.js';
import { ESP8266 } from './cast.js';
import { packedPng } from './packed-png.js';
import type { Scene } from './scene.js';

interface Look {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

const DESKTOP: Look = { width: 1160, height: 880, colorScheme: 'light' };
const DARK: Look = { ...DESKTOP, colorScheme: 'dark' };
const PHONE: Look = { width: 360, height: 760, colorScheme: 'light' };

async function logIn(browser: Browser, server: Server, { width, height, colorScheme }: Look): Promise<Page> {
  const viewport = { width, height };
  const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: 1, locale: 'en-GB' });
  await page.goto(`${server.httpUrl}/rtm/`);
  await page.fill('[name=owner]', server.credentials.owner);
  await page.fill('[name=key]', server.credentials.ownerKey);
  await page.click('button[type=submit]');
  await page.waitForSelector('.virtual-row progress');
  return page;
}

/** What needs a person, and what is on its way, comes first. */
const byUpdate = (page: Page): Promise<void> => page.click('[role=columnheader] button:has-text("Update")');

/** Goes to a view by its link's address, and waits for what belongs to it. */
async function go(page: Page, hash: string, sign: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  await page.waitForSelector(sign);
}

/** Firmware that is none: a page that somebody saved under the wrong name. */
async function refusedUpload(page: Page): Promise<void> {
  await go(page, '#/firmware', '.publish');
  await page.setInputFiles('input[type=file]', {
    name: 'sensors-1.5.0.bin',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('<!doctype html><title>Not found</title>'.repeat(40)),
  });
  await page.fill('[name=platform]', ESP8266);
  await page.click('.publish button[type=submit]');
  await page.waitForSelector('.refusal');
}

/** Takes the pictures that the documents show. Returns the names of the files. */
export async function takePictures(
  browser: Browser,
  server: Server,
  { failed }: Scene,
  folder: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  const keep = async (page: Page, name: string): Promise<void> => {
    // What moves comes to rest.
    await page.waitForTimeout(600);
    const png = await page.screenshot({ animations: 'disabled' });
    await writeFile(join(folder, name), packedPng(png));
    names.push(name);
  };
  const light = await logIn(browser, server, DESKTOP);
  await byUpdate(light);
  await keep(light, 'rtm-fleet.png');
  await go(light, `#/device/${failed}`, '.events li');
  await keep(light, 'rtm-device.png');
  await refusedUpload(light);
  await keep(light, 'rtm-firmware.png');
  const dark = await logIn(browser, server, DARK);
  await byUpdate(dark);
  await keep(dark, 'rtm-fleet-dark.png');
  await keep(await logIn(browser, server, PHONE), 'rtm-phone.png');
  return names;
}
