import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, createApi } from '../../client/api.js';
import type { Server } from '../../client/credentials.js';
import type { DeviceFacts } from '../../simulator/check-in.js';
import type { DeviceServer } from '../../simulator/device-options.js';
import { httpCheckIn } from '../../simulator/http-check-in.js';
import { identityOf } from '../../simulator/identity.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import { type Random, seededRandom } from '../../simulator/random.js';
import { addressOf } from '../../simulator/raw-http.js';
import { VirtualDevice } from '../../simulator/virtual-device.js';
import { CAST, ESP32, ESP8266, type Part, type Role, SEED } from './cast.js';
import { halfADownload } from './half-download.js';

const IMAGE_BYTES = 456_704;
/** More than a kernel takes at once, so that the download can be stopped in the middle. */
const CAMERA_BYTES = 6_000_000;
/** Spread out, so that the curve of the release has a shape; ms. */
const REBOOT = { min: 300, max: 9000 };
const SHOWN_PERCENT = 58;
/** What an ESP8266's updater says when its Wi-Fi went away meanwhile. */
const BROKEN_OFF = 'Update error: ERROR[6]: Stream Read Timeout';

/** What is going on when the pictures are taken. */
export interface Scene {
  /** UDID of the device whose page is shown. */
  readonly failed: string;
  end(): Promise<void>;
}

const indexesOf = (part: Part): number[] =>
  CAST.flatMap((role, index) => (role.part === part ? [index] : []));

/** An image as ESP32's are: the chip's id is 0 (core/image.ts). */
function esp32Image(bytes: number): Buffer {
  const image = madeUpImage(bytes, 'camera');
  image.writeUInt16LE(0, 12);
  return image;
}

async function publish(api: Api, folder: string): Promise<void> {
  const [camera, others] = [join(folder, 'camera-3.1.0.bin'), join(folder, 'sensors-1.4.0.bin')];
  await writeFile(camera, esp32Image(CAMERA_BYTES));
  await writeFile(others, madeUpImage(IMAGE_BYTES, 'sensors'));
  await api.publish({
    files: [camera],
    version: '3.1.0',
    platform: ESP32,
    rollout: 'all-at-once',
    tags: ['camera'],
    notes: 'Night mode; the stream no longer stops after a day.',
  });
  await api.publish({
    files: [others],
    version: '1.4.0',
    platform: ESP8266,
    rollout: 'all-at-once',
    notes: 'Comes back sooner on weak Wi-Fi.\nReports the signal with every check-in.',
  });
}

const factsOf = (index: number, owner: string, status = 'Registered'): DeviceFacts => {
  const { alias, version, platform, autoUpdate } = CAST[index] as Role;
  return { ...identityOf(SEED, index), owner, alias, platform, version, status, autoUpdate, fcid: undefined };
};

const newDevice = (server: DeviceServer, index: number, random: Random): VirtualDevice => {
  const { alias, version, platform, autoUpdate } = CAST[index] as Role;
  const identity = identityOf(SEED, index);
  return new VirtualDevice({
    server,
    ...identity,
    alias,
    version,
    platform,
    autoUpdate,
    random,
    rebootMs: REBOOT,
  });
};

async function switchOn(devices: readonly VirtualDevice[]): Promise<void> {
  const online = devices.map((device) => once(device, 'online'));
  for (const device of devices) device.start();
  await Promise.all(online);
}

/** Connects everybody who is there, publishes, and waits until each has done its part. */
export async function stage(server: Server, folder: string): Promise<Scene> {
  const { httpUrl, mqttUrl, credentials } = server;
  const { owner, ownerKey, deviceKey } = credentials;
  const api = createApi(httpUrl, ownerKey);
  const random = seededRandom(SEED);
  const devicesOf = (part: Part): VirtualDevice[] =>
    indexesOf(part).map((index) => newDevice({ httpUrl, mqttUrl, owner, deviceKey }, index, random));
  const [installing, waiting, failing] = [devicesOf('installs'), devicesOf('waits'), devicesOf('fails')];
  await switchOn([...installing, ...waiting]);
  const installed = installing.map((device) => once(device, 'installed'));
  await publish(api, folder);
  const place = { httpUrl, api, key: deviceKey };
  for (const index of indexesOf('fails')) {
    (await halfADownload(place, factsOf(index, owner), 1)).destroy();
    await httpCheckIn(addressOf(httpUrl), deviceKey, factsOf(index, owner, BROKEN_OFF));
  }
  await switchOn(failing);
  await Promise.all(installed);
  const [downloading = 0] = indexesOf('downloads');
  const socket = await halfADownload(place, factsOf(downloading, owner), SHOWN_PERCENT);
  return {
    failed: identityOf(SEED, indexesOf('fails')[0] ?? 0).udid,
    end: async () => {
      socket.destroy();
      await Promise.all([...installing, ...waiting, ...failing].map((device) => device.stop()));
    },
  };
}
