import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sha256 } from '../../core/account.js';
import { readPublicKey, signerId } from '../../core/signing/keys.js';
import { openManifest } from '../../core/signing/sign.js';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { Device, PLATFORM } from '../support/device.js';
import { parsed } from '../support/json.js';
import { header, isWhole } from '../support/raw-http.js';
import { runProgram, ServerProcess } from '../support/server-process.js';

const IMAGES: Readonly<Record<string, Buffer>> = Object.fromEntries(
  ['1.0.0', '1.1.0', '1.2.0', '1.3.0'].map((version) => [version, madeUpImage(40_000, version)]),
);

describe('signed firmware, as a person does it', function () {
  this.timeout(60_000);
  let server: ServerProcess;
  const devices: Device[] = [];

  before(async () => {
    server = await ServerProcess.start({
      FIRMWARE_REQUIRE_SIGNATURE: 'true',
      OFFERS_FRESH_SECONDS: '0',
      OFFERS_RETRY_SECONDS: '0',
    });
    for (const [version, image] of Object.entries(IMAGES))
      await writeFile(join(server.data, `${version}.bin`), image);
  });
  afterEach(async () => {
    for (const device of devices.splice(0)) await device.drop();
  });
  after(() => server.dispose());

  const run = (...args: string[]) => runProgram(args, server.data);
  async function done(...args: string[]): Promise<string> {
    const { code, out, err } = await run(...args);
    expect([code, err], args.join(' ')).to.deep.equal([0, '']);
    return out;
  }
  /** What a command says that has to fail. */
  async function failure(...args: string[]): Promise<string> {
    const { code, out, err } = await run(...args);
    expect([code, out], args.join(' ')).to.deep.equal([1, '']);
    return err;
  }
  const sign = (version: string, sequence: number, out: string, ...more: string[]) =>
    done(
      ...['sign', `${version}.bin`, '--key', 'release', '--version', version, '--platform', PLATFORM],
      ...['--sequence', `${sequence}`, '--owner', server.account.owner, '--out', out, ...more],
    );
  const publish = (version: string, manifest: string) => [
    'publish',
    `${version}.bin`,
    '--manifest',
    manifest,
  ];

  /** A device that consents and runs a version. */
  async function aDevice(version: string): Promise<Device> {
    const device = new Device(server, server.account);
    device.autoUpdate = true;
    device.version = version;
    devices.push(device);
    await device.start();
    return device;
  }

  /** Takes the offer of this version as a device that checks for itself: the manifest of the download is returned. */
  async function take(device: Device, version: string): Promise<string> {
    const offer = await device.nextOffer();
    expect(offer.version).to.equal(version);
    const answer = await device.download(offer.url);
    expect(isWhole(answer)).to.equal(true);
    expect(answer.body.equals(IMAGES[version] ?? Buffer.of())).to.equal(true);
    device.version = version;
    await device.checkIn();
    await device.next('ok');
    return Buffer.from(header(answer, 'Firmwire-Manifest') ?? '', 'base64url').toString();
  }
  const whyOf = async ({ udid }: Device) => {
    const { device } = JSON.parse(await done('devices', udid, '--json'));
    return device.why.reason;
  };

  it('goes from the key to the device, and never a lower sequence but by a rollback', async () => {
    await done('keygen', '--out', 'release');
    await sign('1.1.0', 1, 'm1');
    expect(await failure(...publish('1.1.0', 'm1')), 'before the key is trusted').to.include(
      'does not trust',
    );
    expect(await done('trust', 'release.pub')).to.include('release');
    const publicKey = readPublicKey(await readFile(join(server.data, 'release.pub'), 'utf8'));
    const { owner } = server.account;
    const signer = { id: signerId(publicKey), owner, alias: '', publicKey, createdAt: 0 };

    const device = await aDevice('1.0.0');
    await device.next('ok');
    expect(await done(...publish('1.1.0', 'm1'))).to.include(': offered to 1 device');
    expect(await done('firmware')).to.match(/1\.1\.0 .* release #1 /);

    // A device that checks for itself asks for the manifest, and gets what was signed.
    const topic = `${device.topic}/firmwire/manifest`;
    await device.peer.subscribe(topic);
    await device.peer.publish(`${topic}/get`, '', { qos: 0 });
    const asked = await device.peer.inbox.next('the manifest', (message) => message.topic === topic);
    const written = await readFile(join(server.data, 'm1'), 'utf8');
    expect(asked).to.include({ payload: written, retain: false });
    const told = await take(device, '1.1.0');
    expect(told).to.equal(written);
    const { files } = openManifest(told, [signer]);
    expect(files).to.deep.equal([{ name: '1.1.0.bin', size: 40_000, sha256: sha256(IMAGES['1.1.0'] ?? '') }]);

    // Refused: unsigned, tampered with, other bytes, the sequence again or lower.
    const unsigned = ['publish', '1.2.0.bin', '--version', '1.2.0', '--platform', PLATFORM];
    expect(await failure(...unsigned)).to.include('signed firmware only');
    await sign('1.2.0', 2, 'm2');
    const m2 = await readFile(join(server.data, 'm2'), 'utf8');
    await writeFile(join(server.data, 'tampered'), m2.replace('sequence 2', 'sequence 3'));
    expect(await failure(...publish('1.2.0', 'tampered'))).to.include('changed after it was signed');
    expect(await failure(...publish('1.3.0', 'm2'))).to.include('about something else');
    await done(...publish('1.2.0', 'm2'));
    await take(device, '1.2.0');
    await sign('1.3.0', 2, 'again');
    expect(await failure(...publish('1.3.0', 'again'))).to.include('the next is 3');
    expect(await failure(...publish('1.3.0', 'again'), '--rollout', 'none')).to.include('the next is 3');

    // Back: not by an order, forced or not, and not by taking the newer one away, but by a rollback.
    const { firmware } = JSON.parse(await done('firmware', '--json'));
    const idOf = (version: string) =>
      firmware.find((each: { version: string }) => each.version === version).id;
    const order = ['update', device.udid, '--firmware', idOf('1.1.0'), '--forced'];
    expect(await failure(...order)).to.include('sign a rollback');
    await done('withdraw', idOf('1.2.0'));
    expect(await whyOf(await aDevice('1.0.0'))).to.equal('sequence_lower');
    await sign('1.1.0', 3, 'm3', '--rollback');
    await done(...publish('1.1.0', 'm3'));
    expect(openManifest(await take(device, '1.1.0'), [signer])).to.include({ sequence: 3, rollback: true });
    expect(await whyOf(device)).to.equal('already_newest');

    // After a crash all of that still holds.
    const before = server;
    server = await before.killAndRestart();
    expect(await failure(...publish('1.2.0', 'm2'))).to.include('the next is 4');
    expect(await done('trust')).to.include(signer.id);

    // A key that is trusted no longer takes its firmware along; one that is new goes on with the same sequences.
    await done('trust', '--remove', signer.id);
    expect(await whyOf(await aDevice('1.0.0'))).to.equal('signer_untrusted');
    await done('keygen', '--out', 'next');
    await done('trust', 'next.pub', '--alias', 'the next');
    await done(
      ...['sign', '1.3.0.bin', '--key', 'next', '--version', '1.3.0', '--platform', PLATFORM],
      ...['--sequence', '4', '--owner', owner, '--out', 'm4'],
    );
    await done(...publish('1.3.0', 'm4'));
    await take(await aDevice('1.0.0'), '1.3.0');
    expect(`${before.out}${before.err}${server.out}${server.err}`).not.to.include('PRIVATE KEY');
  });

  it('devices that do not ask get what they always got, to the byte', async () => {
    const device = await aDevice('1.0.0');
    const offer = await device.nextOffer();
    await device.fence();
    const topics = new Set(device.peer.inbox.all.map(({ topic }) => topic));
    expect([...topics].sort()).to.deep.equal([device.topic, `${device.topic}/fence`]);
    const last = device.peer.inbox.all.find(({ topic }) => topic === device.topic);
    expect(parsed(last?.payload ?? '')).to.deep.equal({
      FIRMWARE_UPDATE: true,
      registration: {
        status: 'FIRMWARE_UPDATE',
        auto_update: true,
        udid: device.udid,
        version: '1.3.0',
        url: offer.url,
        ott: offer.ott,
      },
    });
  });
});
