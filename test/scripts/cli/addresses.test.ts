import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findServer, type ServerOptions } from '../../../scripts/cli/server.js';

describe('command line: addresses', () => {
  let data: string;
  const credentials = { owner: 'o', ownerKey: 'k', deviceKey: 'd' };
  const find = async (options: ServerOptions = {}) => {
    const interrupt = () => new AbortController().signal;
    const cli = { out: process.stdout, err: process.stderr, env: {}, interrupt };
    const { httpUrl, mqttUrl } = await findServer(cli, { data, ...options });
    return [httpUrl, mqttUrl];
  };

  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
    await writeFile(join(data, 'credentials.json'), JSON.stringify(credentials));
  });
  afterEach(() => rm(data, { recursive: true }));

  it('are those of the server that runs on the data folder', async () => {
    await writeFile(join(data, 'runtime.json'), JSON.stringify({ pid: 1, mqttPort: 2, httpPort: 3 }));
    expect(await find()).to.deep.equal(['http://127.0.0.1:3', 'mqtt://127.0.0.1:2']);
  });

  it('are the usual ones when none runs', async () => {
    expect(await find()).to.deep.equal(['http://127.0.0.1:7442', 'mqtt://127.0.0.1:1883']);
  });

  it('follow --server, whatever runs here', async () => {
    await writeFile(join(data, 'runtime.json'), JSON.stringify({ pid: 1, mqttPort: 2, httpPort: 3 }));
    const found = await find({ server: 'https://[2001:db8::1]:8443' });
    expect(found).to.deep.equal(['https://[2001:db8::1]:8443', 'mqtt://[2001:db8::1]:1883']);
  });
});
