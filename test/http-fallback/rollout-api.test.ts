import { expect } from 'chai';
import { OTHER_UDID, UDID } from '../support/builders.js';
import { anImage, asOwner, checkIn, type HttpApp, publishParts, startHttpApp } from '../support/http-app.js';

describe("the owner's API: rollouts", () => {
  let http: HttpApp;
  let firmware: string;
  beforeEach(async () => {
    http = await startHttpApp();
    await checkIn(http);
    await checkIn(http, { udid: OTHER_UDID, mac: '5CCF7F000002' });
    firmware = await store('2.0.0');
  });
  afterEach(() => http.close());

  const store = async (version: string): Promise<string> => {
    const answer = await publishParts(http, [
      { name: 'version', value: version },
      { name: 'platform', value: 'arduino:esp8266' },
      { name: 'rollout', value: 'none' },
      { name: 'file', filename: 'firmware.bin', data: anImage() },
    ]);
    return answer.json().firmware.id;
  };
  const start = (body: object) => asOwner(http, 'POST', '/rollouts', { firmware, ...body });
  const outcome = async (method: 'GET' | 'POST', path: string, body?: object): Promise<string> => {
    const answer = await asOwner(http, method, path, body);
    return answer.statusCode < 300
      ? String(answer.statusCode)
      : `${answer.statusCode} ${answer.json().error.code}`;
  };

  it('are made, shown, and changed', async () => {
    const answer = await start({ stages: [{ devices: 1 }, { percent: 100 }], approval: 'once' });
    expect(answer.statusCode).to.equal(201);
    const { rollout } = answer.json();
    expect(rollout).to.deep.include({
      firmware,
      version: '2.0.0',
      state: 'scheduled',
      devices: 2,
      approval: 'once',
    });
    expect(rollout.stages).to.deep.equal([
      { state: 'waiting', devices: 1, installed: 0, failed: 0, pending: 1 },
      { state: 'waiting', devices: 1, installed: 0, failed: 0, pending: 1 },
    ]);
    const path = `/rollouts/${rollout.id}`;
    expect((await asOwner(http, 'GET', path)).json().rollout.id).to.equal(rollout.id);
    expect((await asOwner(http, 'GET', '/rollouts')).json().rollouts).to.have.length(1);
    expect(await outcome('POST', `${path}/advance`)).to.equal('200');
    await http.domain.rollouts.tick();
    expect((await asOwner(http, 'GET', path)).json().rollout.state).to.equal('running');
    expect(await outcome('POST', `${path}/pause`)).to.equal('200');
    expect(await outcome('POST', `${path}/pause`)).to.equal('409 rollout_state');
    expect(await outcome('POST', `${path}/resume`)).to.equal('200');
    expect(await outcome('POST', `${path}/rollback`)).to.equal('409 rollout_state');
    expect(await outcome('POST', `${path}/abort`, { downloads: 'finish' })).to.equal('200');
    expect(await outcome('POST', `${path}/abort`)).to.equal('409 rollout_state');
    expect((await asOwner(http, 'POST', `${path}/rollback`)).json()).to.deep.equal({
      ordered: 0,
      unknown: 0,
    });
  });

  it('are changed only at the stage that was seen, if that is said', async () => {
    const { rollout } = (await start({ stages: [{ devices: 1 }, { percent: 100 }] })).json();
    await http.domain.rollouts.tick();
    const path = `/rollouts/${rollout.id}`;
    expect(await outcome('POST', `${path}/pause`, { stage: 2 })).to.equal('409 rollout_state');
    expect(await outcome('POST', `${path}/pause`, { stage: 1 })).to.equal('200');
    expect(await outcome('POST', `${path}/resume`, { stage: 1 })).to.equal('200');
    expect(await outcome('POST', `${path}/advance`, { stage: 0 })).to.equal('400 field_invalid');
    expect(await outcome('POST', `${path}/advance`, { stage: '1' })).to.equal('400 field_invalid');
    expect(await outcome('POST', `${path}/advance`, { stages: 1 })).to.equal('400 field_invalid');
    expect(await outcome('POST', `${path}/advance`, { stage: 1 })).to.equal('200');
    await http.domain.rollouts.tick();
    expect(await outcome('POST', `${path}/advance`, { stage: 1 })).to.equal('409 rollout_state');
  });

  it('leave a log of who did what and why, a page at a time', async () => {
    const { rollout } = (await start({ stages: [{ devices: 1 }] })).json();
    await http.domain.rollouts.tick();
    await asOwner(http, 'POST', `/rollouts/${rollout.id}/abort`);
    const { entries } = (await asOwner(http, 'GET', '/rollouts/log')).json();
    expect(entries.map(({ what }: { what: string }) => what)).to.deep.equal([
      'created',
      'begun',
      'stage_opened',
      'aborted',
    ]);
    expect(entries[0]).to.include({ rollout: rollout.id, version: '2.0.0' });
    expect(entries[0].who).to.match(/^[0-9a-f]{16}$/);
    expect(entries[1].who).to.equal('server');
    const page = (await asOwner(http, 'GET', '/rollouts/log?limit=3')).json();
    expect(page.entries).to.have.length(3);
    const rest = (await asOwner(http, 'GET', `/rollouts/log?limit=3&after=${page.next}`)).json();
    expect(rest.entries).to.have.length(1);
  });

  const bad: [what: string, body: object, field: RegExp][] = [
    ['no stages', { stages: [] }, /stages/],
    ['a stage of no devices', { stages: [{ devices: 0 }] }, /stages/],
    ['a stage of both', { stages: [{ devices: 1, percent: 1 }] }, /stages/],
    ['stages that shrink', { stages: [{ percent: 10 }, { percent: 10 }] }, /stages/],
    ['more than the whole', { stages: [{ percent: 101 }] }, /stages/],
    ['no range', { filter: { versions: 'newer' } }, /filter\.versions/],
    ['no place', { window: { from: '02:00', to: '05:00', timeZone: 'Mars/Olympus' } }, /timeZone/],
    ['no time', { window: { from: '25:00', to: '05:00' } }, /window/],
    ['an empty window', { window: { from: '02:00', to: '02:00' } }, /window/],
    ['a rate of none', { ratePerMinute: 0 }, /ratePerMinute/],
    ['too much success', { successThreshold: 1.1 }, /successThreshold/],
    ['nobody known', { approval: 'somebody' }, /approval/],
    ['something else', { speed: 'fast' }, /./],
  ];
  for (const [what, body, field] of bad)
    it(`are not made with ${what}`, async () => {
      const answer = await start(body);
      expect(`${answer.statusCode} ${answer.json().error.code}`).to.equal('400 field_invalid');
      expect(answer.json().error.message).to.match(field);
      expect((await asOwner(http, 'GET', '/rollouts')).json().rollouts).to.deep.equal([]);
    });

  it('of firmware that is not there, released, or under way are refused', async () => {
    expect(await outcome('POST', '/rollouts', { firmware: 'x' })).to.equal('404 firmware_not_found');
    await start({});
    expect(await outcome('POST', '/rollouts', { firmware })).to.equal('409 rollout_exists');
    expect(await outcome('GET', '/rollouts/x')).to.equal('404 rollout_not_found');
    for (const verb of ['pause', 'resume', 'advance', 'abort', 'rollback'])
      expect(await outcome('POST', `/rollouts/x/${verb}`), verb).to.equal('404 rollout_not_found');
  });

  it('a device that was set aside says so, and comes back when its owner wants', async () => {
    await http.stores.devices.update(UDID, (device) => ({
      ...device,
      quarantine: { at: http.clock.time, firmware, reason: 'it failed to install 2.0.0 3 times' },
    }));
    const shown = async () => (await asOwner(http, 'GET', `/devices/${UDID}`)).json().device.why;
    expect(await shown()).to.deep.include({ reason: 'quarantined' });
    expect((await shown()).sentence).to.match(
      /^It is set aside since .*: it failed to install 2\.0\.0 3 times; /,
    );
    const answer = await asOwner(http, 'PATCH', `/devices/${UDID}`, { quarantine: null });
    expect(answer.statusCode).to.equal(200);
    expect((await shown()).reason).to.equal('not_released');
  });
});
