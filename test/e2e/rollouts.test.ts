import { expect } from 'chai';
import { Fleet } from '../../scripts/simulator/fleet.js';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { PLATFORM } from '../support/device.js';
import { at, listAt, textAt } from '../support/json.js';
import { ownerApi } from '../support/owner-api.js';
import { OwnerPeer } from '../support/owner-peer.js';
import { ServerProcess } from '../support/server-process.js';

const DEVICES = 200;
/** A device that restarts for so long has been broken, as far as the test goes. */
const NEVER_MS = { min: 3_600_000, max: 3_600_000 };

describe('rollouts, between real devices and a real server', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  let fleet: Fleet;
  let owner: OwnerPeer;

  const start = async (rebootMs: { min: number; max: number }, devices: number): Promise<void> => {
    server = await ServerProcess.start({
      ROLLOUTS_DEADLINE_MINUTES: '0.08',
      ROLLOUTS_PROBATION_MINUTES: '0.01',
      ROLLOUTS_TICK_SECONDS: '0.1',
    });
    owner = await OwnerPeer.open(server);
    const { httpUrl, mqttUrl, account } = server;
    fleet = new Fleet({
      server: { httpUrl, mqttUrl, owner: account.owner, deviceKey: account.deviceKey },
      devices,
      platform: PLATFORM,
      version: '1.0.0',
      autoUpdate: () => true,
      rebootMs,
    });
    await fleet.start();
  };
  afterEach(async () => {
    await fleet.stop();
    await owner.peer.drop();
    await server.dispose();
  });

  /** What the owner is told of the rollout once it is in this state. */
  const told = async (id: string, state: string): Promise<unknown> => {
    const topic = `/${server.account.owner}/rtm/rollouts/${id}`;
    const message = await owner.peer.inbox.next(
      `the rollout ${state}`,
      (each) => each.topic === topic && textAt(JSON.parse(each.payload), 'state') === state,
      45_000,
    );
    return JSON.parse(message.payload);
  };
  const publish = async (text: string): Promise<string> => {
    const { body } = await ownerApi(server).upload({
      version: '2.0.0',
      platform: PLATFORM,
      files: [['firmware.bin', madeUpImage(20_000, text)]],
    });
    return textAt(body, 'rollout.id');
  };
  const versions = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    const { body } = await ownerApi(server).call('GET', '/devices?limit=1000');
    for (const device of listAt(body, 'devices')) {
      const state = String(at(device, 'update.state') ?? 'none');
      counts[state] = (counts[state] ?? 0) + 1;
    }
    return counts;
  };

  it('of 200 devices a bad image takes one, and the rollout stops by itself', async () => {
    await start(NEVER_MS, DEVICES);
    const id = await publish('bad');
    const rollout = await told(id, 'halted');
    expect(textAt(rollout, 'reason')).to.equal('1 of 1 devices of this stage failed, more than 10 %');
    expect(listAt(rollout, 'stages')[0]).to.deep.equal({
      state: 'open',
      devices: 1,
      installed: 0,
      failed: 1,
      pending: 0,
    });
    expect(await versions()).to.deep.equal({ none: DEVICES - 1, downloaded: 1 });
    const { body } = await ownerApi(server).call('GET', '/rollouts/log');
    const last = listAt(body, 'entries').at(-1);
    expect(last).to.include({ who: 'server', what: 'halted', rule: 'failure_threshold', stage: 1 });
  });

  it('a good image comes to all, stage after stage, and to no device twice', async () => {
    await start({ min: 50, max: 250 }, 60);
    const id = await publish('good');
    await told(id, 'done');
    expect(await versions()).to.deep.equal({ installed: 60 });
    const { counts, violations } = fleet.result;
    expect([counts.installed, violations]).to.deep.equal([60, []]);
    const { body } = await ownerApi(server).call('GET', '/firmware');
    expect(at(listAt(body, 'firmware')[0], 'rollout')).to.equal('all-at-once');
  });
});
