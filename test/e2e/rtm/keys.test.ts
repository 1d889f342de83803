import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { fillIn, isLive } from '../../support/browser.js';
import { Device } from '../../support/device.js';
import { listAt, textAt } from '../../support/json.js';
import { OwnerApi } from '../../support/owner-api.js';
import { aboutThePage, dialogOf, loggedIn, visiting } from '../../support/owners-page.js';

const REVOKED = /do not belong together, or the key has been revoked/;

async function openKeys(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Keys' }).click();
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
}

async function makeKey(page: Page, alias: string, scope: 'device' | 'owner'): Promise<string> {
  await page.getByLabel('Name').fill(alias);
  await page.getByLabel('Scope').selectOption(scope);
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByText(`The key ${alias}. It is shown this once`).waitFor();
  return page.getByRole('status').locator('code').innerText();
}

async function revoke(page: Page, alias: string): Promise<void> {
  await page.getByRole('button', { name: `Revoke ${alias}` }).click();
  await (await dialogOf(page, `Revoke ${alias}?`)).getByRole('button', { name: 'Revoke it' }).click();
}

describe('the page: keys', () => {
  const rig = aboutThePage();

  it(
    'makes a device key that is shown once and lets a device in, until it is revoked',
    loggedIn(rig, async ({ page }) => {
      await openKeys(page);
      const secret = await makeKey(page, 'greenhouse', 'device');
      const device = new Device(rig.server, { ...rig.account, deviceKey: secret });
      await device.start();
      await device.next('ok');

      await page.getByRole('link', { name: 'Firmware', exact: true }).click();
      await openKeys(page);
      await page.getByRole('button', { name: 'Revoke greenhouse' }).waitFor();
      expect(await page.content()).not.to.contain(secret);

      const cut = device.peer.closed;
      await revoke(page, 'greenhouse');
      await cut;
      await page.getByRole('button', { name: 'Revoke greenhouse' }).waitFor({ state: 'detached' });
      const again = await device.connect().then(
        () => 'let in',
        () => 'refused',
      );
      expect(again).to.equal('refused');
    }),
  );

  it(
    'does not revoke if the owner thinks better of it',
    loggedIn(rig, async ({ page }) => {
      await openKeys(page);
      const secret = await makeKey(page, 'robot', 'owner');
      await page.getByRole('button', { name: 'Revoke robot' }).click();
      await (await dialogOf(page, 'Revoke robot?')).getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect((await new OwnerApi(rig.server, secret).call('GET', '/devices')).status).to.equal(200);
    }),
  );

  /** Logs in with an owner key of its own; its id. */
  async function logInWithNewKey(page: Page, alias: string): Promise<string> {
    const { body } = await rig.api.call('POST', '/keys', { alias, scope: 'owner' });
    await page.goto('/rtm/');
    await fillIn(page, rig.account.owner, textAt(body, 'key.secret'));
    await isLive(page);
    return textAt(body, 'key.id');
  }

  it(
    'whose key is revoked elsewhere sees the login form, and why',
    visiting(rig, async ({ page }) => {
      const id = await logInWithNewKey(page, 'lost laptop');
      await rig.device({ alias: 'kitchen' });
      await page.getByRole('link', { name: 'kitchen' }).first().waitFor();
      expect((await rig.api.call('DELETE', `/keys/${id}`)).status).to.equal(204);
      await page.getByRole('alert').filter({ hasText: REVOKED }).waitFor();
      await page.getByRole('button', { name: 'Log in' }).waitFor();
      expect(await page.evaluate<number>('sessionStorage.length')).to.equal(0);
      expect(await page.getByText('kitchen').count(), 'what is left of the fleet').to.equal(0);
    }),
  );

  it(
    'who revokes the key of this page is logged out, and told why',
    visiting(rig, async ({ visit, page }) => {
      visit.allow(/status of 401/);
      await logInWithNewKey(page, 'this page');
      await openKeys(page);
      await revoke(page, 'this page');
      await page.getByRole('alert').filter({ hasText: REVOKED }).waitFor();
      const keys = listAt((await rig.api.call('GET', '/keys')).body, 'keys');
      expect(JSON.stringify(keys)).not.to.contain('this page');
    }),
  );
});
