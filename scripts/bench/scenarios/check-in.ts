import type { Bench } from '../bench.js';
import type CheckInFleet from '../load/check-in-fleet.js';
import { deviceOf, type FleetIdentity } from '../load/packets.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { AedesServer } from '../peers/aedes.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { populate } from '../peers/known-devices.js';
import type { ServerProcess } from '../server-process.js';
import {
  cpuFor,
  fleetOf,
  okBytes,
  publishWhatTheyHave,
  settled,
  strangers,
  WINDOW,
  withLoad,
  withServer,
} from './parts.js';

/** Devices that are connected and check in. */
const CONNECTED = 1000;
/** Check-ins a second; every contender keeps up with it. */
const RATE = 2000;
const WARM_UP_SECONDS = 2;
const SECONDS = 5;
const AUTO_UPDATE = true;

interface Given {
  readonly server: ServerProcess;
  readonly port: number;
  readonly fleet: FleetIdentity;
  /** The size that the answer to each device must have. */
  readonly answerBytes: readonly number[];
}

async function measure(bench: Bench, { server, port, fleet, answerBytes }: Given) {
  return withLoad<CheckInFleet, { readonly sample: Sample; readonly lastRssi: string }>(
    bench,
    'check-in-fleet',
    async (load) => {
      const connection = { port, count: CONNECTED, window: WINDOW, qos: 0 } as const;
      await load.call('connect', { ...fleet, ...connection, checkIn: true });
      await load.call('checkIns', RATE, WARM_UP_SECONDS, answerBytes);
      await settled();
      const { result, cpuUs } = await cpuFor(server, RATE * SECONDS, () =>
        load.call('checkIns', RATE, SECONDS, answerBytes),
      );
      const { begun, ended, p50, p99, lastRssi } = result;
      const rate = (RATE * SECONDS * 1000) / (ended - begun);
      return {
        sample: { 'CPU us/check-in': cpuUs, 'p50 ms': p50, 'p99 ms': p99, 'check-ins/s': rate },
        lastRssi,
      };
    },
  );
}

const sizes = (fleet: FleetIdentity): number[] =>
  Array.from({ length: CONNECTED }, (_, index) => okBytes(fleet, index, AUTO_UPDATE));

/** One round of the product with so many registered devices, of which some are connected and check in. */
export function checkInRound(bench: Bench, registered: number): Promise<Sample> {
  const prepare = populate({ seed: 'check-in', count: registered, autoUpdate: AUTO_UPDATE });
  return withServer(FirmwireServer.start(bench, { prepare }), async (server) => {
    await publishWhatTheyHave(server);
    const fleet = fleetOf(server, 'check-in');
    const { sample, lastRssi } = await measure(bench, {
      server: server.process,
      port: server.mqttPort,
      fleet,
      answerBytes: sizes(fleet),
    });
    const { rssi } = await server.api.device(deviceOf(fleet, 0).udid);
    if (rssi !== lastRssi) throw new Error(`The registry says ${rssi}, the device said ${lastRssi}.`);
    return sample;
  });
}

function bareRound(bench: Bench): Promise<Sample> {
  const fleet = strangers('check-in');
  const size = Math.max(...sizes(fleet));
  return withServer(AedesServer.start(bench, size), async (server) => {
    const { sample } = await measure(bench, {
      server: server.process,
      port: server.mqttPort,
      fleet,
      answerBytes: Array.from({ length: CONNECTED }, () => size),
    });
    return sample;
  });
}

/** The commonest thing there is, with all that it means, against an answer out of thin air. */
export const CHECK_IN: Scenario = {
  name: 'check-in',
  what: `${RATE} check-ins a second from ${CONNECTED} devices, QoS 0, each stored, decided on and answered`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => checkInRound(bench, CONNECTED) },
    { name: 'aedes', round: bareRound },
  ],
  goals: [
    { figure: 'CPU us/check-in', against: 'aedes', atMost: 1.2 },
    { figure: 'p99 ms', against: 'aedes', atMost: 1.5 },
  ],
};

const MANY = 100_000;

/** What a check-in costs must not grow with the registry. */
export const REGISTERED: Scenario = {
  name: 'registered-100k',
  what: `check-ins of ${CONNECTED} devices with ${MANY} registered ones, against ${CONNECTED} registered ones`,
  contenders: [
    { name: FIRMWIRE, round: (bench) => checkInRound(bench, MANY) },
    { name: 'small', round: (bench) => checkInRound(bench, CONNECTED) },
  ],
  goals: [{ figure: 'CPU us/check-in', against: 'small', atMost: 1.15 }],
};
