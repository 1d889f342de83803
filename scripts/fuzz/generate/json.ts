import { generate, type Packet } from 'mqtt-packet';
import { type FuzzCase, PLACEHOLDERS } from '../case.js';
import type { Chance } from '../chance.js';
import { checkIn, macOf, reply, someDevice, udidOf } from './fleet.js';
import { jsonOverHttp } from './http.js';
import { oddJson } from './odd-json.js';

const { owner, ownerKey, deviceKey } = PLACEHOLDERS;

const login = (clientId: string, username: string, password: string): Packet => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId,
  keepalive: 60,
  username,
  password: Buffer.from(password),
});

const publish = (topic: string, payload: string): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos: 1,
  messageId: 2,
  retain: false,
  dup: false,
});

const subscribe = (topic: string): Packet => ({
  cmd: 'subscribe',
  messageId: 1,
  subscriptions: [{ topic, qos: 0 }],
});

/** A device that subscribes and checks in with odd JSON, several times. */
function deviceOverMqtt(chance: Chance): Packet[] {
  const n = someDevice(chance);
  const topic = `/${owner}/${udidOf(n)}`;
  const said = [0, ...chance.some(3, () => 0)].map(() =>
    publish(`${topic}/status`, oddJson(checkIn(chance, n), chance)),
  );
  return [login(macOf(n), udidOf(n), deviceKey), subscribe(topic), ...said];
}

/** An owner who answers questions with odd JSON. */
function ownerOverMqtt(chance: Chance): Packet[] {
  const said = [0, ...chance.some(3, () => 0)].map(() => {
    const n = someDevice(chance);
    return publish(`/${owner}/rtm/notices/${udidOf(n)}/reply`, oddJson(reply(chance, n), chance));
  });
  return [login(`owner-${chance.below(4)}`, owner, ownerKey), subscribe(`/${owner}/rtm/#`), ...said];
}

/** Odd JSON wherever JSON is taken: the body of a request, a check-in or an answer over MQTT. */
export function jsonCase(chance: Chance): FuzzCase {
  if (!chance.oneIn(3)) return jsonOverHttp(chance);
  const packets = chance.oneIn(3) ? ownerOverMqtt(chance) : deviceOverMqtt(chance);
  return {
    door: 'mqtt',
    writes: packets.map((packet) => generate(packet)),
    leave: chance.pick(['wait', 'end']),
    isPatient: !chance.oneIn(4),
  };
}
