import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readPublicKey, signerId } from '../../../core/signing/keys.js';
import { openManifest } from '../../../core/signing/sign.js';
import { OWNER } from '../../support/builders.js';
import { runFirmwire } from './harness.js';

describe('command line: keygen and sign', () => {
  let dir: string;
  const at = (name: string): string => join(dir, name);
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-sign-'));
    await writeFile(at('app.bin'), 'the image');
  });
  afterEach(() => rm(dir, { recursive: true }));

  /** Runs a command that has to fail, and returns what it said. */
  async function failure(...args: string[]): Promise<string> {
    const { exitCode, out, err } = await runFirmwire(args);
    expect([exitCode, out]).to.deep.equal([exitCode || 'no failure', '']);
    return err;
  }
  async function output(...args: string[]): Promise<string> {
    const { exitCode, out, err } = await runFirmwire(args);
    expect([exitCode, err]).to.deep.equal([0, '']);
    return out;
  }
  const signing = (...more: string[]): string[] => [
    'sign',
    at('app.bin'),
    ...['--key', at('k'), '--version', '1.1.0', '--platform', 'arduino:esp8266'],
    ...['--sequence', '7', '--owner', OWNER, '--out', at('m'), ...more],
  ];

  it('make a key whose private half is for its owner alone, and a manifest that its public half proves', async () => {
    const told = await output('keygen', '--out', at('k'));
    expect((await stat(at('k'))).mode & 0o777).to.equal(0o600);
    const publicKey = readPublicKey(await readFile(at('k.pub'), 'utf8'));
    expect(told).to.include(publicKey).and.to.include(signerId(publicKey));
    expect(told).not.to.include((await readFile(at('k'), 'utf8')).split('\n')[1]);

    expect(await output(...signing('--expires', '90d'))).to.match(
      /^Signed 1\.1\.0 for arduino:esp8266, sequence 7, good until 20\d\d-.* UTC: .*m\n$/,
    );
    const signer = { id: signerId(publicKey), owner: OWNER, alias: 'k', publicKey, createdAt: 0 };
    const manifest = openManifest(await readFile(at('m')), [signer]);
    const days = (manifest.expires - Date.now() / 1000) / 86_400;
    expect(days).to.be.within(89.9, 90);
    expect(manifest).to.deep.include({ owner: OWNER, version: '1.1.0', sequence: 7, rollback: false });
    // `printf 'the image' | sha256sum`
    const sha256 = '97e9d7a16021e6d07fbe28cce398f5847fc00c574991fbff65d95fd5e032d389';
    expect(manifest.files.map(({ name, size }) => ({ name, size }))).to.deep.equal([
      { name: 'app.bin', size: 9 },
    ]);
    expect(manifest.files[0]?.sha256).to.equal(sha256);
  });

  it('name several files, and say what is a rollback', async () => {
    await output('keygen', '--out', at('k'));
    await writeFile(at('boot.py'), 'print(1)');
    const { manifest } = JSON.parse(await output(...signing('--rollback', '--json'), at('boot.py')));
    expect(manifest).to.match(/\nrollback yes\nfile 9 [0-9a-f]{64} app\.bin\nfile 8 [0-9a-f]{64} boot\.py\n/);
    expect(await readFile(at('m'), 'utf8')).to.equal(manifest);
  });

  it('never overwrite anything', async () => {
    await output('keygen', '--out', at('k'));
    const before = await readFile(at('k'));
    expect(await failure('keygen', '--out', at('k'))).to.include('is there already');
    await rm(at('k.pub'));
    expect(await failure('keygen', '--out', at('k'))).to.include('k is there already');
    expect(await readFile(at('k'))).to.deep.equal(before);
    expect(await failure('keygen', '--out', at('missing/k'))).to.include('missing');
    expect(await failure(...signing('--out', at('app.bin')))).to.include('app.bin is there already');
    expect(await readFile(at('app.bin'), 'utf8')).to.equal('the image');
    const names = await Promise.all(['k.pub', 'm'].map((name) => stat(at(name)).catch(() => 'none')));
    expect(names, 'nothing half made is left behind').to.deep.equal(['none', 'none']);
  });

  it('say what is wrong with a key', async () => {
    expect(await failure(...signing())).to.include('k: there is no such file');
    await output('keygen', '--out', at('k'));
    await chmod(at('k'), 0o640);
    expect(await failure(...signing())).to.include(`chmod 600 ${at('k')}`);
    await chmod(at('k.pub'), 0o600);
    expect(await failure(...signing('--key', at('k.pub')))).to.include('is not a private key');
    await writeFile(at('locked'), '-----BEGIN ENCRYPTED PRIVATE KEY-----', { mode: 0o600 });
    expect(await failure(...signing('--key', at('locked')))).to.include('passphrase');
  });

  it('say what is wrong with what is to be signed', async () => {
    await output('keygen', '--out', at('k'));
    await writeFile(at('empty'), '');
    const rows: [more: string[], told: string][] = [
      [[at('none.bin')], 'none.bin: there is no such file'],
      [[at('empty')], 'empty is empty'],
      [[dir], 'there is no such file'],
      [[at('app.bin')], 'names a file twice'],
      [['--sequence', '0'], "'0' is invalid"],
      [['--sequence', '4294967296'], 'from 1 to 4294967295'],
      [['--owner', 'ann'], "'ann' is invalid"],
      [['--platform', 'an arduino'], 'its platform is none'],
      [['--version', '1.1 beta'], 'its version is none'],
      [['--expires', 'soon'], "'soon' is invalid"],
      [['--expires', '2020-01-01'], 'has passed'],
    ];
    for (const [more, told] of rows) expect(await failure(...signing(...more)), told).to.include(told);
    expect(await stat(at('m')).catch(() => 'none')).to.equal('none');
  });
});
