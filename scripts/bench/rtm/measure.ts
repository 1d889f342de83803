import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceView } from '../../../core/view.js';
import { openChromium } from '../../dev/chromium.js';
import { madeUpImage } from '../../simulator/made-up-image.js';
import type { Bench } from '../bench.js';
import type MqttFleet from '../load/mqtt-fleet.js';
import type Owner from '../load/owner.js';
import { OLD_VERSION, PLATFORM } from '../load/packets.js';
import { LoadProcess } from '../load-process.js';
import { nowMs } from '../machine.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { fleetOf, IMAGE_BYTES, settled, WINDOW, withLoad } from '../scenarios/parts.js';
import { fill, PLATFORMS, releasedTo, SEED, WAITING_TAG, waitingOf } from './fleet.js';
import { type Busy, OwnersPage } from './page.js';
import type { Frames } from './recorder.js';

/** How the page kept up, and what its thread did. */
export type Kept = Frames & Busy;

/** A burst of changes: how the page kept up, and how long after its end it showed all of it. */
export interface Burst {
  readonly frames: Kept;
  readonly seconds: number;
  readonly behindMs: number;
}

export interface Measured {
  readonly devices: number;
  readonly waiting: number;
  readonly firstRowMs: number;
  readonly allMs: number;
  readonly login: Kept;
  /** Every device connects and checks in with another version. */
  readonly back: Burst;
  /** A release asks about nearly every device. */
  readonly release: Burst;
  /** The owner declines all of it with one click. */
  readonly decline: Burst;
  readonly scroll: Kept;
  readonly heapMiB: number;
}

/** How the page's clock stands to that of `nowMs`. */
const EPOCH = Date.now() - nowMs();

/** @param profiles where CPU profiles of the page are left; undefined: nowhere */
export async function measure(
  bench: Bench,
  devices: number,
  profiles: string | undefined,
): Promise<Measured> {
  const server = await FirmwireServer.start(bench, { prepare: fill(devices) });
  const load = await LoadProcess.start<MqttFleet>(bench, 'mqtt-fleet');
  const browser = await openChromium();
  try {
    const file = join(server.data, 'early.bin');
    await writeFile(file, madeUpImage(IMAGE_BYTES, 'early'));
    const early = {
      files: [file],
      version: '1.0.1',
      platform: PLATFORM,
      tags: [WAITING_TAG],
      rollout: 'all-at-once',
    } as const;
    const { asked } = await server.api.publish(early);
    if (asked !== waitingOf(devices)) throw new Error(`${asked} questions instead of ${waitingOf(devices)}.`);
    const page = await OwnersPage.open(browser, `http://127.0.0.1:${server.httpPort}`);
    const profiled = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
      if (profiles === undefined) return action();
      await page.startProfile();
      const result = await action();
      await writeFile(join(profiles, `${name}.cpuprofile`), JSON.stringify(await page.profile()));
      return result;
    };
    return await story({ bench, server, load, page, profiled }, devices);
  } finally {
    await browser.close();
    await load.kill();
    await server.stop();
  }
}

interface Parts {
  readonly bench: Bench;
  readonly server: FirmwireServer;
  readonly load: LoadProcess<MqttFleet>;
  readonly page: OwnersPage;
  readonly profiled: <T>(name: string, action: () => Promise<T>) => Promise<T>;
}

async function story({ bench, server, load, page, profiled }: Parts, devices: number): Promise<Measured> {
  const { owner, ownerKey } = server.credentials;
  const waiting = waitingOf(devices);
  await settled();
  const login = await profiled('login', () =>
    page.during(async () => {
      const first = page.sees(['row', 1]);
      const all = page.sees(['all', devices], ['asks', waiting]);
      await page.logIn(owner, ownerKey);
      return Promise.all([first, all]);
    }),
  );
  await settled();
  const back = await profiled('back', () => comeBack({ server, load, page }, devices));
  await settled();
  const release = await profiled('release', () => releaseThatAsks({ bench, server, page }, devices));
  await settled();
  const decline = await profiled('decline', () => declineAll(page));
  await settled();
  const scroll = await profiled('scroll', () => page.during(() => page.scrollDown()));
  await agrees(server, page, devices);
  const [first, all] = login.result;
  return {
    devices,
    waiting,
    firstRowMs: first.sinceLogin,
    allMs: all.sinceLogin,
    login: login.frames,
    back,
    release,
    decline,
    scroll: scroll.frames,
    heapMiB: (await page.heapBytes()) / 1024 / 1024,
  };
}

async function comeBack(
  { server, load, page }: Pick<Parts, 'server' | 'load' | 'page'>,
  devices: number,
): Promise<Burst> {
  const { result, frames } = await page.during(async () => {
    const seen = page.sees(['online', devices], ['version', devices, OLD_VERSION]);
    const connection = { port: server.mqttPort, count: devices, window: WINDOW, qos: 1 } as const;
    const fleet = { ...fleetOf(server, SEED), platforms: PLATFORMS };
    const { begun, ended } = await load.call('connect', { ...fleet, ...connection, checkIn: true });
    return { begun, ended, seen: await seen };
  });
  const { begun, ended, seen } = result;
  return { frames, seconds: (ended - begun) / 1000, behindMs: seen.at - EPOCH - ended };
}

/** The same messages go to a bare MQTT client: when it has the last of them, the page could have it too. */
async function releaseThatAsks(
  { bench, server, page }: Pick<Parts, 'bench' | 'server' | 'page'>,
  devices: number,
): Promise<Burst> {
  const questions = releasedTo(devices);
  const { owner: username, ownerKey: password } = server.credentials;
  return withLoad<Owner, Burst>(bench, 'owner', async (peer) => {
    await peer.call('login', { port: server.mqttPort, clientId: 'peer', username, password });
    await peer.call('subscribe', `/${username}/rtm/#`, { notices: waitingOf(devices), devices });
    const { result, frames } = await page.during(async () => {
      const seen = page.sees(['asks', questions]);
      const heard = peer.call('hears', { notices: questions, devices: questions });
      const { asked } = await server.publish('2.0.0', IMAGE_BYTES);
      if (asked !== questions) throw new Error(`${asked} questions instead of ${questions}.`);
      const { begun, ended } = await heard;
      return { begun, ended, seen: await seen };
    });
    const { begun, ended, seen } = result;
    return { frames, seconds: (ended - begun) / 1000, behindMs: seen.at - EPOCH - ended };
  });
}

/** From the click until nothing waits any more. */
async function declineAll(page: OwnersPage): Promise<Burst> {
  const begun = nowMs();
  const { result, frames } = await page.during(async () => {
    const seen = page.sees(['asks', 0]);
    await page.declineAll();
    return seen;
  });
  // The page itself answers, so that there is nothing that it could be behind.
  return { frames, seconds: (result.at - EPOCH - begun) / 1000, behindMs: 0 };
}

/** @throws Error if the API tells something else than the page shows */
async function agrees(server: FirmwireServer, page: OwnersPage, devices: number): Promise<void> {
  const views: DeviceView[] = [];
  for await (const view of server.api.devices(1000)) views.push(view);
  const count = (is: (view: DeviceView) => boolean): number => views.filter(is).length;
  await page.sees(
    ['all', views.length],
    ['online', count(({ online }) => online)],
    ['asks', count(({ update }) => update?.state === 'asked')],
    ['version', count(({ version }) => version === OLD_VERSION), OLD_VERSION],
  );
  if (views.length !== devices) throw new Error(`The API has ${views.length} devices instead of ${devices}.`);
}
