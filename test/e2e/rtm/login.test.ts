import { expect } from 'chai';
import { fillIn, isLive } from '../../support/browser.js';
import { aboutThePage, loggedIn, visiting } from '../../support/owners-page.js';

describe('the page: logging in', () => {
  const rig = aboutThePage();

  it(
    'keeps the key for this tab, and it is in no address',
    loggedIn(rig, async ({ visit, page }) => {
      const { owner, ownerKey } = rig.account;
      expect(await page.evaluate<string>('JSON.stringify(sessionStorage)')).to.contain(ownerKey);
      expect(await page.evaluate<number>('localStorage.length')).to.equal(0);
      expect(await page.evaluate<string>('document.cookie')).to.equal('');

      await page.reload();
      await isLive(page);

      const second = await visit.context.newPage();
      await second.goto('/rtm/');
      await second.getByRole('button', { name: 'Log in' }).waitFor();
      await fillIn(second, owner, ownerKey);
      await isLive(second);

      await page.getByRole('link', { name: 'Keys' }).click();
      await page.getByRole('heading', { name: 'Keys' }).waitFor();
      const addresses = [...visit.asked.map(({ url }) => url), page.url(), second.url()];
      expect(addresses.filter((address) => address.includes(ownerKey))).to.deep.equal([]);
    }),
  );

  it(
    'forgets the key when the owner logs out',
    loggedIn(rig, async ({ page }) => {
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByRole('button', { name: 'Log in' }).waitFor();
      expect(await page.evaluate<number>('sessionStorage.length')).to.equal(0);
      await page.reload();
      await page.getByRole('button', { name: 'Log in' }).waitFor();
    }),
  );

  for (const [what, key, sentence] of [
    ['a wrong key', () => `${rig.account.ownerKey.slice(0, -1)}_`, /do not belong together/],
    ['a device key', () => rig.account.deviceKey, /device key.*owner key/],
  ] as const) {
    it(
      `says in a sentence why ${what} does not do, and forgets it`,
      visiting(rig, async ({ page }) => {
        await page.goto('/rtm/');
        await fillIn(page, rig.account.owner, key());
        await page.getByRole('alert').filter({ hasText: sentence }).waitFor();
        expect(await page.evaluate<number>('sessionStorage.length')).to.equal(0);
        // The right one does at once.
        await fillIn(page, rig.account.owner, rig.account.ownerKey);
        await isLive(page);
      }),
    );
  }

  it('asks for owner id and key before anything', async () => {
    const visit = await rig.visit();
    await visit.page.goto('/rtm/');
    await visit.page.getByRole('button', { name: 'Log in' }).click();
    expect(await visit.page.evaluate<string>('document.activeElement.name')).to.equal('owner');
    visit.check();
    await visit.context.close();
  });

  it('comes with a strict policy, and nothing in it that needs an exception', async () => {
    const answer = await fetch(`${rig.server.httpUrl}/rtm/`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).to.contain("default-src 'none'").and.to.contain("script-src 'self'");
    expect(policy).not.to.match(/unsafe-|https?:|wss?:|\*/);
    const html = await answer.text();
    const scripts = html.match(/<script[^>]*>/g) ?? [];
    expect(scripts).to.have.length(1);
    for (const script of scripts) expect(script).to.match(/ src="\.\//);
    expect(html).not.to.match(/<style|\sstyle=|\son\w+=|https?:\/\//);
  });
});
