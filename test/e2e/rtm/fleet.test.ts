import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { logIn, until } from '../../support/browser.js';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { aboutThePage, loggedIn, rowOf, says, section, visiting } from '../../support/owners-page.js';

const MANY = 20;
const ESP32 = 'arduino:esp32';

/** Waits until the table shows exactly these, in this order. */
const shows = (page: Page, ...aliases: string[]): Promise<void> =>
  until(
    page,
    `[...document.querySelectorAll('[role=table] [role=row] .who a')].map((a) => a.textContent).join() === ${JSON.stringify(aliases.join())}`,
  );

const columnHead = (page: Page, name: string) => page.getByRole('columnheader', { name });

describe('the page: the fleet', () => {
  const rig = aboutThePage();

  /** Four devices that differ in everything. */
  async function fleet(page: Page): Promise<void> {
    const attic = await rig.device({ alias: 'attic', version: '1.10.0', platform: ESP32 });
    const barn = await rig.device({ alias: 'barn', version: '1.9.0' });
    await rig.device({ alias: 'Cellar', version: '1.2.0' });
    await rig.device({ alias: 'dome', version: '1.9.0' });
    await rig.api.call('PATCH', `/devices/${attic.udid}`, { tags: ['beta'] });
    await rig.api.call('PATCH', `/devices/${barn.udid}`, { tags: ['beta', 'indoor'] });
    await barn.drop();
    await rowOf(page, 'barn').getByText('offline').waitFor();
    await rowOf(page, 'barn').getByText('indoor').waitFor();
    await shows(page, 'attic', 'barn', 'Cellar', 'dome');
  }

  it(
    'is one row a device, with all an owner wants to know',
    loggedIn(rig, async ({ page }) => {
      await rig.device({ alias: 'kitchen', version: '1.4.2' });
      await rig.api.publish(smallImage('row'), { version: '1.5.0', platform: PLATFORM });
      await says(page, 'kitchen', 'Waits for you 1.5.0');
      const cells = await rowOf(page, 'kitchen').getByRole('cell').allInnerTexts();
      expect(cells.slice(0, 6)).to.deep.equal([
        'kitchen',
        PLATFORM,
        '1.4.2',
        'online',
        'just now',
        'Waits for you 1.5.0',
      ]);
      expect(cells[6]).to.match(/^1\.5\.0 waits for your approval since /);
      const heads = await page.getByRole('columnheader').allInnerTexts();
      expect(heads.map((head) => head.replace(/ [↓↑]/, ''))).to.deep.equal([
        'Device',
        'Platform',
        'Version',
        'Online',
        'Last seen',
        'Update',
        'Why',
      ]);
    }),
  );

  it(
    'is searched by words, all of which must fit',
    loggedIn(rig, async ({ page }) => {
      await fleet(page);
      const search = page.getByRole('searchbox', { name: 'Search devices' });
      await search.fill('CELL');
      await shows(page, 'Cellar');
      await search.fill('1.9.0 beta');
      await shows(page, 'barn');
      await search.fill('nobody');
      await page.getByText('No device matches.').waitFor();
      await search.fill('');
      await shows(page, 'attic', 'barn', 'Cellar', 'dome');
    }),
  );

  it(
    'is filtered by what devices do, by version, platform and tag',
    loggedIn(rig, async ({ page }) => {
      await fleet(page);
      const offline = page.getByRole('button', { name: 'Offline 1' });
      await offline.click();
      await shows(page, 'barn');
      expect(await offline.getAttribute('aria-pressed')).to.equal('true');
      await page.getByRole('button', { name: 'Online 3' }).click();
      await shows(page, 'attic', 'Cellar', 'dome');
      await page.getByRole('button', { name: 'All 4' }).click();

      for (const [name, value, fitting] of [
        ['Version', '1.9.0', ['barn', 'dome']],
        ['Platform', ESP32, ['attic']],
        ['Tag', 'beta', ['attic', 'barn']],
      ] as const) {
        const choice = page.getByRole('combobox', { name });
        await choice.selectOption(value);
        await shows(page, ...fitting);
        await choice.selectOption('');
      }

      const chart = section(page, 'Versions');
      await chart.getByRole('button', { name: /^1\.9\.0 2/ }).click();
      await shows(page, 'barn', 'dome');

      await page.getByRole('combobox', { name: 'Version' }).selectOption('');
      await rig.api.publish(smallImage('asked'), { version: '1.9.5', platform: PLATFORM, tags: 'indoor' });
      await page.getByRole('button', { name: 'Waiting for you 1' }).click();
      await shows(page, 'barn');
    }),
  );

  it(
    'is sorted by each column, both ways, and says so to those who cannot see the arrow',
    loggedIn(rig, async ({ page }) => {
      await fleet(page);
      expect(await columnHead(page, 'Device').getAttribute('aria-sort')).to.equal('ascending');
      const sort = (name: string): Promise<void> => columnHead(page, name).getByRole('button').click();

      await sort('Device');
      await shows(page, 'dome', 'Cellar', 'barn', 'attic');
      expect(await columnHead(page, 'Device').getAttribute('aria-sort')).to.equal('descending');
      await sort('Version');
      // 1.10.0 is newer than 1.9.0.
      await shows(page, 'Cellar', 'barn', 'dome', 'attic');
      expect(await columnHead(page, 'Version').getAttribute('aria-sort')).to.equal('ascending');
      expect(await columnHead(page, 'Device').getAttribute('aria-sort')).to.equal(null);
      await sort('Online');
      await shows(page, 'attic', 'Cellar', 'dome', 'barn');
      await sort('Platform');
      await shows(page, 'attic', 'barn', 'Cellar', 'dome');
    }),
  );

  it(
    'shows its versions and the progress of the current update as they change',
    loggedIn(rig, async ({ page }) => {
      const attic = await rig.device({ alias: 'attic', autoUpdate: true });
      await rig.device({ alias: 'barn' });
      await section(page, 'Versions').getByRole('button', { name: '1.0.0 2 100 %' }).waitFor();
      await rig.api.publish(smallImage('chart'), { version: '1.1.0', platform: PLATFORM });
      await page.getByRole('heading', { name: '1.1.0: 0 of 2 devices installed' }).waitFor();
      const { url } = await attic.nextOffer();
      await attic.drop();
      await attic.download(url);
      attic.version = '1.1.0';
      await attic.start();
      await page.getByRole('heading', { name: '1.1.0: 1 of 2 devices installed' }).waitFor();
      await page.getByRole('progressbar', { name: 'Progress of 1.1.0' }).waitFor();
      await section(page, 'Versions').getByRole('button', { name: '1.1.0 1 50 %' }).waitFor();
    }),
  );

  it(
    'comes over MQTT alone: no request is made, however much happens and time passes',
    visiting(rig, async ({ visit, page }) => {
      // The page's clock is the test's, so that half an hour passes at once.
      await page.clock.install();
      await logIn(page, rig.account);
      const device = await rig.device({ alias: 'kitchen' });
      await rowOf(page, 'kitchen').waitFor();
      const before = visit.asked.length;
      for (let n = 1; n <= MANY; n += 1) {
        device.version = `1.0.${n}`;
        await device.checkIn();
        await page.clock.fastForward('01:30');
        await rowOf(page, 'kitchen').getByText(`1.0.${n}`, { exact: true }).waitFor();
      }
      expect(visit.asked.slice(before)).to.deep.equal([]);
      expect(visit.apiCalls).to.deep.equal([]);
    }),
  );
});
