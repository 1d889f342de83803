import type { Commands } from '../../broker/nodes/commands.js';
import { type RedisAddress, subscriberConnection } from '../../broker/nodes/connections.js';
import { RedisBus } from '../../broker/nodes/redis-bus.js';
import { RedisLease } from '../../broker/nodes/redis-lease.js';
import { RedisLock } from '../../broker/nodes/redis-lock.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import { LONE_LEASE, LoneBus } from '../../core/nodes/lone.js';
import { Peers } from '../../core/nodes/peers.js';
import { Whereabouts } from '../../core/nodes/whereabouts.js';
import type { Clock, Lease, Lock, Log } from '../../core/ports.js';

/** What ties the nodes of one server together. */
export interface Nodes {
  /** This node's own id, new at each start. */
  readonly id: string;
  readonly peers: Peers;
  readonly whereabouts: Whereabouts;
  /** One for all nodes. */
  readonly lock: Lock;
  /** Held by the node that keeps the timers. */
  readonly lease: Lease;
  /** Leaves the others. */
  close(): Promise<void>;
}

/** A server that is one process. */
export function loneNode(clock: Clock, log: Log): Nodes {
  const bus = new LoneBus();
  const peers = new Peers({ bus, clock, log, beatMs: Number.POSITIVE_INFINITY });
  return {
    id: bus.node,
    peers,
    whereabouts: new Whereabouts(peers.facts, bus),
    lock: new KeyedLock(),
    lease: LONE_LEASE,
    close: async () => peers.close(),
  };
}

/** One of several, with Redis between them. It is heard of once `Peers.start` is called. */
export async function redisNode(
  commands: Commands,
  redis: RedisAddress,
  beatMs: number,
  clock: Clock,
  log: Log,
): Promise<Nodes> {
  const subscriber = subscriberConnection(redis, 'firmwire-bus');
  const bus = await RedisBus.open({ commands, subscriber, db: redis.db ?? 0, log });
  const peers = new Peers({ bus, clock, log, beatMs });
  const lease = new RedisLease(commands, 'timers', bus.node, clock, log);
  await lease.start();
  return {
    id: bus.node,
    peers,
    whereabouts: new Whereabouts(peers.facts, bus),
    lock: new RedisLock(commands, log),
    lease,
    close: async () => {
      peers.close();
      await lease.close();
      subscriber.disconnect();
    },
  };
}
