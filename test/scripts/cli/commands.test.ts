import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { signManifest } from '../../../core/signing/sign.js';
import type { DeviceView } from '../../../scripts/client/model.js';
import { aPair, someClaims } from '../../support/signing.js';
import { runFirmwire, TinyServer } from './harness.js';

const DEVICE: DeviceView = {
  udid: '6a5e1f2c-0000-4000-8000-000000000001',
  alias: 'hall',
  mac: '5CCF7F1A2B3C',
  platform: 'arduino:esp8266',
  version: '1.0.0',
  autoUpdate: false,
  online: true,
  lastSeen: '2026-11-23T11:40:00.000Z',
  createdAt: '2026-11-22T11:40:00.000Z',
  tags: ['ground-floor'],
  status: null,
  rssi: null,
  update: {
    state: 'downloading',
    version: '1.1.0',
    firmware: 'f1',
    progress: 40,
    error: null,
    attempts: 0,
    since: '2026-11-23T11:39:00.000Z',
  },
  why: { reason: 'downloading', sentence: 'It is downloading 1.1.0.' },
};
const SECOND: DeviceView = {
  ...DEVICE,
  udid: '6a5e1f2c-0000-4000-8000-000000000002',
  alias: 'cellar',
  platform: null,
  version: null,
  online: false,
  update: null,
  why: { reason: 'platform_unknown', sentence: 'Its platform is not known.' },
};
const FIRMWARE = {
  id: 'f1',
  version: '1.1.0',
  platform: 'arduino:esp8266',
  udid: null,
  size: 456_000,
  sha256: 'ab',
  md5: 'cd',
  files: [{ name: 'app.bin', size: 456_000, sha256: 'ab' }],
  signature: null,
};
const KEY = {
  id: 'k1',
  alias: 'bench',
  scope: 'device',
  createdAt: '2026-11-23T11:40:00.000Z',
  expiresAt: null,
  device: null,
};

