import type { Client } from 'aedes';

const LARGEST_ID = 65_535;

/** The one private field of Aedes 1.2.0 that is touched; `test/broker/packet-id.test.ts` fails if it changes. */
interface Numbering {
  _nextId: number;
}

/**
 * Takes the next packet identifier of a session out of the row that Aedes takes them from, so that no two messages in
 * flight share one (MQTT 3.1.1, 2.3.1). Aedes offers no public way but its own `publish`, which costs half as much again.
 */
export function takePacketId(client: Client): number {
  const numbering = client as unknown as Numbering;
  const id = numbering._nextId;
  numbering._nextId = id >= LARGEST_ID ? 1 : id + 1;
  return id;
}
