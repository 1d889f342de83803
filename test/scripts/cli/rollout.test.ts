import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RolloutView } from '../../../core/rollouts/view.js';
import { aDeviceView, aFirmwareView } from '../../support/views.js';
import { runFirmwire, TinyServer } from './harness.js';

const ROLLOUT: RolloutView = {
  id: 'r1',
  firmware: 'f1',
  version: '2.0.0',
  state: 'running',
  reason: 'waits for 1 of 10 updated devices that are away longer than usual',
  approval: 'none',
  devices: 100,
  stages: [
    { state: 'done', devices: 1, installed: 1, failed: 0, pending: 0 },
    { state: 'open', devices: 9, installed: 8, failed: 0, pending: 1 },
    { state: 'waiting', devices: 90, installed: 0, failed: 0, pending: 90 },
  ],
  createdAt: '2026-11-23T11:40:00.000Z',
  changedAt: '2026-11-23T12:40:00.000Z',
};

describe('command line: rollouts', () => {
  let data: string;
  let server: TinyServer;
  beforeEach(async () => {
    server = new TinyServer();
    const port = await server.start();
    data = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
    const credentials = { owner: 'o', ownerKey: 'the-owner-key', deviceKey: 'd' };
    await writeFile(join(data, 'credentials.json'), JSON.stringify(credentials));
    await writeFile(join(data, 'runtime.json'), JSON.stringify({ pid: 1, mqttPort: 1, httpPort: port }));
  });
  afterEach(async () => {
    await server.stop();
    await rm(data, { recursive: true });
  });
  const run = (...args: string[]) => runFirmwire([...args, '--data', data]);
  const output = async (...args: string[]): Promise<string> => {
    const { exitCode, out, err } = await run(...args);
    expect([exitCode, err]).to.deep.equal([0, '']);
    return out;
  };

  it('start: says all that can be said of one, and shows its stages', async () => {
    server.answers = { 'POST /api/v1/rollouts': [201, { rollout: ROLLOUT }] };
    const args =
      '--stages 1,10%,100% --tags a,b --rate 5 --deadline 12h --probation 90s --approval stage'.split(' ');
    const window = ['--window', 'mon,tue 02:00-05:00 Europe/Prague', '--versions', '>=1 <2'];
    const lines = (await output('rollout', 'start', 'f1', ...args, ...window)).split('\n');
    expect(JSON.parse(server.seen.at(-1)?.body ?? '')).to.deep.equal({
      firmware: 'f1',
      filter: { tags: ['a', 'b'], versions: '>=1 <2' },
      stages: [{ devices: 1 }, { percent: 10 }, { percent: 100 }],
      ratePerMinute: 5,
      window: { days: ['mon', 'tue'], from: '02:00', to: '05:00', timeZone: 'Europe/Prague' },
      deadlineMinutes: 720,
      probationMinutes: 1.5,
      approval: 'stage',
    });
    expect(lines[0]).to.equal(
      'The rollout of 2.0.0 is running at stage 2 of 3: waits for 1 of 10 updated devices that are away longer than usual.',
    );
    expect(lines[3]).to.match(/^2 +open +9 +8 +0 +1$/);
  });

  for (const [option, value, message] of [
    ['--stages', '1,some', 'Stages are counts or percentages'],
    ['--window', 'at night', 'It must be like'],
    ['--rate', '0', 'It must be a number of devices above 0'],
    ['--deadline', 'soon', 'It must be a span of time'],
  ] as const)
    it(`start ${option} ${value}: one line, exit code 2, and nothing is asked for`, async () => {
      const { exitCode, err } = await run('rollout', 'start', 'f1', option, value);
      expect(exitCode).to.equal(2);
      expect(err).to.include(message);
      expect(server.seen).to.deep.equal([]);
    });

  it('list and show', async () => {
    server.answers = {
      'GET /api/v1/rollouts': [200, { rollouts: [ROLLOUT] }],
      'GET /api/v1/rollouts/r1': [200, { rollout: ROLLOUT }],
    };
    expect((await output('rollout', 'list')).split('\n')[1]).to.match(
      /^r1 +2\.0\.0 +running +100 +9 +0 +waits for/,
    );
    expect(JSON.parse(await output('rollout', 'show', 'r1', '--json'))).to.deep.equal({ rollout: ROLLOUT });
  });

  for (const verb of ['pause', 'resume', 'advance', 'abort'] as const)
    it(verb, async () => {
      server.answers = { [`POST /api/v1/rollouts/r1/${verb}`]: [200, { rollout: ROLLOUT }] };
      expect(await output('rollout', verb, 'r1')).to.match(/^The rollout of 2\.0\.0 is running/);
    });

  it('abort may let downloads finish', async () => {
    server.answers = { 'POST /api/v1/rollouts/r1/abort': [200, { rollout: ROLLOUT }] };
    await output('rollout', 'abort', 'r1', '--finish-downloads');
    expect(server.seen.at(-1)?.body).to.equal('{"downloads":"finish"}');
  });

  it('log: every decision of all pages, a line each', async () => {
    const entry = { at: ROLLOUT.createdAt, rollout: 'r1', version: '2.0.0', who: 'server', what: 'begun' };
    server.answers = {
      'GET /api/v1/rollouts/log': [200, { entries: [entry], next: 'n' }],
      'GET /api/v1/rollouts/log?after=n': [200, { entries: [{ ...entry, what: 'done' }] }],
    };
    const lines = (await output('rollout', 'log'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ what }) => what)).to.deep.equal(['begun', 'done']);
  });

  it('rollback: tells how many go back, and how many cannot', async () => {
    server.answers = { 'POST /api/v1/rollouts/r1/rollback': [200, { ordered: 7, unknown: 1 }] };
    expect(await output('rollback', 'r1')).to.equal(
      '7 devices will get back what they ran before.\n1 device cannot: what they ran before is not here.\n',
    );
  });

  it('publish tells of the rollout that was started, and --all-at-once of none', async () => {
    const firmware = aFirmwareView({ id: 'f1', version: '2.0.0', platform: 'arduino:esp8266', udid: null });
    server.answers = { 'POST /api/v1/firmware': [201, { firmware, offered: 0, asked: 0, rollout: ROLLOUT }] };
    const image = join(data, 'firmware.bin');
    await writeFile(image, 'image');
    const args = ['publish', image, '--version', '2.0.0', '--platform', 'arduino:esp8266'];
    expect(await output(...args)).to.match(/ in 3 stages to 100 devices: firmwire rollout show r1\n$/);
    server.answers = { 'POST /api/v1/firmware': [201, { firmware, offered: 3, asked: 1 }] };
    expect(await output(...args, '--all-at-once')).to.match(/offered to 3 devices, asked about 1/);
    expect(server.seen.at(-1)?.body).to.include('all-at-once');
  });

  it('rehearse: when each stage would end, and what bad firmware would take', async () => {
    const firmware = aFirmwareView({
      id: 'f1',
      version: '2.0.0',
      platform: 'arduino:esp8266',
      udid: null,
      tags: [],
    });
    const devices = Array.from({ length: 50 }, (_, n) =>
      aDeviceView({ udid: `u${n}`, platform: 'arduino:esp8266', version: '1.0.0', online: true }),
    );
    server.answers = {
      'GET /api/v1/firmware': [200, { firmware: [firmware] }],
      'GET /api/v1/devices?limit=1000': [200, { devices }],
    };
    const args = ['rehearse', 'f1', '--stages', '2,100%', '--bricks', '100%', '--seeds', '2'];
    const lines = (await output(...args)).split('\n');
    expect(lines[0]).to.equal('2.0.0 for 50 devices, of which 0.5 % are away at any time; 2 rollouts each.');
    expect(lines.slice(1, 4).join('\n')).to.match(/^STAGE +ENDS AFTER\n1 +\d.*h\n2 +\d.*h$/);
    expect(lines[4]).to.match(/^At most \d+ (B|KiB) a second are downloaded, over five minutes\.$/);
    expect(lines.at(-2)).to.match(/^100 % +2 of 2 +2 +2 +4 % +/);
    expect(server.seen.every(({ call }) => call.startsWith('GET '))).to.equal(true);
  });
});
