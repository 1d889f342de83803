import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from '../../client/api.js';
import type { DeviceFacts } from '../../simulator/check-in.js';
import { httpCheckIn } from '../../simulator/http-check-in.js';
import { addressOf } from '../../simulator/raw-http.js';
import { readServerMessage } from '../../simulator/server-message.js';

const PATIENCE_MS = 10_000;
const SIP_MS = 10;

/**
 * Checks in, begins the download that is offered, and reads until the server counts so many percent; then no more. Resolves
 * with the connection, to be closed.
 * @throws Error if nothing is offered, or it does not get so far
 */
export async function halfADownload(
  { httpUrl, api, key }: { readonly httpUrl: string; readonly api: Api; readonly key: string },
  facts: DeviceFacts,
  percent: number,
): Promise<Socket> {
  const address = addressOf(httpUrl);
  const message = readServerMessage(await httpCheckIn(address, key, facts));
  if (message.kind !== 'offer') throw new Error(`${facts.alias} is offered nothing.`);
  const socket = connect(address.port, address.host);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`GET ${message.offer.path} HTTP/1.0\r\nHost: ${address.host}\r\nConnection: close\r\n\r\n`);
  const late = Date.now() + PATIENCE_MS;
  for (let at = 0; at < percent; ) {
    if (Date.now() > late) throw new Error(`The download is at ${at} % instead of ${percent} %.`);
    // A sip, so that the kernel does not take the rest in advance.
    socket.resume();
    await once(socket, 'data');
    socket.pause();
    await delay(SIP_MS);
    at = (await api.device(facts.udid ?? '')).update?.progress ?? 0;
  }
  return socket;
}
