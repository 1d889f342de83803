import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runFirmwire } from './harness.js';

const SECRET = /^[0-9a-f]{64}$/;

describe('command line: owner add', () => {
  let data: string;
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
  });
  afterEach(() => rm(data, { recursive: true }));

  it('prints what a credentials file holds, another one each time', async () => {
    const owners = new Set<unknown>();
    for (const name of ['alice', 'bob']) {
      const { exitCode, out, err } = await runFirmwire(['owner', 'add', name, '--json', '--data', data]);
      expect([exitCode, err]).to.deep.equal([0, '']);
      const credentials: Record<string, unknown> = JSON.parse(out);
      expect(Object.keys(credentials)).to.deep.equal(['owner', 'ownerKey', 'deviceKey']);
      for (const value of Object.values(credentials)) expect(value).to.match(SECRET);
      owners.add(credentials['owner']);
    }
    expect(owners.size).to.equal(2);
  });

  it('says which key is which to a person', async () => {
    const { exitCode, out } = await runFirmwire(['owner', 'add', 'alice', '--data', data]);
    expect(exitCode).to.equal(0);
    expect(out).to.match(/^Owner: +\w{64}\nOwner key: +\w{64}\nDevice key: +\w{64}\n/);
  });
});
