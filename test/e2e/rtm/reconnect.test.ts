import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { fillIn, isLive, logIn } from '../../support/browser.js';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { aboutThePage, loggedIn, rowOf, says, section } from '../../support/owners-page.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const UNREACHABLE = [/WebSocket connection to .* failed/, /ERR_CONNECTION|ERR_INTERNET_DISCONNECTED/];

const isReconnecting = (page: Page): Promise<void> =>
  page.getByRole('status').getByText('Reconnecting').waitFor();

describe('the page: without a connection', () => {
  const rig = aboutThePage();

  it(
    'a server that restarts: says that it reconnects, and then shows the truth, without a reload',
    loggedIn(rig, async ({ visit, page, elsewhere }) => {
      visit.allow(...UNREACHABLE);
      const other = await elsewhere({ allow: UNREACHABLE });
      await rig.device({ alias: 'kitchen' });
      await rowOf(page, 'kitchen').getByText('online').waitFor();
      await page.evaluate('globalThis.isTheSame = true');

      const restart = await rig.killServer();
      await Promise.all([isReconnecting(page), isReconnecting(other)]);
      // What was known stays to be seen, with the time it is from.
      await rowOf(page, 'kitchen').waitFor();
      await page.getByText(/what you see is from \d\d:\d\d:\d\d/).waitFor();

      await restart();
      await Promise.all([isLive(page), isLive(other)]);
      // Its session ended with the server.
      await Promise.all([page, other].map((each) => rowOf(each, 'kitchen').getByText('offline').waitFor()));
      await rig.device({ alias: 'barn' });
      await Promise.all([page, other].map((each) => rowOf(each, 'barn').getByText('online').waitFor()));
      expect(await page.evaluate<boolean>('globalThis.isTheSame')).to.equal(true);
    }),
  );

  it('a network that is lost: what went meanwhile is gone, what came is there, answers are not swallowed', async () => {
    let network = await TcpProxy.start(rig.server.httpPort);
    const { port } = network;
    const visit = await rig.visit({}, `http://127.0.0.1:${port}`);
    const { page } = visit;
    visit.allow(...UNREACHABLE);
    try {
      const gone = await rig.device({ alias: 'gone' });
      const stays = await rig.device({ alias: 'stays' });
      const { id } = await rig.api.publish(smallImage('gone'), { version: '1.1.0', platform: PLATFORM });
      await logIn(page, rig.account);
      await section(page, 'Needs your decision').getByRole('link', { name: 'gone' }).waitFor();

      await network.stop();
      await isReconnecting(page);
      await page.getByRole('button', { name: 'Decline 1.1.0 on stays' }).click();
      await page.getByText('1 of 1 answers did not reach the server').waitFor();

      await gone.drop();
      await rig.api.call('DELETE', `/firmware/${id}`);
      await rig.api.call('DELETE', `/devices/${gone.udid}`);
      await rig.api.call('PATCH', `/devices/${stays.udid}`, { alias: 'renamed' });
      await rig.device({ alias: 'new' });
      await rig.api.publish(smallImage('new'), { version: '1.2.0', platform: PLATFORM });

      network = await TcpProxy.start(rig.server.httpPort, port);
      await isLive(page);
      await rowOf(page, 'gone').waitFor({ state: 'detached' });
      await says(page, 'new', 'Waits for you 1.2.0');
      await says(page, 'renamed', 'Waits for you 1.2.0');
      const question = section(page, 'Needs your decision');
      await question.getByText('1.2.0 for 2 devices').waitFor();
      expect(await question.getByText('1.1.0').count(), 'questions about what was withdrawn').to.equal(0);
      await page.getByRole('link', { name: 'Firmware', exact: true }).click();
      await section(page, 'Published').getByText('1.2.0').waitFor();
      expect(await section(page, 'Published').getByText('1.1.0').count()).to.equal(0);
      visit.check();
    } finally {
      await visit.context.close();
      await network.stop();
    }
  });

  it(
    'a device that goes offline: says so at once, and changes nothing meanwhile',
    loggedIn(rig, async ({ visit, page }) => {
      visit.allow(...UNREACHABLE);
      const { udid } = await rig.device({ alias: 'kitchen' });
      await rowOf(page, 'kitchen').getByRole('link').click();
      await section(page, 'Timeline').getByText('checked in').waitFor();
      await visit.context.setOffline(true);
      await isReconnecting(page);

      await page.getByLabel('Alias').fill('pantry');
      await page.getByRole('button', { name: 'Save alias' }).click();
      await page.getByText('The server cannot be reached. Nothing was changed.').waitFor();

      await rig.api.call('PATCH', `/devices/${udid}`, { tags: ['beta'] });
      await visit.context.setOffline(false);
      await isLive(page);
      await page.getByRole('link', { name: '← Fleet' }).click();
      await rowOf(page, 'kitchen').getByText('beta').waitFor();
    }),
  );

  it('a server that is away when the page is opened: it logs in once it is back', async () => {
    let network = await TcpProxy.start(rig.server.httpPort);
    const { port } = network;
    const visit = await rig.visit({}, `http://127.0.0.1:${port}`);
    const { page } = visit;
    visit.allow(...UNREACHABLE);
    try {
      await page.goto('/rtm/');
      await network.stop();
      await fillIn(page, rig.account.owner, rig.account.ownerKey);
      await page.getByText('Connecting to the server').waitFor();
      network = await TcpProxy.start(rig.server.httpPort, port);
      await isLive(page);
      visit.check();
    } finally {
      await visit.context.close();
      await network.stop();
    }
  });
});
