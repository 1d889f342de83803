import { coerce, inc } from 'semver';
import type { Server } from '../client/credentials.js';
import { type Io, print } from '../client/io.js';
import { Fleet, type FleetOptions, type FleetResult } from '../simulator/fleet.js';
import { createFleetView, type FleetView, type Row } from '../simulator/fleet-view.js';
import { OwnerClient } from '../simulator/owner.js';
import { isGood, reportJson, reportLines } from '../simulator/report.js';

/** What `firmwire simulate` was asked to do. */
export interface SimulateOptions {
  readonly server: Server;
  readonly devices: number;
  readonly platform: string;
  /** What the devices run at first. */
  readonly version: string;
  readonly autoUpdate: boolean;
  /** Answers the questions about these devices, and about no others; without it somebody else has to. */
  readonly ownerSays?: 'yes' | 'no';
  readonly timeoutSeconds: number;
  /** Prints one line of JSON and nothing else on `out`. */
  readonly json: boolean;
  /** Another seed gives other MACs and UDIDs. */
  readonly seed?: string;
  /** `http`: devices that never use MQTT. */
  readonly transport?: FleetOptions['transport'];
}

const ROWS: readonly Row[] = [
  { label: 'online', value: (counts) => counts.online },
  { label: 'installed', value: (counts) => counts.installed },
];

/** The command that makes the fleet move. */
function nextStep(options: SimulateOptions): string {
  const current = coerce(options.version);
  const next = (current && inc(current, 'minor')) ?? 'V';
  return `npx firmwire publish FILE --version ${next} --platform ${options.platform}`;
}

const createFleet = (options: SimulateOptions): Fleet => {
  const { httpUrl, mqttUrl, credentials } = options.server;
  return new Fleet({
    server: { httpUrl, mqttUrl, owner: credentials.owner, deviceKey: credentials.deviceKey },
    devices: options.devices,
    platform: options.platform,
    version: options.version,
    autoUpdate: () => options.autoUpdate,
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(options.transport && { transport: options.transport }),
  });
};

/** Answers what is asked about this fleet; the owner's real devices are none of its business. */
function answerFor(fleet: Fleet, owner: OwnerClient, says: 'yes' | 'no', view: FleetView): void {
  owner.on('question', ({ nid, udid }) => {
    if (!fleet.has(udid)) return;
    owner.reply(nid, says === 'yes').catch((error: unknown) => view.say(`The answer was lost: ${error}`));
  });
}

async function run(fleet: Fleet, options: SimulateOptions, view: FleetView, signal: AbortSignal) {
  const settled = fleet.whenSettled(signal);
  settled.catch(() => {});
  view.say(`Starting ${options.devices} devices: ${options.platform}, ${options.version}.`);
  // Devices that are offered something as soon as they connect may all be done before the last has been told so.
  await Promise.race([fleet.start(), settled]);
  if (!fleet.result.settled) view.say(`All are online. To update them: ${nextStep(options)}`);
  await settled;
}

/**
 * Runs virtual devices until all have installed, failed or been declined, or the time is up, or `io.signal` aborts.
 * Returns the exit code: 0 if all came to an end and none failed, else 1.
 * @throws ClientError if the owner cannot log in at the server.
 */
export async function simulate(options: SimulateOptions, io: Io): Promise<number> {
  const fleet = createFleet(options);
  const started = performance.now();
  const view = createFleetView(io, ROWS, options.devices, options.json);
  const timeout = AbortSignal.timeout(options.timeoutSeconds * 1000);
  const signal = io.signal ? AbortSignal.any([timeout, io.signal]) : timeout;
  let owner: OwnerClient | undefined;
  let result: FleetResult;
  fleet.on('change', (counts) => view.update(counts));
  fleet.on('trouble', (text) => view.say(`A device cannot connect or check in: ${text}`));
  try {
    owner = await OwnerClient.connect(options.server, (client) => {
      client.on('event', (event) => fleet.note(event));
      if (options.ownerSays) answerFor(fleet, client, options.ownerSays, view);
    });
    await run(fleet, options, view, signal).catch((error: unknown) => {
      // The time being up is a result, not a failure of this command.
      if (!signal.aborted) throw error;
    });
    result = fleet.result;
  } finally {
    view.close();
    fleet.removeAllListeners();
    await Promise.all([fleet.stop(), owner?.close()]);
  }
  const seconds = (performance.now() - started) / 1000;
  if (options.json) print(io.out, reportJson(result, seconds));
  else for (const line of reportLines(result, seconds)) print(io.out, line);
  return isGood(result) ? 0 : 1;
}
