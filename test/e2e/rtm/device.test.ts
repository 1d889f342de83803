import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { at } from '../../support/json.js';
import { aboutThePage, dialogOf, loggedIn, rowOf, section } from '../../support/owners-page.js';

async function openDevice(page: Page, alias: string): Promise<void> {
  await rowOf(page, alias).getByRole('link').click();
  await page.getByRole('heading', { level: 1, name: alias }).waitFor();
}

describe('the page: one device', () => {
  const rig = aboutThePage();

  it(
    "tells what happened before and since, with the updater's own words, and asks for the history once",
    loggedIn(rig, async ({ visit, page }) => {
      const device = await rig.device({ alias: 'kitchen', autoUpdate: true });
      await rig.api.publish(smallImage('history'), { version: '1.1.0', platform: PLATFORM });
      const { url } = await device.nextOffer();
      await device.drop();
      await device.download(url);
      await rig.owner.event('downloaded', device.udid);

      // Another visit, which has heard nothing of all that.
      await page.reload();
      await openDevice(page, 'kitchen');
      const timeline = section(page, 'Timeline');
      for (const text of [
        'appeared for the first time',
        'checked in',
        'was offered 1.1.0',
        'began to download 1.1.0',
        'has downloaded 1.1.0',
      ])
        await timeline.getByText(text).first().waitFor();

      await device.subscribe();
      await device.checkIn({ status: 'Wrong MD5' });
      await timeline.getByText('failed to install 1.1.0: Wrong MD5').waitFor();
      // It may have been offered again by now, which ends the failure but not its line above.
      await device.nextOffer();
      await timeline.getByText('was offered 1.1.0').nth(1).waitFor();
      expect(visit.apiCalls).to.deep.equal([`GET /api/v1/devices/${device.udid}/events`]);
    }),
  );

  it(
    'shows what the updater reported while the update has failed',
    loggedIn(rig, async ({ page }) => {
      const device = await rig.device({ alias: 'kitchen', autoUpdate: true });
      await openDevice(page, 'kitchen');
      await rig.api.publish(smallImage('failing'), { version: '1.1.0', platform: PLATFORM });
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const { url } = await device.nextOffer();
        await device.drop();
        await device.download(url);
        await device.subscribe();
        await device.checkIn({ status: 'Wrong MD5' });
      }
      const update = section(page, 'Update');
      await update
        .getByText('Failed to install 1.1.0 3 times (Wrong MD5); send it again to retry.')
        .waitFor();
      await update.getByText('The updater reported: Wrong MD5 (attempt 3)').waitFor();
    }),
  );

  it(
    'renames, tags, and switches auto update',
    loggedIn(rig, async ({ visit, page }) => {
      const { udid } = await rig.device({ alias: 'kitchen' });
      await openDevice(page, 'kitchen');

      await page.getByLabel('Alias').fill('pantry');
      await page.getByRole('button', { name: 'Save alias' }).click();
      await page.getByRole('heading', { level: 1, name: 'pantry' }).waitFor();

      await page.getByLabel('Tags').fill('indoor, beta , indoor');
      await page.getByRole('button', { name: 'Save tags' }).click();
      await page.getByText('The tags were saved.').waitFor();

      const auto = page.getByRole('switch', { name: 'Auto update' });
      expect(await auto.isChecked()).to.equal(false);
      await auto.click();
      await page.getByText('pantry now updates by itself.').waitFor();
      await page.getByRole('switch', { name: 'Auto update', checked: true }).waitFor();

      const device = await rig.api.device(udid);
      expect([at(device, 'alias'), at(device, 'tags'), at(device, 'autoUpdate')]).to.deep.equal([
        'pantry',
        ['indoor', 'beta'],
        true,
      ]);
      await page.getByRole('link', { name: '← Fleet' }).click();
      await rowOf(page, 'pantry').getByText('beta').waitFor();
      const edits = visit.apiCalls.filter((call) => !call.startsWith('GET '));
      expect(edits).to.deep.equal(Array.from({ length: 3 }, () => `PATCH /api/v1/devices/${udid}`));
    }),
  );

  it(
    'sends an older firmware only with a clear warning',
    loggedIn(rig, async ({ visit, page }) => {
      visit.allow(/status of 409/);
      const device = await rig.device({ alias: 'kitchen', version: '2.0.0' });
      await rig.api.publish(smallImage('older'), { version: '1.9.0', platform: PLATFORM });
      await openDevice(page, 'kitchen');
      await page.getByRole('button', { name: 'Send an update' }).click();
      const dialog = await dialogOf(page, 'Send an update to kitchen');

      await dialog.getByRole('button', { name: 'Send', exact: true }).click();
      // Inside the dialog: what lies behind it is out of reach.
      await dialog.getByRole('alert').getByText(/newer/).waitFor();
      expect(device.offers).to.equal(0);

      await dialog.getByRole('checkbox', { name: /forced/ }).check();
      const warning = dialog.getByRole('alert').filter({ hasText: 'flashed' });
      await warning.getByText('kitchen runs 2.0.0 and will be flashed with 1.9.0').waitFor();
      await warning.getByText(/unreachable until somebody goes there with a cable/).waitFor();
      await dialog.getByRole('button', { name: 'Send it all the same' }).click();
      expect((await device.nextOffer()).version).to.equal('1.9.0');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }),
  );

  it(
    'forgets a device after asking, on every open page',
    loggedIn(rig, async ({ page, elsewhere }) => {
      const device = await rig.device({ alias: 'kitchen' });
      await rig.device({ alias: 'barn' });
      const other = await elsewhere();
      await rowOf(other, 'kitchen').waitFor();
      await openDevice(page, 'kitchen');
      // One that is connected would come back at once.
      await device.drop();
      await section(page, 'Facts').getByText('offline').waitFor();

      await page.getByRole('button', { name: 'Forget this device' }).click();
      await (await dialogOf(page, 'Forget kitchen?')).getByRole('button', { name: 'Forget it' }).click();
      await rowOf(page, 'barn').waitFor();
      await rowOf(page, 'kitchen').waitFor({ state: 'detached' });
      await rowOf(other, 'kitchen').waitFor({ state: 'detached' });
      await rowOf(other, 'barn').waitFor();
    }),
  );
});
