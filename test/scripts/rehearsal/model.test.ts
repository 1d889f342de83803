import { expect } from 'chai';
import { viewFirmware } from '../../../core/firmware-view.js';
import { readPlan } from '../../../core/rollouts/read-plan.js';
import { flakinessOf, modelOf } from '../../../scripts/rehearsal/model.js';
import { simulate } from '../../../scripts/rehearsal/run.js';
import { aFirmware, NOW } from '../../support/builders.js';
import { aDeviceView } from '../../support/views.js';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const FILTER = { platform: undefined, tags: [], versions: undefined, udids: [] };
const firmware = viewFirmware(aFirmware({ version: '2.0.0', size: 600_000 }));
const DEFAULTS = {
  deadlineMs: 24 * HOUR,
  probationMs: 2 * HOUR,
  retries: 2,
  successThreshold: 0.9,
  failureThreshold: 0.1,
};

const fleet = (count: number) =>
  Array.from({ length: count }, (_, n) =>
    aDeviceView({
      udid: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      platform: 'arduino:esp8266',
      version: '1.0.0',
      online: n % 10 !== 0,
      lastSeen: new Date(NOW - 5 * MINUTE).toISOString(),
      rhythm: { silence: 120, between: 43_200 },
    }),
  );

describe('the model of a fleet', () => {
  it('has the devices that the firmware is an update for, with their own rhythm', () => {
    const devices = [
      ...fleet(3),
      aDeviceView({ udid: 'a', platform: 'arduino:esp32', version: '1.0.0' }),
      aDeviceView({ udid: 'b', platform: 'arduino:esp8266', version: '2.0.0' }),
    ];
    const model = modelOf(devices, firmware, FILTER, NOW);
    expect(model.devices).to.have.length(3);
    expect(model.devices[1]).to.deep.include({ isConnected: true, rhythmMs: 120_000, betweenMs: 12 * HOUR });
    expect(modelOf(devices, firmware, { ...FILTER, tags: ['none'] }, NOW).devices).to.deep.equal([]);
  });

  it('is as flaky as the fleet is now; devices that are long gone say nothing', () => {
    const away = (minutes: number) =>
      aDeviceView({ online: false, lastSeen: new Date(NOW - minutes * MINUTE).toISOString(), rhythm: null });
    const here = Array.from({ length: 9 }, () => aDeviceView({ online: true }));
    expect(flakinessOf([...here, away(120)], NOW)).to.equal(0.1);
    expect(flakinessOf([...here, away(30)], NOW)).to.equal(0.005);
    expect(flakinessOf([...here, away(60 * 24 * 30)], NOW)).to.equal(0.005);
    expect(flakinessOf([], NOW)).to.equal(0.005);
  });

  it('rehearses: a good firmware comes to all, a bad one to no more than the first stage', async () => {
    const model = modelOf(fleet(200), firmware, FILTER, NOW);
    const plan = readPlan({ firmware: firmware.id, stages: [{ devices: 5 }, { percent: 100 }] }, DEFAULTS);
    const good = await simulate(model, plan, { share: 0, when: 'boot' }, 1);
    expect(good).to.include({ state: 'done', exposed: 200, lost: 0 });
    expect(good.stageEnds).to.have.length(2);
    expect(good.peak).to.be.within((600_000 * 5) / 300, (600_000 * 200) / 300);
    const bad = await simulate(model, plan, { share: 1, when: 'boot' }, 1);
    expect(bad).to.include({ state: 'halted', stage: 1, lost: 5, exposed: 5 });
    expect(await simulate(model, plan, { share: 1, when: 'boot' }, 1)).to.deep.equal(bad);
  });
});
