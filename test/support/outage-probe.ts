import { expect } from 'chai';
import { madeUpImage } from '../../scripts/simulator/made-up-image.js';
import { type Device, PLATFORM } from './device.js';
import { at } from './json.js';
import { MqttPeer } from './mqtt-peer.js';
import { OwnerApi } from './owner-api.js';
import type { RawAnswer } from './raw-http.js';
import type { ServerProcess } from './server-process.js';

/** What the issue allows: HTTP answers 503 by then. */
const MOST_MS = 2000;
/** "Server unavailable" (MQTT 3.1.1, 3.2.2.3). */
const UNAVAILABLE = 3;

/** An answer in the form of the device protocol, or of the owner's API. */
interface Told {
  readonly status: number;
  readonly code: unknown;
  readonly ms: number;
}

async function timed<T>(request: Promise<T>, read: (answer: T) => Omit<Told, 'ms'>): Promise<Told> {
  const begun = performance.now();
  const answer = await request;
  return { ...read(answer), ms: performance.now() - begun };
}

const ofDevice = ({ status, body }: RawAnswer): Omit<Told, 'ms'> => {
  const text = body.toString();
  const code = at(JSON.parse(text), 'response');
  expect(text).to.equal(JSON.stringify({ success: false, response: code }));
  return { status, code };
};

const ofApi = ({ status, body }: { status: number; body: unknown }): Omit<Told, 'ms'> => {
  expect(Object.keys(body as object)).to.deep.equal(['error']);
  expect(at(body, 'error.message')).to.be.a('string').and.not.equal('');
  return { status, code: at(body, 'error.code') };
};

/**
 * Asks a node that cannot reach its store for everything there is, all at once, and expects the refusal that the issue
 * promises.
 * @param device checks in and asks for a token; @param url with a token that is good
 * @returns the slowest answer, ms
 */
export async function expectRefusals(
  server: ServerProcess,
  device: Device,
  url: string,
  code = 'store_unavailable',
): Promise<number> {
  const api = new OwnerApi(server, device.account.ownerKey);
  device.server = server;
  const files = [['firmware.bin', madeUpImage(300_000, 'refused')]] as const;
  const requests: Record<string, Promise<Told>> = {
    'check-in': timed(device.register(), ofDevice),
    'a token': timed(device.fetchByPost({ use: 'ott' }), ofDevice),
    'a transfer': timed(device.fetchByPost(), ofDevice),
    download: timed(device.download(url), ofDevice),
    'the devices': timed(api.call('GET', '/devices'), ofApi),
    'a device': timed(api.call('GET', `/devices/${device.udid}`), ofApi),
    'the firmware': timed(api.call('GET', '/firmware'), ofApi),
    'the questions': timed(api.call('GET', '/notices'), ofApi),
    'an alias': timed(api.call('PATCH', `/devices/${device.udid}`, { alias: 'lost' }), ofApi),
    'a key': timed(api.call('POST', '/keys', { alias: 'lost', scope: 'device' }), ofApi),
    'an answer': timed(api.call('POST', `/notices/${device.udid}/reply`, { response: true }), ofApi),
    upload: timed(api.upload({ version: '9.9.9', platform: PLATFORM, files }), ofApi),
  };
  let slowest = 0;
  for (const [name, request] of Object.entries(requests)) {
    const told = await request;
    expect({ status: told.status, code: told.code }, name).to.deep.equal({ status: 503, code });
    expect(told.ms, `ms until the answer: ${name}`).to.be.below(MOST_MS);
    slowest = Math.max(slowest, told.ms);
  }
  return slowest;
}

/** CONNECT as this device on this node is refused with "server unavailable", and not as a stranger's. */
export async function expectNoConnect(server: ServerProcess, device: Device): Promise<void> {
  const { owner, ownerKey, deviceKey } = device.account;
  const logins = [
    { username: device.udid, password: deviceKey },
    { username: owner, password: ownerKey },
  ];
  for (const login of logins) {
    const refused = await MqttPeer.open({ url: server.mqttUrl, ...login }).then(
      (peer) => {
        peer.client.end(true);
        return undefined;
      },
      (error: unknown) => error,
    );
    expect(at(refused, 'code'), `CONNACK to ${login.username}: ${String(refused)}`).to.equal(UNAVAILABLE);
  }
}
