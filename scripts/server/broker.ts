import { randomBytes } from 'node:crypto';
import { Aedes, type AedesOptions } from 'aedes';
import type { RedisMqtt } from '../../broker/nodes/redis-mqtt.js';
import type { Log } from '../../core/ports.js';
import type { Settings } from '../config/schema.js';

const SECOND = 1000;

/**
 * A broker of our own. Its id is new at each start and sorts by time: a fixed one would overwrite queued messages
 * after a restart, a random one scramble their order.
 * @param shared what makes it one with the brokers of other nodes
 */
export async function createBroker({ mqtt }: Settings, log: Log, shared?: RedisMqtt): Promise<Aedes> {
  const broker = await Aedes.createBroker({
    id: `${Date.now().toString(16)}-${randomBytes(4).toString('hex')}`,
    connectTimeout: mqtt.connectSeconds * SECOND,
    // A stalled subscriber stops delivery to all others until it is cut.
    drainTimeout: mqtt.drainSeconds * SECOND,
    ...(shared && { mq: shared.mq as AedesOptions['mq'], persistence: shared.persistence }),
  });
  broker.on('clientError', (client, err) => log.debug({ err, clientId: client.id }, 'a session failed'));
  broker.on('connectionError', (_client, err) => log.debug({ err }, 'a connection failed'));
  // Without a listener an error of the persistence would end the process.
  (broker as NodeJS.EventEmitter).on('error', (err) => log.error({ err }, 'the broker failed'));
  return broker;
}

/** Ends every session. */
export const closeBroker = (broker: Aedes): Promise<void> => new Promise((resolve) => broker.close(resolve));
