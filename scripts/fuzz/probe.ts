import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../bench/load/http-client.js';
import { checkInBytes, type HttpFleetOptions } from '../bench/load/http-requests.js';
import type { MqttClient } from '../bench/load/mqtt-client.js';
import { checkInPacket, deviceOf, subscribePacket, topicOf } from '../bench/load/packets.js';
import { openSession } from '../bench/load/session.js';
import type { Credentials } from '../client/credentials.js';
import type { Doors } from './play.js';

/** Slower than this and nobody else is served. */
const GIVEN_UP_MS = 10_000;

const OVER_MQTT = 0;
const OVER_HTTP = 1;

/** How long an ordinary device waits for the answer to its check-in, ms, over MQTT and over HTTP; the slower of both. */
export async function probe(
  { mqttPort, httpPort }: Doors,
  { owner, deviceKey }: Credentials,
): Promise<number> {
  const fleet = { owner, key: deviceKey, seed: 'probe', port: httpPort };
  const begun = performance.now();
  const late = delay(GIVEN_UP_MS, 'late' as const, { ref: false });
  const timed = async (work: Promise<unknown>): Promise<number> => {
    const word = await Promise.race([work.catch(() => 'late'), late]);
    return word === 'late' ? Number.POSITIVE_INFINITY : performance.now() - begun;
  };
  const times = await Promise.all([timed(overMqtt(mqttPort, fleet)), timed(overHttp(fleet))]);
  return Math.max(...times);
}

async function overHttp(fleet: HttpFleetOptions): Promise<void> {
  const { status, whole } = await ask(fleet.port, checkInBytes(fleet, OVER_HTTP), 'keep');
  if (status !== 200 || !whole) throw new Error(`a check-in was answered with ${status}`);
}

/** CONNECT, SUBSCRIBE, check-in, and the answer to it. */
async function overMqtt(port: number, fleet: HttpFleetOptions): Promise<void> {
  const { mac: clientId, udid: username } = deviceOf(fleet, OVER_MQTT);
  let client: MqttClient | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      openSession({ port, clientId, username, password: fleet.key }, { onPublish: () => resolve() }).then(
        (opened) => {
          client = opened;
          opened.write(subscribePacket(topicOf(fleet, OVER_MQTT), 0));
          opened.write(checkInPacket(fleet, OVER_MQTT));
        },
        reject,
      );
    });
  } finally {
    client?.destroy();
  }
}
