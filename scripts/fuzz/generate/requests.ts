import { PLACEHOLDERS } from '../case.js';
import type { Chance } from '../chance.js';
import { checkIn, macOf, reply, someDevice, udidOf } from './fleet.js';
import { ODD_TEXTS } from './odd-json.js';

const { ownerKey, deviceKey, token, firmware, owner } = PLACEHOLDERS;

export type Headers = Readonly<Record<string, string>>;

/** A request that makes sense. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Sent as JSON. */
  readonly json?: Parameters<typeof JSON.stringify>[0];
  /** Sent as it is. */
  readonly body?: string;
}

const AS_OWNER: Headers = { Authorization: `Bearer ${ownerKey}` };
const AS_DEVICE: Headers = { Authentication: deviceKey };

/** Odd text as a part of an address: nearly always encoded, or it would get no further than the request line. */
function odd(chance: Chance): string {
  const text = chance.pick(ODD_TEXTS);
  return chance.oneIn(8) ? text : encodeURIComponent(text.toWellFormed());
}

const BOUNDARY = 'xxBOUNDARYxx';

/** A form as browsers send it (RFC 7578). */
function form(fields: Headers, files: readonly string[]): string {
  const parts = [
    ...Object.entries(fields).map(([name, value]) => `form-data; name="${name}"\r\n\r\n${value}`),
    ...files.map(
      (name) => `form-data; name="file"; filename="${name}"\r\n\r\n\xe9\x01\x02\x40${'x'.repeat(200)}`,
    ),
  ];
  const text = parts.map((part) => `--${BOUNDARY}\r\nContent-Disposition: ${part}\r\n`).join('');
  return `${text}--${BOUNDARY}--\r\n`;
}

function upload(chance: Chance): Request {
  const fields = {
    version: chance.oneIn(4) ? chance.pick(ODD_TEXTS) : chance.pick(['1.0.1', '0.5', 'v3']),
    platform: chance.pick(['arduino:esp8266', 'nodemcu', 'micropython', 'sigfox']),
    ...(chance.oneIn(3) && {
      [chance.pick(['udid', 'notes', 'envHash', 'tags', 'x'])]: chance.pick(ODD_TEXTS),
    }),
    // Else every device of the fleet is looked at for each of them.
    rollout: chance.pick(['none', 'none', 'none', 'all-at-once']),
  };
  return {
    method: 'POST',
    path: '/api/v1/firmware',
    headers: { ...AS_OWNER, 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: form(
      fields,
      chance.some(3, () =>
        chance.oneIn(4) ? chance.pick(ODD_TEXTS) : chance.pick(['a.bin', 'boot.py', 'main.lua']),
      ),
    ),
  };
}

const download = (chance: Chance): Request => ({
  method: chance.pick(['GET', 'GET', 'GET', 'HEAD']),
  path: `/device/firmware?ott=${chance.oneIn(4) ? odd(chance) : token}`,
  headers: chance.pick<Headers>([
    {},
    {
      Range: chance.pick([
        'bytes=0-99',
        'bytes=-5',
        'bytes=5-',
        'bytes=9-2',
        'bytes=0-0,5-6',
        'bytes=99999999-',
        'x',
      ]),
    },
    { Range: 'bytes=10-20', 'If-Range': chance.pick(['"x"', 'W/"x"', '', ...ODD_TEXTS]) },
    { 'x-ESP8266-free-space': chance.pick(['10', '1000000', '-1', ...ODD_TEXTS]) },
  ]),
});

/** Every request that takes JSON. */
export function jsonRequest(chance: Chance): Request {
  const n = someDevice(chance);
  const device = `/api/v1/devices/${udidOf(n)}`;
  const asks = {
    mac: macOf(n),
    udid: udidOf(n),
    owner,
    use: 'ott',
    alias: 'unnamed',
    forced: chance.pick(['true', 'false']),
  };
  const { use: _use, ...fetches } = asks;
  return chance.make<Request>(
    () => ({ method: 'POST', path: '/device/register', headers: AS_DEVICE, json: checkIn(chance, n) }),
    () => ({ method: 'POST', path: '/device/register', headers: AS_DEVICE, json: checkIn(chance, n) }),
    () => ({ method: 'POST', path: '/device/', headers: AS_DEVICE, json: asks }),
    () => ({ method: 'POST', path: '/device/firmware', headers: AS_DEVICE, json: { registration: asks } }),
    () => ({ method: 'POST', path: '/device/firmware', headers: AS_DEVICE, json: fetches }),
    () => ({ method: 'POST', path: '/device/firmware', headers: {}, json: { ott: token } }),
    () => ({
      method: 'PATCH',
      path: device,
      headers: AS_OWNER,
      json: { alias: 'bench', autoUpdate: chance.oneIn(2), tags: ['a', 'b'] },
    }),
    () => ({
      method: 'POST',
      path: `${device}/update`,
      headers: AS_OWNER,
      json: chance.pick<object>([{}, { firmware, forced: true }, { firmware }]),
    }),
    () => ({
      method: 'POST',
      path: '/api/v1/keys',
      headers: AS_OWNER,
      json: { alias: 'new', scope: 'device' },
    }),
    () => ({
      method: 'POST',
      path: `/api/v1/notices/${udidOf(n)}/reply`,
      headers: AS_OWNER,
      json: { response: reply(chance, n).notification.response },
    }),
  );
}

/** Any request that some client of ours sends. */
export function request(chance: Chance): Request {
  const n = someDevice(chance);
  const get = (path: string, headers: Headers = AS_OWNER): Request => ({ method: 'GET', path, headers });
  return chance.make<Request>(
    () => jsonRequest(chance),
    () => jsonRequest(chance),
    () => upload(chance),
    () => upload(chance),
    () => download(chance),
    () => download(chance),
    () => get(`/api/v1/devices?limit=${chance.pick(['1', '1000', odd(chance)])}&after=${odd(chance)}`),
    () => get(`/api/v1/devices/${chance.pick([udidOf(n), odd(chance)])}${chance.pick(['', '/events'])}`),
    () => get(`/api/v1/${chance.pick(['firmware', `firmware/${firmware}`, 'keys', 'notices', 'x'])}`),
    () =>
      get(
        chance.pick([
          '/health',
          '/ready',
          '/metrics',
          '/',
          '/rtm/',
          '/rtm/..%2f..%2fpackage.json',
          '/api/docs',
        ]),
      ),
    () => get(`/rtm/${odd(chance)}`, {}),
    () => ({
      method: 'DELETE',
      path: `/api/v1/devices/${chance.oneIn(4) ? udidOf(n) : odd(chance)}`,
      headers: AS_OWNER,
    }),
    () => ({ method: 'DELETE', path: `/api/v1/keys/${odd(chance)}`, headers: AS_OWNER }),
    () => ({
      method: 'DELETE',
      path: `/api/v1/firmware/${chance.oneIn(4) ? firmware : odd(chance)}`,
      headers: AS_OWNER,
    }),
    () => ({
      method: 'GET',
      path: '/mqtt',
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': chance.pick(['13', '13', '8', 'x']),
        'Sec-WebSocket-Protocol': chance.pick(['mqtt', 'mqtt', 'mqttv3.1', '']),
        ...(chance.oneIn(4) && { Origin: chance.pick(['http://127.0.0.1', 'null', ...ODD_TEXTS]) }),
      },
      // A frame, masked with zeros (RFC 6455, 5.2): what comes behind the upgrade.
      body: `\x82\x82\x00\x00\x00\x00\xc0\x00`,
    }),
  );
}
