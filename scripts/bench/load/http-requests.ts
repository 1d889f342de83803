import { checkInRequest } from '../../simulator/check-in.js';
import { deviceOf, type FleetIdentity, OLD_VERSION, PLATFORM } from './packets.js';

/** A fleet and the port of the server that it speaks to. */
export interface HttpFleetOptions extends FleetIdentity {
  readonly port: number;
}

/** A check-in of a device that may be updated, so that the answer carries a token. */
export function checkInBytes(fleet: HttpFleetOptions, index: number): Buffer {
  const { mac, udid } = deviceOf(fleet, index);
  const facts = {
    mac,
    udid,
    owner: fleet.owner,
    alias: `bench-${index}`,
    platform: PLATFORM,
    version: OLD_VERSION,
    status: 'Registered',
    autoUpdate: true,
    fcid: undefined,
  };
  return Buffer.from(checkInRequest({ host: '127.0.0.1', port: fleet.port }, fleet.key, facts));
}

/** Asks for a token (wire.md 4, `use: ott`). */
export function tokenBytes(fleet: HttpFleetOptions, index: number): Buffer {
  const { mac, udid } = deviceOf(fleet, index);
  const body = JSON.stringify({ use: 'ott', mac, udid, owner: fleet.owner, alias: `bench-${index}` });
  return Buffer.from(
    [
      'POST /device/ HTTP/1.0',
      'Host: 127.0.0.1',
      `Authentication: ${fleet.key}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      `${body}\r\n`,
    ].join('\r\n'),
  );
}

/** A download as the updater of an ESP8266 asks for it. */
export const getBytes = (path: string): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: ESP8266-http-Update\r\nConnection: close\r\n\r\n`,
  );

export const downloadPath = (token: string): string => `/device/firmware?ott=${token}`;

const TOKEN = /"ott":"([\w-]{43})"/;

/** The token in an answer. @throws Error if there is none */
export function tokenIn(body: string): string {
  const token = TOKEN.exec(body)?.[1];
  if (token === undefined) throw new Error(`There is no token in ${body.slice(0, 200)}`);
  return token;
}
