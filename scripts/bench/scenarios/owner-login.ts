import { decideUpdate } from '../../../core/decide.js';
import type { Device } from '../../../core/device.js';
import type { Firmware } from '../../../core/firmware.js';
import { noticeOf, noticePayload } from '../../../core/notice.js';
import { noticeTopic, stateTopic } from '../../../core/topics.js';
import { asked } from '../../../core/update.js';
import { viewDevice } from '../../../core/view.js';
import type { Bench } from '../bench.js';
import { median } from '../judge.js';
import type Owner from '../load/owner.js';
import { type FleetIdentity, type Login, OLD_VERSION, PLATFORM } from '../load/packets.js';
import type Publisher from '../load/publisher.js';
import type { Message } from '../message.js';
import { FIRMWIRE, type Sample, type Scenario } from '../model.js';
import { AedesServer } from '../peers/aedes.js';
import { FirmwireServer } from '../peers/firmwire.js';
import { knownDevice, populate } from '../peers/known-devices.js';
import type { ServerProcess } from '../server-process.js';
import { IMAGE_BYTES, settled, strangers, withLoad, withServer } from './parts.js';
import { NEW_VERSION } from './push.js';

/** Devices, of each of which there is a state and a notice. */
const DEVICES = 5000;
const SEED = 'login';
/** Logins of one round, one after the other; the one in the middle counts. */
const LOGINS = 3;

const POLICY = { maxAttempts: 3, requireSignature: false, retryMs: 60_000 };

const FIRMWARE = {
  id: '00000000-0000-4000-8000-000000000000',
  version: NEW_VERSION,
  platform: PLATFORM,
  udid: undefined,
  notes: undefined,
  envHash: undefined,
  tags: [],
  rollout: 'all-at-once',
  staging: undefined,
  chip: undefined,
  size: IMAGE_BYTES,
  sha256: '',
  md5: '',
  format: 'image',
  files: [],
  manifest: undefined,
  createdAt: 0,
} as const satisfies Omit<Firmware, 'owner'>;

/** State and notice of one device, to the byte as long as the product makes them. */
function told(fleet: FleetIdentity, index: number): Message[] {
  const now = Date.now();
  const firmware = { ...FIRMWARE, owner: fleet.owner };
  const known = knownDevice(fleet, index, false);
  const device: Device = { ...known, update: asked(undefined, firmware, OLD_VERSION, now) };
  const decision = decideUpdate(device, [firmware], now, POLICY);
  const notice = noticeOf(device);
  if (!notice) throw new Error('A device with an open question has no notice.');
  return [
    {
      topic: stateTopic(fleet.owner, device.udid),
      payload: JSON.stringify(viewDevice(device, decision, { online: false, progress: undefined })),
    },
    { topic: noticeTopic(fleet.owner, device.udid), payload: noticePayload(notice) },
  ];
}

const allTold = (fleet: FleetIdentity): Message[] =>
  Array.from({ length: DEVICES }, (_, index) => told(fleet, index)).flat();

const bytesOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);

/** The owner comes, gets everything and goes, a few times. */
const comeAndGo = (
  bench: Bench,
  server: ServerProcess,
  login: Login,
  owner: string,
  bytes: number,
): Promise<Sample> =>
  withLoad<Owner, Sample>(bench, 'owner', async (load) => {
    const spans: number[] = [];
    await settled();
    const before = server.cpuMs();
    for (let i = 0; i < LOGINS; i++) {
      await load.call('login', login);
      const heard = await load.call('subscribe', `/${owner}/rtm/#`, { devices: DEVICES, notices: DEVICES });
      spans.push(heard.ended - heard.begun);
      if (heard.bytes !== bytes) throw new Error(`${heard.bytes} bytes came instead of ${bytes}.`);
      await settled();
      const { devices, notices } = await load.call('totals');
      if (devices !== DEVICES || notices !== DEVICES)
        throw new Error(`${devices} states and ${notices} notices came for ${DEVICES} devices.`);
      await load.call('logout');
      await settled();
    }
    const messages = LOGINS * 2 * DEVICES;
    return {
      'ms to last': median(spans),
      'CPU us/message': ((server.cpuMs() - before) * 1000) / messages,
    };
  });

function ownRound(bench: Bench): Promise<Sample> {
  const prepare = populate({ seed: SEED, count: DEVICES, autoUpdate: false });
  return withServer(FirmwireServer.start(bench, { prepare }), async (server) => {
    const { asked: questions } = await server.publish(NEW_VERSION, IMAGE_BYTES);
    if (questions !== DEVICES) throw new Error(`${questions} questions were opened for ${DEVICES} devices.`);
    const { owner, ownerKey, deviceKey } = server.credentials;
    const login = { port: server.mqttPort, clientId: 'owner', username: owner, password: ownerKey };
    const expected = bytesOf(allTold({ owner, key: deviceKey, seed: SEED }));
    return comeAndGo(bench, server.process, login, owner, expected);
  });
}

const bareRound = (bench: Bench): Promise<Sample> =>
  withServer(AedesServer.start(bench), async (server) => {
    const fleet = strangers(SEED);
    const messages = allTold(fleet);
    const login = {
      port: server.mqttPort,
      clientId: 'owner',
      username: fleet.owner,
      password: fleet.key,
    };
    await withLoad<Publisher, void>(bench, 'publisher', (load) =>
      load.call('publish', login, messages, true),
    );
    return comeAndGo(bench, server.process, login, fleet.owner, bytesOf(messages));
  });

/** The owner opens the page: the whole fleet and all open questions at once. */
export const OWNER_LOGIN: Scenario = {
  name: 'owner-login',
  what: `an owner subscribes to /<owner>/rtm/# and gets ${DEVICES} states and ${DEVICES} notices, QoS 1`,
  contenders: [
    { name: FIRMWIRE, round: ownRound },
    { name: 'aedes', round: bareRound },
  ],
  goals: [{ figure: 'ms to last', against: 'aedes', atMost: 1.2 }],
};
