import { generate } from 'mqtt-packet';
import { deviceTopic, statusTopic } from '../../../core/topics.js';
import { checkInBody } from '../../simulator/check-in.js';
import { type Identity, identityOf } from '../../simulator/identity.js';

/** Who the devices of a fleet are, so that every process can tell. */
export interface FleetIdentity {
  readonly owner: string;
  readonly key: string;
  readonly seed: string;
  /** What the devices run, in turn by their index; `PLATFORM` if not told. */
  readonly platforms?: readonly string[];
}

export const PLATFORM = 'arduino:esp8266';
/** What the devices run before the update. */
export const OLD_VERSION = '1.0.0';

export const aliasOf = (index: number): string => `bench-${index}`;

export const deviceOf = ({ seed }: FleetIdentity, index: number): Identity => identityOf(seed, index);

/** CONNECT of a THiNX device, with its will (wire.md 2); without keepalive, so that nothing happens by itself. */
export function connectPacket(fleet: FleetIdentity, index: number): Buffer {
  const { mac, udid } = deviceOf(fleet, index);
  return generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: mac,
    keepalive: 0,
    username: udid,
    password: Buffer.from(fleet.key),
    will: {
      topic: statusTopic(fleet.owner, udid),
      payload: Buffer.from('{ "status" : "disconnected" }'),
      qos: 0,
      retain: false,
    },
  });
}

export const subscribePacket = (topic: string, qos: 0 | 1): Buffer =>
  generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });

export const topicOf = (fleet: FleetIdentity, index: number): string =>
  deviceTopic(fleet.owner, deviceOf(fleet, index).udid);

/** What a device says of itself at a check-in. */
export function checkInText(fleet: FleetIdentity, index: number): string {
  const { mac, udid } = deviceOf(fleet, index);
  const { owner, platforms } = fleet;
  return checkInBody({
    mac,
    udid,
    owner,
    alias: aliasOf(index),
    platform: platforms?.[index % platforms.length] ?? PLATFORM,
    version: OLD_VERSION,
    status: 'Registered',
    autoUpdate: true,
    fcid: undefined,
  });
}

/** A check-in on the status topic, QoS 0 as devices send it (wire.md 2). */
export function checkInPacket(fleet: FleetIdentity, index: number): Buffer {
  const payload = checkInText(fleet, index);
  const topic = statusTopic(fleet.owner, deviceOf(fleet, index).udid);
  return generate({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false });
}

export const publishPacket = (topic: string, payload: string, messageId: number, retain = false): Buffer =>
  generate({ cmd: 'publish', topic, payload, qos: 1, messageId, retain, dup: false });

/** Somebody who logs in by user name and password. */
export interface Login {
  readonly port: number;
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
}

/** CONNECT of somebody without a will, as an owner's program sends it. */
export const loginPacket = ({ clientId, username, password }: Login): Buffer =>
  generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId,
    keepalive: 0,
    username,
    password: Buffer.from(password),
  });
