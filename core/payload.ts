/**
 * What the server says to devices, to the byte as wire.md section 3 wants it: compact JSON, fixed order of members,
 * at most 400 bytes, exactly one `}}` and that at the end.
 */
import { cleanAlias } from './device.js';

/** Bytes no payload exceeds. */
export const MAX_PAYLOAD_BYTES = 400;

interface Addressee {
  readonly owner: string;
  readonly udid: string;
  readonly alias: string;
  readonly autoUpdate: boolean;
}

/** The answer to a check-in when there is nothing to do. `now` in milliseconds; the device gets UTC seconds. */
export function okPayload(device: Addressee, now: number): string {
  return JSON.stringify({
    registration: {
      success: true,
      status: 'OK',
      auto_update: device.autoUpdate,
      owner: device.owner,
      // An empty alias would be stored by the device as "null" and move it to a wrong topic.
      alias: cleanAlias(device.alias) || device.udid,
      udid: device.udid,
      timestamp: Math.floor(now / 1000),
    },
  });
}

/**
 * Written out, because thousands are made in one moment and JSON.stringify takes six times as long. UDIDs and tokens
 * consist of letters, digits, `-` and `_`; a version may hold anything.
 */
function updateRegistration(udid: string, version: string, token: string): string {
  const url = token === '' ? '' : `/device/firmware?ott=${token}`;
  return `"registration":{"status":"FIRMWARE_UPDATE","auto_update":true,"udid":"${udid}","version":${JSON.stringify(version)},"url":"${url}","ott":"${token}"}`;
}

/** The offer as it goes over MQTT, and over HTTP to a device whose check-in had `fcid`. */
export const updatePayload = (udid: string, version: string, token: string): string =>
  `{"FIRMWARE_UPDATE":true,${updateRegistration(udid, version, token)}}`;

/** The offer for an HTTP check-in without `fcid`: the outer flag would restart these generations for ever. */
export const plainUpdatePayload = (udid: string, version: string, token: string): string =>
  `{${updateRegistration(udid, version, token)}}`;

/** Takes an offer back; over HTTP only, in answer to a check-in without `fcid`. */
export const cancelPayload = (udid: string, version: string): string => plainUpdatePayload(udid, version, '');
