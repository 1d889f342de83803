import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { axe, fillIn, isLive } from '../../support/browser.js';
import { type Device, PLATFORM } from '../../support/device.js';
import { largeImage, smallImage } from '../../support/images.js';
import { aboutThePage, dialogOf, rowOf, section, visiting } from '../../support/owners-page.js';
import { exchange, getRequest, type RawExchange } from '../../support/raw-http.js';

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

/** Nobody would call a device so, but nothing keeps anybody from it. */
const LONG = 'a-very-long-alias-without-any-place-to-break-it-in-the-hall-of-the-mountain-king';

describe('the page: for everybody', () => {
  const rig = aboutThePage();
  let downloads: RawExchange[] = [];

  afterEach(() => {
    for (const download of downloads) download.cut();
    downloads = [];
  });

  async function download(device: Device): Promise<void> {
    const { url } = await device.nextOffer();
    await device.drop();
    const running = exchange(rig.server.httpPort, getRequest(url));
    downloads.push(running);
    await running.got(100_000);
    running.pause();
  }

  /** Devices in every state that looks different. */
  async function fleet(): Promise<void> {
    const [first, second, third] = [
      await rig.device({ alias: 'loading', autoUpdate: true }),
      await rig.device({ alias: 'failing', autoUpdate: true, platform: 'arduino:esp32' }),
      await rig.device({ alias: 'gone' }),
    ];
    await rig.device({ alias: 'kitchen' });
    await rig.device({ alias: LONG });
    await rig.api.call('PATCH', `/devices/${third.udid}`, { tags: ['beta', 'indoor'] });
    await third.drop();
    await rig.api.upload({ version: '1.0.1', udid: second.udid, files: [['f.bin', esp32('failing')]] });
    const offer = await second.nextOffer();
    await second.drop();
    await second.download(offer.url);
    await second.subscribe();
    await second.checkIn({ status: 'Wrong MD5' });
    await rig.owner.event('failed', second.udid);
    await rig.api.publish(largeImage('loading'), { version: '1.1.0', platform: PLATFORM });
    await download(first);
  }

  /** Shows each view of the page in turn. */
  async function walk(page: Page, look: (what: string) => Promise<void>): Promise<void> {
    await page.goto('/rtm/');
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    await look('the login form');
    await fillIn(page, rig.account.owner, 'wrong');
    await page.getByRole('alert').waitFor();
    await look('the refusal of a login');
    await fillIn(page, rig.account.owner, rig.account.ownerKey);
    await isLive(page);
    await page.getByRole('heading', { name: 'No devices yet' }).waitFor();
    await look('an empty fleet');

    await fleet();
    await section(page, 'Needs your decision').getByText('1.1.0 for 3 devices').waitFor();
    await rowOf(page, 'loading').getByText('Downloading 1.1.0', { exact: true }).waitFor();
    await look('the fleet');
    await page.getByRole('button', { name: /^Install all/ }).click();
    await dialogOf(page, /^Install 1\.1\.0/);
    await look('a question before something is done');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await rowOf(page, LONG).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: LONG }).waitFor();
    await section(page, 'Timeline').getByText('checked in').waitFor();
    await look('a device');
    await page.getByRole('button', { name: 'Send an update' }).click();
    await (await dialogOf(page, /^Send an update/)).getByRole('checkbox').check();
    await look('the warning of a forced update');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    await page.getByRole('link', { name: 'Firmware', exact: true }).click();
    await section(page, 'Published').getByText('1.1.0').waitFor();
    await page.getByRole('button', { name: 'Publish' }).waitFor();
    await look('firmware');

    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByLabel('Name').fill('garden');
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByText('The key garden. It is shown this once').waitFor();
    await look('keys');
  }

  /** The automated check has no serious finding, and nothing has to be scrolled sideways. */
  async function isFit(page: Page, what: string): Promise<void> {
    await axe(page, what);
    const [needed = 0, there = 0] = await page.evaluate<number[]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    );
    expect(there, 'the width of the window').to.equal(page.viewportSize()?.width);
    expect(needed, `the width of ${what}`).to.be.at.most(there);
  }

  for (const [screen, viewport] of [
    ['on a wide screen', WIDE],
    ['on a phone', PHONE],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const) {
      it(
        `every view passes ${screen}, in ${colorScheme}`,
        visiting(rig, ({ page }) => walk(page, (what) => isFit(page, what)), { colorScheme, viewport }),
      );
    }
});

/** An image that says in its extended header that it is for the ESP32. */
function esp32(seed: string): Buffer {
  const image = smallImage(seed);
  image.writeUInt16LE(0, 12);
  return image;
}
