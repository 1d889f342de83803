import { expect } from 'chai';
import type { Locator, Page } from 'playwright-core';
import { isLive } from '../../support/browser.js';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { aboutThePage, dialogOf, loggedIn, says, visiting } from '../../support/owners-page.js';

/** Far more than there are stops before what a test wants to reach. */
const MOST_STOPS = 60;
/** Around an element, px: where its outline may be. */
const MARGIN = 6;

const isFocused = (locator: Locator): Promise<boolean> =>
  locator.evaluate<boolean, unknown>(
    (element) => Reflect.get(globalThis, 'document').activeElement === element,
  );

/** Goes on with Tab until it is there. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    if (await isFocused(target)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${target} is out of reach of the Tab key`);
}

/** The place of an element and of an outline around it. */
async function around(element: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await element.boundingBox();
  if (!box) throw new Error(`${element} cannot be seen`);
  const [x, y] = [Math.max(0, box.x - MARGIN), Math.max(0, box.y - MARGIN)];
  return { x, y, width: box.x + box.width + MARGIN - x, height: box.y + box.height + MARGIN - y };
}

describe('the page: by keyboard alone', () => {
  const rig = aboutThePage();

  it(
    'from the login form to an approved update',
    visiting(rig, async ({ page }) => {
      const device = await rig.device({ alias: 'kitchen' });
      await rig.device({ alias: 'barn' });
      await rig.api.publish(smallImage('keyboard'), { version: '1.1.0', platform: PLATFORM });
      await page.goto('/rtm/');
      await tabTo(page, page.getByLabel('Owner id'));
      await page.keyboard.type(rig.account.owner);
      await tabTo(page, page.getByLabel('Owner key'));
      await page.keyboard.type(rig.account.ownerKey);
      await page.keyboard.press('Enter');
      await isLive(page);

      await tabTo(page, page.getByRole('button', { name: 'Install 1.1.0 on kitchen' }));
      await page.keyboard.press('Enter');
      expect((await device.nextOffer()).version).to.equal('1.1.0');
      await tabTo(page, page.getByRole('button', { name: 'Decline 1.1.0 on barn' }));
      await page.keyboard.press('Space');
      await says(page, 'barn', 'Declined 1.1.0');
    }),
  );

  it(
    'skips what is at the top of each view, and keeps the focus in a dialog and gives it back',
    loggedIn(rig, async ({ page }) => {
      for (const alias of ['attic', 'barn']) await rig.device({ alias });
      await rig.api.publish(smallImage('dialog'), { version: '1.1.0', platform: PLATFORM });
      const all = page.getByRole('button', { name: /^Install all/ });
      await all.waitFor();
      await tabTo(page, page.getByRole('link', { name: 'Skip to the content' }));
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      expect(await isFocused(all), 'the first stop in the content').to.equal(true);

      await page.keyboard.press('Enter');
      const dialog = await dialogOf(page, /^Install 1\.1\.0/);
      for (let stop = 0; stop < 8; stop += 1) {
        await page.keyboard.press('Tab');
        const behind = await page.evaluate<boolean>(
          "document.activeElement !== document.body && !document.activeElement.closest('dialog')",
        );
        expect(behind, 'the focus is behind the dialog').to.equal(false);
      }
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await isFocused(all), 'the focus is where it was').to.equal(true);
    }),
  );

  it(
    'whoever comes by Tab sees where they are: each stop looks different with the focus on it',
    loggedIn(rig, async ({ page }) => {
      for (const alias of ['attic', 'barn']) await rig.device({ alias });
      await rig.api.publish(smallImage('focus'), { version: '1.1.0', platform: PLATFORM });
      await page.getByRole('button', { name: 'Waiting for you 2' }).waitFor();
      const seen = new Set<string>();
      for (let stop = 0; stop < MOST_STOPS; stop += 1) {
        await page.keyboard.press('Tab');
        const focused = page.locator(':focus');
        if ((await focused.count()) === 0) break;
        const html = await focused.evaluate<string, unknown>((element) =>
          String(Reflect.get(Object(element), 'outerHTML')),
        );
        if (seen.has(html)) break;
        seen.add(html);
        const clip = await around(focused);
        const withFocus = await page.screenshot({ clip, animations: 'disabled' });
        await page.evaluate('globalThis.stop = document.activeElement; globalThis.stop.blur()');
        const without = await page.screenshot({ clip, animations: 'disabled' });
        await page.evaluate('globalThis.stop.focus()');
        expect(withFocus.equals(without), `no sign of the focus on ${html}`).to.equal(false);
      }
      expect(seen.size).to.be.greaterThan(20);
    }),
  );
});
