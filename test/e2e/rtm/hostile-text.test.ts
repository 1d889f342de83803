import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { smallImage } from '../../support/images.js';
import { aboutThePage, loggedIn, rowOf, section } from '../../support/owners-page.js';

const ALIAS = '<img src=x onerror=alert(1)>';
const ERROR = '<script>alert(2)</script><b>Wrong</b>';
const NOTES = '<svg onload=alert(3)>';

describe('the page: text from devices is never HTML', () => {
  const rig = aboutThePage();

  /** Nothing of the text has become an element, wherever it is shown. */
  async function isText(page: Page): Promise<void> {
    const made = await page.evaluate<number>(
      `document.querySelectorAll('main img, main script, main b, main svg, [onerror], [onload]').length`,
    );
    expect(made, 'elements made of text').to.equal(0);
  }

  it(
    'in the questions, the table, the events, the view of the device, and the list of firmware',
    loggedIn(rig, async ({ visit, page }) => {
      let alerts = 0;
      page.on('dialog', (dialog) => {
        alerts += 1;
        void dialog.dismiss();
      });
      const device = await rig.device({ alias: ALIAS });
      await rig.api.upload({
        version: '1.1.0',
        udid: device.udid,
        notes: NOTES,
        files: [['firmware.bin', smallImage('hostile')]],
      });
      await section(page, 'Needs your decision').getByRole('link', { name: ALIAS }).waitFor();
      await section(page, 'Activity').getByRole('link', { name: ALIAS }).first().waitFor();
      await rowOf(page, ALIAS).waitFor();
      await isText(page);

      await page.getByRole('link', { name: 'Firmware', exact: true }).click();
      await section(page, 'Published').getByText(`1.1.0 for ${ALIAS}`).waitFor();
      await section(page, 'Published').getByText(NOTES).waitFor();
      await isText(page);

      await page.getByRole('link', { name: /^Fleet/ }).click();
      await page.getByRole('button', { name: `Install 1.1.0 on ${ALIAS}` }).click();
      const { url } = await device.nextOffer();
      await device.drop();
      await device.download(url);
      await device.subscribe();
      await device.checkIn({ status: ERROR });
      await rowOf(page, ALIAS).getByRole('link').click();
      await page.getByRole('heading', { level: 1, name: ALIAS }).waitFor();
      await section(page, 'Timeline').getByText(`failed to install 1.1.0: ${ERROR}`).waitFor();
      await isText(page);

      expect(alerts).to.equal(0);
      expect(visit.asked.filter(({ url: asked }) => asked.endsWith('/x'))).to.deep.equal([]);
    }),
  );
});
