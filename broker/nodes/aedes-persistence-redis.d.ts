/** aedes-persistence-redis 12.0.0 brings no types; this is the part that is used. */
declare module 'aedes-persistence-redis' {
  import type { Redis } from 'ioredis';

  interface Options {
    readonly conn: Redis;
    /** How long the packet of a persistent session is kept, s; 0: for ever. */
    readonly packetTTL: (packet: unknown) => number;
  }

  /** What Aedes takes as `persistence`. */
  export default function makePersistence(options: Options): object;
}
