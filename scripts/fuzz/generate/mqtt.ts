import { generate, type IConnectPacket, type Packet, type QoS } from 'mqtt-packet';
import { type FuzzCase, type Leave, PLACEHOLDERS } from '../case.js';
import type { Chance } from '../chance.js';
import { cut, mutated } from '../mutate.js';
import { checkIn, macOf, reply, someDevice, udidOf } from './fleet.js';
import { ODD_TEXTS, oddJson } from './odd-json.js';

const { owner, ownerKey, deviceKey } = PLACEHOLDERS;
const PACKETS = 8;

function topic(chance: Chance): string {
  const n = someDevice(chance);
  const udid = udidOf(n);
  return chance.make(
    () => `/${owner}/${udid}`,
    () => `/${owner}/${udid}/status`,
    () => `/${owner}/${udid}/${chance.pick(ODD_TEXTS)}`,
    () => `/${owner}/rtm/notices/${udid}/reply`,
    () => `/${owner}/rtm/${chance.pick(ODD_TEXTS)}`,
    () => `/${owner}/shared/${chance.pick(ODD_TEXTS)}`,
    () => `/${chance.pick(ODD_TEXTS)}/${udid}/status`,
    () => `homeassistant/update/${udid}/${chance.pick(['install', 'install', 'config', 'state', 'x'])}`,
    () =>
      chance.pick([
        'homeassistant/status',
        '$SYS/a/new/clients',
        '/lwt',
        '/'.repeat(300),
        'x'.repeat(65_000),
      ]),
    () => chance.pick(ODD_TEXTS),
  );
}

function filter(chance: Chance): string {
  return chance.make(
    () => topic(chance),
    () =>
      chance.pick([
        '#',
        '/#',
        '+',
        '+/#',
        '/+/+/status',
        '#/x',
        '/x+',
        '$SYS/#',
        '$share/g/#',
        '$share//x',
        '',
      ]),
    () => `/${owner}/${chance.pick(['#', 'rtm/#', '+/status', '+', 'rtm/devices/+'])}`,
    () => `${'+/'.repeat(chance.pick([19, 20, 150, 10_000]))}#`,
  );
}

function payload(chance: Chance): Buffer {
  const text = (value: string): Buffer => Buffer.from(value);
  return chance.make(
    () => text(oddJson(checkIn(chance), chance)),
    () => text(oddJson(reply(chance), chance)),
    () => text(JSON.stringify(checkIn(chance))),
    () => text(chance.pick(['install', '{ "status" : "disconnected" }', 'owner', ...ODD_TEXTS])),
    () => chance.bytes(chance.below(64)),
    () => Buffer.alloc(chance.oneIn(8) ? 66_000 : chance.pick([4096, 60_000]), 0x7b),
  );
}

const qos = (chance: Chance): QoS => chance.pick<QoS>([0, 0, 1, 2]);
const packetId = (chance: Chance): number => chance.pick([1, 2, 3, 65_535]);

/** Who logs in: user name and password. */
function login(n: number, isOdd: boolean, chance: Chance): { username: string; password: Buffer } {
  const [username, password] = isOdd
    ? [chance.pick(ODD_TEXTS), chance.pick(ODD_TEXTS)]
    : chance.pick([
        [udidOf(n), deviceKey],
        [udidOf(n), deviceKey],
        [owner, deviceKey],
        [owner, ownerKey],
        [owner, ownerKey],
      ]);
  return { username, password: Buffer.from(password) };
}

/** Nearly always one that is let in: behind it is more to find. */
function connect(chance: Chance): IConnectPacket {
  const isOdd = chance.oneIn(6);
  const version = isOdd ? chance.pick<3 | 4 | 5>([3, 4, 5]) : 4;
  const clientId = isOdd ? chance.pick(ODD_TEXTS) : macOf(someDevice(chance));
  const n = someDevice(chance);
  const will = isOdd
    ? { topic: topic(chance), payload: payload(chance) }
    : { topic: `/${owner}/${udidOf(n)}/status`, payload: Buffer.from('{ "status" : "disconnected" }') };
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: !chance.oneIn(4),
    clientId,
    keepalive: chance.pick([0, 1, 60, 65_535]),
    ...login(n, isOdd, chance),
    ...(chance.oneIn(2) && { will: { ...will, qos: qos(chance), retain: chance.oneIn(2) } }),
  };
}

const publish = (chance: Chance): Packet => ({
  cmd: 'publish',
  topic: topic(chance),
  payload: payload(chance),
  qos: qos(chance),
  messageId: packetId(chance),
  retain: chance.oneIn(3),
  dup: chance.oneIn(4),
});

function packet(chance: Chance): Packet {
  const messageId = packetId(chance);
  return chance.make<Packet>(
    () => publish(chance),
    () => publish(chance),
    () => publish(chance),
    () => ({
      cmd: 'subscribe',
      messageId,
      subscriptions: [0, ...chance.some(3, () => 0)].map(() => ({ topic: filter(chance), qos: qos(chance) })),
    }),
    () => ({ cmd: 'unsubscribe', messageId, unsubscriptions: [filter(chance)] }),
    () => ({
      cmd: chance.pick<'puback' | 'pubrec' | 'pubrel' | 'pubcomp'>(['puback', 'pubrec', 'pubrel', 'pubcomp']),
      messageId,
    }),
    () => ({ cmd: 'pingreq' }),
    // Each of these ends the connection.
    () => (chance.oneIn(4) ? final(messageId, chance) : { cmd: 'pingreq' }),
  );
}

/** What is said last, or must never be said by a client. */
const final = (messageId: number, chance: Chance): Packet =>
  chance.make<Packet>(
    () => ({ cmd: 'disconnect' }),
    () => ({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
    () => ({ cmd: 'suback', messageId, granted: [0] }),
    () => connect(chance),
  );

/** What mqtt-packet refuses to write is left to the mutations. */
function bytesOf(make: () => Packet, times: number, chance: Chance): Buffer {
  try {
    return mutated(generate(make()), times, chance);
  } catch {
    return mutated(Buffer.of(chance.below(256), 0), times, chance);
  }
}

/** One MQTT connection: a login, nearly always, and what follows. */
export function mqttCase(chance: Chance): FuzzCase {
  const first = chance.oneIn(30) ? [] : [bytesOf(() => connect(chance), 12, chance)];
  const rest = chance.some(PACKETS, () => bytesOf(() => packet(chance), 8, chance));
  const writes = [...first, ...rest].flatMap((bytes) => cut(bytes, chance));
  const leave = chance.pick<Leave>(['wait', 'wait', 'wait', 'wait', 'end', 'reset']);
  return { door: 'mqtt', writes, leave, isPatient: !chance.oneIn(4) };
}
