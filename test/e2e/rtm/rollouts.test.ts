import { expect } from 'chai';
import { PLATFORM } from '../../support/device.js';
import { smallImage } from '../../support/images.js';
import { textAt } from '../../support/json.js';
import { aboutThePage, dialogOf, loggedIn, section } from '../../support/owners-page.js';

describe('the page: rollouts', () => {
  const rig = aboutThePage();

  it(
    'shows how far one is, live, and lets its owner approve, pause, resume and abort it',
    loggedIn(rig, async ({ page }) => {
      await rig.device({ autoUpdate: true });
      await rig.device({ autoUpdate: true });
      const { id } = await rig.api.publish(smallImage('rollout'), {
        version: '2.0.0',
        platform: PLATFORM,
        rollout: 'none',
      });
      const stages = [{ devices: 1 }, { percent: 100 }];
      const { body } = await rig.api.call('POST', '/rollouts', { firmware: id, stages, approval: 'stage' });
      expect(textAt(body, 'rollout.state')).to.equal('scheduled');
      await page.getByRole('link', { name: 'Firmware', exact: true }).click();
      const card = section(page, 'Rollouts').getByRole('listitem').filter({ hasText: '2.0.0' }).first();
      const press = (name: string) => card.getByRole('button', { name }).click();
      await card.getByText('waits for your approval').waitFor();
      await press('Approve the rollout of 2.0.0');
      await card.getByText('Stage 1: open, 0 of 1 installed').waitFor();
      await press('Pause the rollout of 2.0.0');
      await card.getByText('paused by its owner').waitFor();
      await press('Resume the rollout of 2.0.0');
      await card.getByRole('button', { name: 'Advance the rollout of 2.0.0' }).waitFor();
      await press('Abort the rollout of 2.0.0');
      await (await dialogOf(page, 'Abort the rollout of 2.0.0?'))
        .getByRole('button', { name: 'Abort' })
        .click();
      await card.getByText('aborted by its owner').waitFor();
      await card.getByRole('button', { name: 'Roll back the rollout of 2.0.0' }).waitFor();
      expect(await card.getByRole('button').count()).to.equal(1);
    }),
  );
});