describe('command line: commands', () => {
  let data: string;
  let server: TinyServer;
  let port: number;

  beforeEach(async () => {
    server = new TinyServer();
    port = await server.start();
    data = await mkdtemp(join(tmpdir(), 'firmwire-cli-'));
    const credentials = { owner: 'o', ownerKey: 'the-owner-key', deviceKey: 'd' };
    await writeFile(join(data, 'credentials.json'), JSON.stringify(credentials));
    await writeFile(join(data, 'runtime.json'), JSON.stringify({ pid: 1, mqttPort: 1, httpPort: port }));
  });
  afterEach(async () => {
    await server.stop();
    await rm(data, { recursive: true });
  });

  /** Runs a command that has to succeed and returns what it printed. */
  async function output(...args: string[]): Promise<string> {
    const { exitCode, out, err } = await runFirmwire([...args, '--data', data]);
    expect(err).to.equal('');
    expect(exitCode).to.equal(0);
    return out;
  }
  /** As `output` with `--json`, parsed: stdout holds JSON and nothing else. */
  const json = async (...args: string[]): Promise<unknown> => JSON.parse(await output(...args, '--json'));
  const lastCall = () => server.seen.at(-1);

  describe('devices', () => {
    beforeEach(() => {
      server.answers = {
        'GET /api/v1/devices?limit=500': [200, { devices: [DEVICE], next: 'n' }],
        'GET /api/v1/devices?limit=500&after=n': [200, { devices: [SECOND] }],
        [`GET /api/v1/devices/${DEVICE.udid}`]: [200, { device: DEVICE }],
      };
    });

    it('lists the devices of all pages, with the key of the owner', async () => {
      const [header, first, second, ...rest] = (await output('devices')).split('\n');
      expect(header).to.match(/^ALIAS +UDID +PLATFORM +VERSION +ONLINE +UPDATE +WHY$/);
      expect(first).to.match(
        /^hall +6a5e.*1 +arduino:esp8266 +1\.0\.0 +yes +downloading 40% +It is downloading/,
      );
      expect(second).to.match(/^cellar +6a5e.*2 +- +- +no +- +Its platform is not known\.$/);
      expect(rest).to.deep.equal(['']);
      expect(header?.indexOf('WHY')).to.equal(first?.indexOf('It is'));
      expect(lastCall()?.key).to.equal('Bearer the-owner-key');
    });

    it('prints all pages as one JSON object', async () => {
      expect(await json('devices')).to.deep.equal({ devices: [DEVICE, SECOND] });
    });

    it('tells about one device', async () => {
      const lines = (await output('devices', DEVICE.udid)).split('\n');
      expect(lines).to.include('tags            ground-floor');
      expect(lines).to.include('last seen       2026-11-23 11:40 UTC');
      expect(lines).to.include('why             It is downloading 1.1.0.');
      expect(await json('devices', DEVICE.udid)).to.deep.equal({ device: DEVICE });
    });

    it('says so when there are none', async () => {
      server.answers = { 'GET /api/v1/devices?limit=500': [200, { devices: [] }] };
      expect(await output('devices')).to.equal('No devices yet.\n');
      expect(await json('devices')).to.deep.equal({ devices: [] });
    });
  });

  it('history tells what has happened to a device', async () => {
    const at = '2026-11-23T11:40:00.000Z';
    const events = [
      { event: 'checkin', at, since: '2026-11-22T11:40:00.000Z', count: 2880, version: '1.0.0' },
      { event: 'failed', at, version: '1.1.0', firmware: 'f1', error: 'Wrong MD5' },
      { event: 'downloading', at, version: '1.1.0', firmware: 'f1', progress: 40 },
    ];
    const call = `GET /api/v1/devices/${DEVICE.udid}/events`;
    server.answers = { [call]: [200, { events }] };
    const [header, ...rows] = (await output('history', DEVICE.udid)).split('\n');
    expect(header).to.match(/^TIME +EVENT +VERSION +TIMES +SINCE +DETAILS$/);
    expect(rows[0]).to.match(/^2026-11-23 11:40 UTC +checkin +1\.0\.0 +2880 +2026-11-22 11:40 UTC +-$/);
    expect(rows[1]).to.match(/ failed +1\.1\.0 +1 +- +Wrong MD5$/);
    expect(rows[2]).to.match(/ broke off at 40%$/);
    expect(await json('history', DEVICE.udid)).to.deep.equal({ events });
    server.answers = { [call]: [200, { events: [] }] };
    expect(await output('history', DEVICE.udid)).to.equal('Nothing yet.\n');
  });

  describe('firmware', () => {
    it('lists what is published', async () => {
      server.answers = { 'GET /api/v1/firmware': [200, { firmware: [FIRMWARE] }] };
      const [header, row] = (await output('firmware')).split('\n');
      expect(header).to.match(/^ID +VERSION +PLATFORM +UDID +SIZE +SIGNED +FILES$/);
      expect(row).to.match(/^f1 +1\.1\.0 +arduino:esp8266 +- +446 KiB +no +app\.bin$/);
      expect(await json('firmware')).to.deep.equal({ firmware: [FIRMWARE] });
    });

    it('tells who signed it, or that nobody did whom its owner trusts', async () => {
      const signature = { signer: 'a1', alias: 'ann', sequence: 7, trusted: true };
      const firmware = [
        { ...FIRMWARE, signature },
        { ...FIRMWARE, signature: { ...signature, alias: null, trusted: false } },
      ];
      server.answers = { 'GET /api/v1/firmware': [200, { firmware }] };
      const [, first, second] = (await output('firmware')).split('\n');
      expect(first).to.match(/ ann #7 +app\.bin$/);
      expect(second).to.match(/ not trusted #7 +app\.bin$/);
    });

    it('is withdrawn', async () => {
      server.answers = { 'DELETE /api/v1/firmware/f%2F1': [204] };
      expect(await output('withdraw', 'f/1')).to.equal('Withdrew f/1.\n');
      expect(await json('withdraw', 'f/1')).to.deep.equal({ id: 'f/1' });
    });
  });

  describe('publish', () => {
    const published = { firmware: FIRMWARE, offered: 1, asked: 2 };
    let image: string;
    const args = () => ['publish', image, '--version', '1.1.0', '--platform', 'arduino:esp8266'];

    beforeEach(async () => {
      server.answers = { 'POST /api/v1/firmware': [201, published] };
      image = join(data, 'app.bin');
      await writeFile(image, 'the image');
    });

    it('sends the fields before the file and tells the outcome', async () => {
      const options = [
        '--notes',
        'n',
        '--env-hash',
        'e',
        '--tags',
        'a, b',
        '--rollout',
        'none',
        '--udid',
        'u',
      ];
      expect(await output(...args(), ...options)).to.equal(
        'Published 1.1.0 for arduino:esp8266 as f1 (446 KiB): offered to 1 device, asked about 2.\n',
      );
      const body = lastCall()?.body ?? '';
      const names = [...body.matchAll(/ name="([^"]+)"/g)].map(([, name]) => name);
      expect(names).to.have.members([
        'version',
        'platform',
        'udid',
        'notes',
        'envHash',
        'tags',
        'rollout',
        'file',
      ]);
      expect(names.at(-1)).to.equal('file');
      expect(body)
        .to.match(/name="tags"\s+a,b\s/)
        .and.to.include('the image');
      expect(body).to.match(/name="rollout"\s+none\s/);
    });

    it('leaves out what was not said', async () => {
      await output(...args());
      expect(lastCall()?.body).not.to.match(/name="(udid|notes|envHash|tags|rollout)"/);
    });

    it('prints the answer of the server as JSON', async () => {
      expect(await json(...args())).to.deep.equal(published);
    });

    it('shows a bar where a person is looking, but none next to JSON', async () => {
      const seen = await runFirmwire([...args(), '--data', data], { isTTY: true });
      expect(seen.err).to.include('uploading [');
      const quiet = await runFirmwire([...args(), '--data', data, '--json'], { isTTY: true });
      expect(quiet.err).to.equal('');
    });

    it('passes on why the server refuses', async () => {
      const error = { code: 'image_refused', message: 'The first byte is 0xEA.' };
      server.answers = { 'POST /api/v1/firmware': [422, { error }] };
      const { exitCode, out, err } = await runFirmwire([...args(), '--data', data]);
      expect([exitCode, out, err]).to.deep.equal([1, '', 'firmwire: The first byte is 0xEA.\n']);
    });

    it('can be interrupted', async () => {
      const { exitCode, err } = await runFirmwire([...args(), '--data', data], {
        signal: AbortSignal.abort(),
      });
      expect([exitCode, err]).to.deep.equal([130, 'firmwire: interrupted\n']);
    });
  });

  describe('publish with a manifest', () => {
    const published = { firmware: FIRMWARE, offered: 0, asked: 0 };
    const text = signManifest(someClaims(), aPair().privateKey);
    let image: string;
    let manifest: string;
    beforeEach(async () => {
      server.answers = { 'POST /api/v1/firmware': [201, published] };
      [image, manifest] = [join(data, 'firmware.bin'), join(data, 'm')];
      await writeFile(image, 'the image');
      await writeFile(manifest, text);
    });
    const sent = (name: string) =>
      new RegExp(`name="${name}"\\s+([^\\r]*)`).exec(lastCall()?.body ?? '')?.[1];

    it('takes version and platform from it, and sends it byte for byte', async () => {
      await output('publish', image, '--manifest', manifest);
      expect([sent('version'), sent('platform')]).to.deep.equal(['1.1.0', 'arduino:esp8266']);
      expect(lastCall()?.body).to.include(`\r\n\r\n${text}\r\n`);
    });

    it('lets what is said on the command line stand: the server says that it differs', async () => {
      await output('publish', image, '--manifest', manifest, '--version', '9.9.9', '--platform', 'p');
      expect([sent('version'), sent('platform')]).to.deep.equal(['9.9.9', 'p']);
    });

    it('sends nothing that is no manifest', async () => {
      await writeFile(manifest, text.slice(1));
      const { exitCode, err } = await runFirmwire(['publish', image, '--manifest', manifest, '--data', data]);
      expect([exitCode, err.startsWith('firmwire: The manifest cannot be read')]).to.deep.equal([1, true]);
      expect(server.seen).to.deep.equal([]);
    });
  });

  describe('trust', () => {
    const SIGNER = {
      id: 's1',
      alias: 'ann',
      publicKey: 'd7'.repeat(32),
      createdAt: '2026-11-23T11:40:00.000Z',
    };

    it('sends a public key under the name of its file, or another', async () => {
      server.answers = { 'POST /api/v1/signers': [201, { signer: SIGNER }] };
      const { publicPem } = aPair();
      const file = join(data, 'release.pub');
      await writeFile(file, publicPem);
      expect(await output('trust', file)).to.equal('Firmware that ann (s1) signs is trusted.\n');
      expect(JSON.parse(lastCall()?.body ?? '')).to.deep.equal({ alias: 'release', publicKey: publicPem });
      expect(await json('trust', file, '--alias', 'ann')).to.deep.equal({ signer: SIGNER });
      expect(JSON.parse(lastCall()?.body ?? '').alias).to.equal('ann');
    });

    it('never sends a private key', async () => {
      const file = join(data, 'release');
      const pem = aPair().privateKey.export({ format: 'pem', type: 'pkcs8' });
      await writeFile(file, pem);
      const { exitCode, err } = await runFirmwire(['trust', file, '--data', data]);
      expect([exitCode, err]).to.deep.equal([
        1,
        'firmwire: publicKey: this is a private key; give the file that ends in .pub\n',
      ]);
      expect(server.seen).to.deep.equal([]);
    });

    it('lists the keys, and removes one', async () => {
      server.answers = {
        'GET /api/v1/signers': [200, { signers: [SIGNER] }],
        'DELETE /api/v1/signers/s%2F1': [204],
      };
      expect((await output('trust')).split('\n')[1]).to.match(/^s1 +ann +(d7){32} +2026-11-23 11:40 UTC$/);
      expect(await json('trust')).to.deep.equal({ signers: [SIGNER] });
      expect(await output('trust', '--remove', 's/1')).to.include('s/1 is trusted no longer');
      expect(await json('trust', '--remove', 's/1')).to.deep.equal({ id: 's/1' });
      server.answers = { 'GET /api/v1/signers': [200, { signers: [] }] };
      expect(await output('trust')).to.equal('No key is trusted yet.\n');
    });
  });

  describe('update and answers', () => {
    it('orders the newest update for a device', async () => {
      server.answers = { 'POST /api/v1/devices/u1/update': [200, { device: DEVICE }] };
      expect(await output('update', 'u1')).to.equal('hall (u1): It is downloading 1.1.0.\n');
      expect(lastCall()?.body).to.equal('{}');
    });

    it('orders a certain one past version order', async () => {
      server.answers = { 'POST /api/v1/devices/u1/update': [200, { device: DEVICE }] };
      expect(await json('update', 'u1', '--firmware', 'f1', '--forced')).to.deep.equal({ device: DEVICE });
      expect(lastCall()?.body).to.equal('{"firmware":"f1","forced":true}');
    });

    for (const [command, response] of [
      ['approve', true],
      ['decline', false],
      ['later', 'later'],
    ] as const)
      it(`${command} answers the open question of the device`, async () => {
        server.answers = { 'POST /api/v1/notices/u1/reply': [200, {}] };
        expect(await output(command, 'u1')).to.match(/ the update of u1\.\n$/);
        expect(lastCall()?.body).to.equal(JSON.stringify({ response }));
        expect(await json(command, 'u1')).to.deep.equal({ udid: 'u1', response });
      });
  });

  describe('keys', () => {
    it('shows a new key once, on a line of its own', async () => {
      server.answers = { 'POST /api/v1/keys': [201, { key: { ...KEY, secret: 's3cret' } }] };
      expect((await output('key', 'add', '--alias', 'bench', '--scope', 'device')).split('\n')[1]).to.equal(
        's3cret',
      );
      expect(lastCall()?.body).to.equal('{"alias":"bench","scope":"device"}');
    });

    it('lists keys', async () => {
      server.answers = { 'GET /api/v1/keys': [200, { keys: [KEY] }] };
      expect((await output('key', 'list')).split('\n')[1]).to.match(
        /^k1 +bench +device +any +2026-11-23 11:40 UTC +never$/,
      );
      expect(await json('key', 'list')).to.deep.equal({ keys: [KEY] });
    });

    it('makes a key that ends and is bound', async () => {
      server.answers = { 'POST /api/v1/keys': [201, { key: { ...KEY, secret: 's3cret' } }] };
      const begun = Date.now();
      await output('key', 'add', '--alias', 'b', '--scope', 'device', '--device', 'u1', '--expires', '2h');
      const body = JSON.parse(lastCall()?.body ?? '');
      expect(body).to.deep.include({ alias: 'b', scope: 'device', device: 'u1' });
      expect(Date.parse(body.expiresAt)).to.be.within(begun + 7_200_000, Date.now() + 7_200_000);
      await output('key', 'add', '--alias', 'b', '--scope', 'device', '--expires', '2027-01-31');
      expect(JSON.parse(lastCall()?.body ?? '').expiresAt).to.equal('2027-01-31T00:00:00.000Z');
    });

    it('rotates a key', async () => {
      const replaced = { ...KEY, expiresAt: '2026-11-24T11:40:00.000Z' };
      server.answers = {
        'POST /api/v1/keys/k1/rotate': [201, { key: { ...KEY, secret: 's3cret' }, replaced }],
      };
      const lines = (await output('key', 'rotate', 'k1', '--overlap', '7d')).split('\n');
      expect(lines.slice(1, 3)).to.deep.equal(['s3cret', 'Key k1 ends at 2026-11-24 11:40 UTC.']);
      expect(lastCall()?.body).to.equal('{"overlapSeconds":604800}');
    });

    it('revokes a key', async () => {
      server.answers = { 'DELETE /api/v1/keys/k1': [204] };
      expect(await output('key', 'revoke', 'k1')).to.equal('Revoked k1.\n');
    });
  });
});
