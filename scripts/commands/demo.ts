import { on } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi } from '../client/api.js';
import type { Server } from '../client/credentials.js';
import { type Io, print } from '../client/io.js';
import { Fleet, type FleetResult } from '../simulator/fleet.js';
import { createFleetView, type FleetView, type Row } from '../simulator/fleet-view.js';
import { madeUpImage } from '../simulator/made-up-image.js';
import { OwnerClient } from '../simulator/owner.js';
import type { Question } from '../simulator/owner-event.js';
import { isGood, reportLines } from '../simulator/report.js';
import { until } from '../simulator/until.js';

/** A server that runs for the demo alone; `close` stops it and removes what it stored. */
export interface DemoServer extends Server {
  close(): Promise<void>;
}

/** How large the demo is; the defaults are what `npm run demo` shows. */
export interface DemoOptions {
  readonly devices?: number;
  readonly timeoutSeconds?: number;
}

const PLATFORM = 'arduino:esp8266';
const OLD = '1.0.0';
const NEW = '1.1.0';
const IMAGE_BYTES = 300_000;
/** Spread out, so that a person can watch the fleet move; ms. */
const REBOOT = { min: 500, max: 2500 };

const ROWS: readonly Row[] = [
  { label: `on ${OLD}`, value: (counts) => counts.devices - counts.installed },
  { label: `on ${NEW}`, value: (counts) => counts.installed },
];

/** Publishes a made-up image and returns about how many devices the owner is asked. */
async function publish(server: Server, folder: string, view: FleetView): Promise<number> {
  const path = join(folder, 'firmware.bin');
  await writeFile(path, madeUpImage(IMAGE_BYTES, 'demo'));
  const api = createApi(server.httpUrl, server.credentials.ownerKey);
  const { offered, asked } = await api.publish({
    files: [path],
    version: NEW,
    platform: PLATFORM,
    rollout: 'all-at-once',
  });
  view.say(`Published ${NEW}: ${offered} devices are told at once, about ${asked} the owner is asked.`);
  return asked;
}

/** The owner's part: waits until everything has been asked, then says yes to all of it. */
async function approveAll(owner: OwnerClient, questions: AsyncIterable<[Question]>, expected: number) {
  const open = new Set<string>();
  if (expected > 0)
    for await (const [question] of questions) if (open.add(question.nid).size >= expected) break;
  await Promise.all([...open].map((nid) => owner.reply(nid, true)));
}

/** What happens in the demo, from the first device to the last installation. Rejects with the signal's reason. */
async function story(server: Server, folder: string, fleet: Fleet, view: FleetView, signal: AbortSignal) {
  const owner = await OwnerClient.connect(server, (client) =>
    client.on('event', (event) => fleet.note(event)),
  );
  try {
    const questions = on(owner, 'question', { signal }) as AsyncIterable<[Question]>;
    await until(fleet.start(), signal);
    view.say(`All devices are online on ${OLD}, every second one with auto update off.`);
    const asked = await publish(server, folder, view);
    const settled = fleet.whenSettled(signal);
    settled.catch(() => {});
    await approveAll(owner, questions, asked);
    view.say(`The owner has approved ${asked} updates.`);
    await settled;
  } finally {
    await owner.close();
  }
}

/** Runs the story with a fleet of its own, which is stopped whatever happens. */
async function tell(
  server: Server,
  folder: string,
  devices: number,
  io: Io,
  signal: AbortSignal,
): Promise<FleetResult> {
  const { httpUrl, mqttUrl, credentials } = server;
  print(io.out, `A Firmwire server runs at ${httpUrl} and ${mqttUrl}; ${devices} simulated devices connect.`);
  const fleet = new Fleet({
    server: { httpUrl, mqttUrl, owner: credentials.owner, deviceKey: credentials.deviceKey },
    devices,
    platform: PLATFORM,
    version: OLD,
    autoUpdate: (index) => index % 2 === 0,
    rebootMs: REBOOT,
  });
  const view = createFleetView(io, ROWS, devices);
  fleet.on('change', (counts) => view.update(counts));
  fleet.on('trouble', (text) => view.say(`A device cannot connect or check in: ${text}`));
  try {
    await story(server, folder, fleet, view, signal).catch((error: unknown) => {
      // The time being up is a result, which the report shows.
      if (!signal.aborted) throw error;
    });
    return fleet.result;
  } finally {
    view.close();
    fleet.removeAllListeners();
    await fleet.stop();
  }
}

/**
 * Shows a fleet move from one version to the next, on a server of its own. Returns the exit code: 0 if every device
 * has installed the new version.
 * @throws whatever the server or the publication fails with; everything that was started is stopped all the same.
 */
export async function demo(
  startServer: () => Promise<DemoServer>,
  io: Io,
  options: DemoOptions = {},
): Promise<number> {
  const { devices = 200, timeoutSeconds = 120 } = options;
  const started = performance.now();
  const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
  const signal = io.signal ? AbortSignal.any([timeout, io.signal]) : timeout;
  const folder = await mkdtemp(join(tmpdir(), 'firmwire-demo-'));
  let server: DemoServer | undefined;
  let result: FleetResult;
  try {
    server = await startServer();
    result = await tell(server, folder, devices, io, signal);
  } finally {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  }
  for (const line of reportLines(result, (performance.now() - started) / 1000)) print(io.out, line);
  return isGood(result) && result.counts.installed === devices ? 0 : 1;
}
