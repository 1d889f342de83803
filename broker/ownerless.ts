/**
 * Messages on topics that name no owner, such as Home Assistant's. Whose such a message is travels with it, in its broker
 * id: that goes with a message to other nodes and into queues, and no client can set it, for it is not on the wire. A message
 * without the mark is nobody's.
 */

/** All of our own topics begin with a slash, and then name their owner. */
export const namesNoOwner = (topic: string): boolean => !topic.startsWith('/');

/** What Aedes knows of where a packet comes from; its types leave it out of some packets. */
export interface Origin {
  brokerId?: string | undefined;
}

const MARK = /-of-([0-9a-z]{64,128})$/;

/** @param brokerId of messages whose order matters among themselves only: Aedes drops one that others overtook */
export const markOf = (brokerId: string, owner: string): string => `${brokerId}-of-${owner}`;

/** Whose message this is, if its topic does not say it; undefined: nobody's, or the topic says it. */
export function ownerOf(topic: string, { brokerId }: Origin): string | undefined {
  return namesNoOwner(topic) && brokerId !== undefined ? MARK.exec(brokerId)?.[1] : undefined;
}
