import type { HttpAddress } from './raw-http.js';

/** What a device tells of itself at a check-in (wire.md 2). */
export interface DeviceFacts {
  readonly mac: string;
  readonly udid: string | undefined;
  readonly owner: string;
  readonly alias: string;
  readonly platform: string;
  readonly version: string;
  /** `Registered`, or the text of the updater's last error. */
  readonly status: string;
  /** The build's THINX_AUTO_UPDATE; older builds do not tell. */
  readonly autoUpdate: boolean | undefined;
  /** Firmware commit id; who sends it understands the flagged offer over HTTP. */
  readonly fcid: string | undefined;
}

/** The last will, with the library's own blanks. */
export const WILL = '{ "status" : "disconnected" }';

/** The check-in body, the same on MQTT and HTTP. */
export const checkInBody = (facts: DeviceFacts): string =>
  JSON.stringify({
    registration: {
      mac: facts.mac,
      firmware: `simulated:${facts.version}`,
      version: facts.version,
      commit: '0000000000000000000000000000000000000000',
      owner: facts.owner,
      alias: facts.alias,
      ...(facts.udid !== undefined && { udid: facts.udid }),
      status: facts.status,
      lat: '0.00',
      lon: '0.00',
      rssi: '-61',
      platform: facts.platform,
      ...(facts.fcid !== undefined && { fcid: facts.fcid }),
      ...(facts.autoUpdate !== undefined && { auto_update: String(facts.autoUpdate) }),
    },
  });

/** The bytes of an HTTP check-in. The library ends its body with a CRLF that its Content-Length does not count. */
export function checkInRequest(address: HttpAddress, key: string, facts: DeviceFacts): string {
  const body = checkInBody(facts);
  return [
    'POST /device/register HTTP/1.0',
    `Host: ${address.host}`,
    `Authentication: ${key}`,
    'Accept: application/json',
    'Origin: device',
    'Content-Type: application/json',
    'User-Agent: THiNX-Client',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    `${body}\r\n`,
  ].join('\r\n');
}
