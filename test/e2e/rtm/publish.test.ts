import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { until } from '../../support/browser.js';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { listAt } from '../../support/json.js';
import { aboutThePage, dialogOf, loggedIn, section } from '../../support/owners-page.js';
import { aPair, manifestFor } from '../../support/signing.js';

/** Slow enough for a large upload to be seen on its way. */
const UPLOAD_BYTES_PER_SECOND = 6_000_000;

async function openFirmware(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Firmware', exact: true }).click();
  await page.getByRole('heading', { name: 'Firmware', exact: true }).waitFor();
}

async function fillInTarget(page: Page, version: string): Promise<void> {
  await page.getByLabel('Version').fill(version);
  await page.getByLabel('Platform').fill(PLATFORM);
}

const choose = (page: Page, name: string, buffer: Buffer): Promise<void> =>
  page.getByLabel('Firmware file').setInputFiles({ name, mimeType: 'application/octet-stream', buffer });

const publish = (page: Page): Promise<void> => page.getByRole('button', { name: 'Publish' }).click();

describe('the page: firmware', () => {
  const rig = aboutThePage();

  const published = async (): Promise<readonly unknown[]> =>
    listAt((await rig.api.call('GET', '/firmware')).body, 'firmware');

  it(
    'says in words why a bad image is refused, and takes a good one after it',
    loggedIn(rig, async ({ visit, page }) => {
      visit.allow(/status of 4\d\d/);
      await rig.device({ autoUpdate: true });
      await openFirmware(page);
      await choose(page, 'notes.txt', Buffer.from('This is not an image.'.repeat(100)));
      await fillInTarget(page, '1.1.0');
      await publish(page);
      await page
        .getByRole('alert')
        .getByText('accepts images whose first byte is 0xE9; this one begins with 0x54')
        .waitFor();
      expect(await published()).to.deep.equal([]);

      await choose(page, 'firmware.bin', smallImage('good'));
      await publish(page);
      await page.getByText('1.1.0 is published: 1 device told at once, 0 questions for you.').waitFor();
      await section(page, 'Published').getByText(`1.1.0 for ${PLATFORM}`).waitFor();
      expect(await page.getByRole('alert').count()).to.equal(0);
      expect(await published()).to.have.length(1);
    }),
  );

  it(
    'takes a file that is dropped, and reads the version in its name',
    loggedIn(rig, async ({ page }) => {
      await rig.device();
      await openFirmware(page);
      const bytes = JSON.stringify([...smallImage('dropped').subarray(0, 2000)]);
      const dataTransfer = await page.evaluateHandle(`(() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(${bytes})], 'firmware-1.2.0.bin'));
        return data;
      })()`);
      await page.getByText('or drop it here').dispatchEvent('drop', { dataTransfer });
      await page.getByText('firmware-1.2.0.bin (2 KiB)').waitFor();
      expect(await page.getByLabel('Version').inputValue()).to.equal('1.2.0');
      await page.getByLabel('Platform').fill(PLATFORM);
      await publish(page);
      await page.getByText('1.2.0 is published: 0 devices told at once, 1 question for you.').waitFor();
    }),
  );

  it(
    'says who signed what is published, and when that key is trusted no longer',
    loggedIn(rig, async ({ page }) => {
      const { privateKey, signer, publicPem } = aPair();
      await rig.api.call('POST', '/signers', { alias: 'ann', publicKey: publicPem });
      const image = smallImage('signed');
      const claims = { owner: rig.account.owner, expires: Math.floor(Date.now() / 1000) + 3600, sequence: 7 };
      const manifest = manifestFor(image, { privateKey }, claims);
      await rig.api.publish(image, { version: '1.1.0', platform: PLATFORM, manifest });
      await openFirmware(page);
      await page.getByText('signed by ann, sequence 7').waitFor();
      await rig.api.call('DELETE', `/signers/${signer.id}`);
      await page.getByText('signed with a key that you do not trust').waitFor();
    }),
  );

  it(
    'shows how far an upload is',
    loggedIn(rig, async ({ visit, page }) => {
      const network = await visit.context.newCDPSession(page);
      await network.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: UPLOAD_BYTES_PER_SECOND,
      });
      await openFirmware(page);
      await choose(page, 'large.bin', madeUpImage(6_000_000, 'slow'));
      await fillInTarget(page, '1.1.0');
      await publish(page);
      await page.getByRole('progressbar', { name: 'Upload' }).waitFor();
      await until(
        page,
        "((bar) => bar && bar.value > 0 && bar.value < 100)(document.querySelector('progress'))",
      );
      await page.getByText('1.1.0 is published').waitFor();
      await page.getByRole('progressbar', { name: 'Upload' }).waitFor({ state: 'detached' });
    }),
  );

  it(
    'asks before it withdraws, and what is withdrawn vanishes from every open page',
    loggedIn(rig, async ({ page, elsewhere }) => {
      await rig.device({ alias: 'kitchen' });
      await rig.api.publish(smallImage('withdrawn'), { version: '1.1.0', platform: PLATFORM });
      const other = await elsewhere();
      await section(other, 'Needs your decision').waitFor();

      await openFirmware(page);
      const button = page.getByRole('button', { name: `Withdraw 1.1.0 for ${PLATFORM}` });
      await button.click();
      await (await dialogOf(page, 'Withdraw 1.1.0?')).getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await published()).to.have.length(1);

      await button.click();
      await (await dialogOf(page, 'Withdraw 1.1.0?')).getByRole('button', { name: 'Withdraw it' }).click();
      await page.getByText('Nothing has been published yet.').waitFor();
      await section(other, 'Needs your decision').waitFor({ state: 'detached' });
      expect(await published()).to.deep.equal([]);
    }),
  );
});
