import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { Device } from '../../support/device.js';
import { PROGRAM } from '../../support/firmwire-process.js';
import { listAt } from '../../support/json.js';
import { aboutThePage, loggedIn, rowOf } from '../../support/owners-page.js';

describe('the page: an empty fleet', () => {
  const rig = aboutThePage();

  it(
    "gives a device sketch with this server's address, the owner and a key that lets a device in",
    loggedIn(rig, async ({ page }) => {
      await page.getByRole('heading', { name: 'No devices yet' }).waitFor();
      await page.getByRole('button', { name: /device key/ }).click();
      await page.getByText(/It is shown this once/).waitFor();
      const sketch = await page.getByText('#include <PubSubClient.h>').innerText();
      const [, host, owner, key = ''] =
        /HOST = "([^"]+)", \*OWNER = "([^"]+)", \*KEY = "([^"]+)"/.exec(sketch) ?? [];
      expect([host, owner]).to.deep.equal(['127.0.0.1', rig.account.owner]);
      expect(sketch).to.contain(`setServer(HOST, ${rig.server.mqttPort})`);
      expect(sketch).to.contain(`httpUpdate.update(download, HOST, ${rig.server.httpPort}, path)`);

      const device = new Device(rig.server, { ...rig.account, deviceKey: key });
      await device.subscribe();
      await device.checkIn({ alias: 'first' });
      await rowOf(page, 'first').waitFor();
      await device.drop();
    }),
  );

  it(
    'gives the command that simulates a fleet, which then appears without a reload',
    loggedIn(rig, async ({ page }) => {
      const command = await page.getByText('npx firmwire simulate').innerText();
      const args = command.split(' ').slice(2);
      expect(args[0]).to.equal('simulate');
      const simulator = spawn(process.execPath, [PROGRAM, ...args], {
        cwd: rig.server.data,
        env: { PATH: process.env['PATH'], FIRMWIRE_DATA: rig.server.data },
        stdio: 'ignore',
      });
      try {
        await page.getByRole('button', { name: /^Online 5$/ }).waitFor();
        expect(listAt((await rig.api.call('GET', '/devices')).body, 'devices')).to.have.length(5);
      } finally {
        simulator.kill('SIGKILL');
        await once(simulator, 'close');
      }
    }),
  );
});
