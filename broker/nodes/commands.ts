import type { Redis } from 'ioredis';

/** A connection to Redis that fails at once while the store is not there. */
export interface Commands {
  readonly state: 'open' | 'away' | 'emptied';
  /** Tells of each change of the state, until the returned function is called. */
  onState(listener: (state: 'open' | 'away' | 'emptied') => void): () => void;
  /** @throws FirmwireError `store_unavailable` or `store_emptied` */
  run<T>(command: (redis: Redis) => Promise<T>): Promise<T>;
}
