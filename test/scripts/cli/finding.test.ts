import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runFirmwire, spawnFirmwire, TinyServer } from './harness.js';

/** How commands find the server and the keys, and what they say when they do not. */
describe('command line: finding the server', () => {
  let data: string;
  let server: TinyServer;
  let port: number;
  const write = (name: string, content: unknown) => writeFile(join(data, name), JSON.stringify(content));
  const keys = (ownerKey: string) => ({ owner: 'o', ownerKey, deviceKey: 'd' });
  const keysSeen = () => server.seen.map(({ key }) => key);

  beforeEach(async () => {
    server = new TinyServer();
    server.answers = { 'GET /api/v1/firmware': [200, { firmware: [] }] };
    port = await server.start();
    data = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
  });
  afterEach(async () => {
    await server.stop();
    await rm(data, { recursive: true });
  });

  it('looks into the folder that FIRMWIRE_DATA names', async () => {
    await write('credentials.json', keys('k'));
    await write('runtime.json', { pid: 1, mqttPort: 1, httpPort: port });
    const { exitCode } = await runFirmwire(['firmware'], { env: { FIRMWIRE_DATA: data } });
    expect([exitCode, keysSeen()]).to.deep.equal([0, ['Bearer k']]);
  });

  it('looks into the folder that --data names before that', async () => {
    await write('credentials.json', keys('k'));
    await write('runtime.json', { pid: 1, mqttPort: 1, httpPort: port });
    const env = { FIRMWIRE_DATA: '/nonexistent' };
    const { exitCode } = await runFirmwire(['firmware', '--data', data], { env });
    expect([exitCode, keysSeen()]).to.deep.equal([0, ['Bearer k']]);
  });

  it('needs no folder when --server and --credentials are named', async () => {
    await write('other.json', keys('other'));
    const args = ['--server', `http://127.0.0.1:${port}/`, '--credentials', join(data, 'other.json')];
    const { exitCode } = await runFirmwire(['firmware', ...args], { env: { FIRMWIRE_DATA: '/nonexistent' } });
    expect([exitCode, keysSeen()]).to.deep.equal([0, ['Bearer other']]);
  });

  /** Runs a command that has to fail with one line and nothing on stdout; returns that line. */
  async function failure(...args: string[]): Promise<string> {
    const { exitCode, out, err } = await runFirmwire(args);
    expect([exitCode, out]).to.deep.equal([1, '']);
    expect(err).to.match(/^firmwire: .+\n$/);
    return err;
  }

  it('says what to do when the server was never started', async () => {
    expect(await failure('firmware', '--data', data)).to.match(
      /credentials\.json does not exist; start the server/,
    );
  });

  it('says what is wrong with damaged files', async () => {
    await writeFile(join(data, 'credentials.json'), '{');
    expect(await failure('firmware', '--data', data)).to.match(/credentials\.json is not a JSON object/);
    await write('credentials.json', keys('k'));
    await write('runtime.json', { pid: 1 });
    expect(await failure('firmware', '--data', data)).to.match(/runtime\.json lacks/);
  });

  it('says what to do when nobody answers', async () => {
    await write('credentials.json', keys('k'));
    const gone = new TinyServer();
    const goneAt = `http://127.0.0.1:${await gone.start()}`;
    await gone.stop();
    const told = await failure('firmware', '--data', data, '--server', goneAt);
    expect(told).to.include(`No answer from ${goneAt}`).and.to.include('firmwire serve');
  });

  it('says what to do when the key is refused', async () => {
    await write('credentials.json', keys('k'));
    server.answers = { 'GET /api/v1/firmware': [401, { error: { code: 'unauthorized', message: 'No.' } }] };
    const told = await failure('firmware', '--data', data, '--server', `http://127.0.0.1:${port}`);
    expect(told).to.match(/^firmwire: No\. .*--credentials/);
  });

  it('does not mistake another server for its own', async () => {
    await write('credentials.json', keys('k'));
    server.answers = { 'GET /api/v1/firmware': [200, []] };
    const told = await failure('firmware', '--data', data, '--server', `http://127.0.0.1:${port}`);
    expect(told).to.include('not from a Firmwire server');
  });

  it('prints one clean line whatever the server says', async () => {
    await write('credentials.json', keys('k'));
    const message = 'two\nlines \u001b[31mred';
    server.answers = { 'GET /api/v1/firmware': [400, { error: { code: 'field_invalid', message } }] };
    const told = await failure('firmware', '--data', data, '--server', `http://127.0.0.1:${port}`);
    expect(told).to.equal('firmwire: two lines [31mred\n');
  });

  it('works the same as a process of its own', async () => {
    await write('credentials.json', keys('k'));
    await write('runtime.json', { pid: 1, mqttPort: 1, httpPort: port });
    const { exitCode, out, err } = await spawnFirmwire(['firmware', '--json'], { FIRMWIRE_DATA: data });
    expect([exitCode, JSON.parse(out), err]).to.deep.equal([0, { firmware: [] }, '']);
  });
});
