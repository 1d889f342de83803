import { setTimeout as delay } from 'node:timers/promises';
import { okPayload } from '../../../core/payload.js';
import type { Bench } from '../bench.js';
import { aliasOf, deviceOf, type FleetIdentity, OLD_VERSION } from '../load/packets.js';
import { LoadProcess } from '../load-process.js';
import type { FirmwireServer } from '../peers/firmwire.js';
import type { ServerProcess } from '../server-process.js';

/** Firmware for which telling the devices counts, not the upload: small. Bytes. */
export const IMAGE_BYTES = 4096;
/** Connections on their way at the same time while a fleet is merely made ready. */
export const WINDOW = 200;
/** Long enough for the last acknowledgements to be read. */
const SETTLED_MS = 500;

/** Long enough for what is left to do to be done, and for the process to become quiet. */
export const settled = (): Promise<void> => delay(SETTLED_MS);

/** Does something with a server that is gone afterwards, whatever happens. */
export async function withServer<Server extends { stop(): Promise<void> }, T>(
  starting: Promise<Server>,
  action: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await starting;
  return action(server).finally(() => server.stop());
}

/** Does something with a load (a file in `load/`) that is gone afterwards, whatever happens. */
export async function withLoad<Calls, T>(
  bench: Bench,
  kind: string,
  action: (load: LoadProcess<Calls>) => Promise<T>,
): Promise<T> {
  const load = await LoadProcess.start<Calls>(bench, kind);
  return action(load).finally(() => load.kill());
}

/** Server CPU that an action and what it leaves to be done cost, us for each of `operations`. */
export async function cpuFor<T>(
  server: ServerProcess,
  operations: number,
  action: () => Promise<T>,
): Promise<{ readonly result: T; readonly cpuUs: number }> {
  const before = server.cpuMs();
  const result = await action();
  await settled();
  return { result, cpuUs: ((server.cpuMs() - before) * 1000) / operations };
}

/** The devices of the server's first owner. */
export const fleetOf = ({ credentials }: FirmwireServer, seed: string): FleetIdentity => ({
  owner: credentials.owner,
  key: credentials.deviceKey,
  seed,
});

/** Devices of nobody, for brokers that ask for no key: their topics are as long as ours. */
export const strangers = (seed: string): FleetIdentity => ({
  owner: 'f'.repeat(64),
  key: 'f'.repeat(64),
  seed,
});

/** Gives the server something to decide: firmware that the devices have already, so that all are told OK. */
export async function publishWhatTheyHave(server: FirmwireServer): Promise<void> {
  const { offered, asked } = await server.publish(OLD_VERSION, IMAGE_BYTES);
  if (offered + asked > 0) throw new Error(`${offered + asked} devices are owed what they have.`);
}

/** The size of the OK that a device of a fleet gets, bytes. */
export const okBytes = (fleet: FleetIdentity, index: number, autoUpdate: boolean): number => {
  const { udid } = deviceOf(fleet, index);
  return Buffer.byteLength(
    okPayload({ owner: fleet.owner, udid, alias: aliasOf(index), autoUpdate }, Date.now()),
  );
};
