import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';
import { logIn, until } from '../../support/browser.js';
import { PLATFORM } from '../../support/device.js';
import { largeImage, smallImage } from '../../support/images.js';
import { at } from '../../support/json.js';
import {
  aboutThePage,
  dialogOf,
  loggedIn,
  rowOf,
  says,
  section,
  visiting,
} from '../../support/owners-page.js';
import { exchange, getRequest, isWhole } from '../../support/raw-http.js';

const AGREED_MS = 1000;

const decisions = (page: Page): Locator => section(page, 'Needs your decision');

describe('the page: decisions', () => {
  const rig = aboutThePage();

  it(
    'shows a question from before, takes the approval, and shows the download until it is installed',
    visiting(rig, async ({ page }) => {
      const device = await rig.device({ alias: 'kitchen' });
      await rig.api.publish(largeImage('approved'), { version: '1.1.0', platform: PLATFORM });
      await rig.owner.notice(device.udid);

      await logIn(page, rig.account);
      await decisions(page).getByText('runs 1.0.0, 1.1.0 is ready').waitFor();
      const row = rowOf(page, 'kitchen');
      await says(page, 'kitchen', 'Waits for you 1.1.0');
      const [first] = await page.getByRole('heading', { level: 2 }).allInnerTexts();
      expect(first, 'what an owner sees first').to.equal('Needs your decision');

      await page.getByRole('button', { name: 'Install 1.1.0 on kitchen' }).click();
      await decisions(page).waitFor({ state: 'detached' });
      const { url } = await device.nextOffer();
      await says(page, 'kitchen', 'Offered 1.1.0');

      // One TCP client for everything: the session ends when the download begins.
      await device.drop();
      const download = exchange(rig.server.httpPort, getRequest(url));
      await download.got(100_000);
      download.pause();
      await says(page, 'kitchen', 'Downloading 1.1.0');
      const bar = row.getByRole('progressbar', { name: 'Download of 1.1.0 to kitchen' });
      const early = Number(await bar.getAttribute('value'));
      expect(early).to.be.below(80);
      download.resume();
      await download.got(4_000_000);
      download.pause();
      await until(page, `document.querySelector('main progress')?.value > ${early}`);
      download.resume();
      expect(isWhole(await download.answer), 'the whole image').to.equal(true);
      await says(page, 'kitchen', 'Restarting 1.1.0');

      device.version = '1.1.0';
      await device.start();
      await says(page, 'kitchen', 'Installed 1.1.0');
      await says(page, 'kitchen', 'It runs 1.1.0, already newest.');
      await page.getByRole('heading', { name: '1.1.0: 1 of 1 device installed' }).waitFor();
    }),
  );

  it(
    'declines, and puts off',
    loggedIn(rig, async ({ page }) => {
      const refusing = await rig.device({ alias: 'refusing' });
      const waiting = await rig.device({ alias: 'waiting' });
      await rig.api.publish(smallImage('declined'), { version: '1.1.0', platform: PLATFORM });

      await page.getByRole('button', { name: 'Decline 1.1.0 on refusing' }).click();
      await says(page, 'refusing', 'Declined 1.1.0');
      await says(page, 'refusing', 'You declined 1.1.0.');

      await page.getByRole('button', { name: 'Later 1.1.0 on waiting' }).click();
      await says(page, 'waiting', 'Postponed 1.1.0');
      await rowOf(page, 'waiting').getByText('You wanted to be asked again about 1.1.0').waitFor();
      await decisions(page).waitFor({ state: 'detached' });

      expect(at(await rig.api.device(refusing.udid), 'update.state')).to.equal('declined');
      expect(at(await rig.api.device(waiting.udid), 'why.reason')).to.equal('postponed');
    }),
  );

  it(
    'asks before it installs on all, and does nothing if the owner thinks better of it',
    loggedIn(rig, async ({ page }) => {
      const devices = [];
      for (const alias of ['attic', 'barn', 'cellar']) devices.push(await rig.device({ alias }));
      await rig.api.publish(smallImage('all'), { version: '1.1.0', platform: PLATFORM });
      const button = page.getByRole('button', { name: 'Install all 3 devices: 1.1.0' });

      const title = 'Install 1.1.0 on 3 devices?';
      await button.click();
      await (await dialogOf(page, title)).getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await button.click();
      await dialogOf(page, title);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await rig.owner.fence();
      for (const { udid } of devices) {
        expect(at(await rig.api.device(udid), 'update.state')).to.equal('asked');
        expect(rig.owner.events(udid)).not.to.include('approved');
      }

      await button.click();
      await (await dialogOf(page, title)).getByRole('button', { name: 'Install all' }).click();
      await Promise.all(devices.map((device) => device.nextOffer()));
      await decisions(page).waitFor({ state: 'detached' });
      for (const alias of ['attic', 'barn', 'cellar']) await says(page, alias, 'Offered 1.1.0');
    }),
  );

  it(
    'declines all at once',
    loggedIn(rig, async ({ page }) => {
      for (const alias of ['attic', 'barn']) await rig.device({ alias });
      await rig.api.publish(smallImage('none'), { version: '1.1.0', platform: PLATFORM });
      await page.getByRole('button', { name: 'Decline all 2 devices: 1.1.0' }).click();
      await decisions(page).waitFor({ state: 'detached' });
      for (const alias of ['attic', 'barn']) await says(page, alias, 'Declined 1.1.0');
    }),
  );

  it(
    'two open pages agree within a second',
    loggedIn(rig, async ({ page, elsewhere }) => {
      const other = await elsewhere();
      await rig.device({ alias: 'kitchen' });
      await rig.api.publish(smallImage('both'), { version: '1.1.0', platform: PLATFORM });
      await decisions(page).waitFor();
      await decisions(other).waitFor();

      await page.getByRole('button', { name: 'Decline 1.1.0 on kitchen' }).click();
      await says(page, 'kitchen', 'Declined 1.1.0');
      await Promise.all([
        decisions(other).waitFor({ state: 'detached', timeout: AGREED_MS }),
        rowOf(other, 'kitchen').getByText('Declined 1.1.0', { exact: true }).waitFor({ timeout: AGREED_MS }),
      ]);
    }),
  );
});
