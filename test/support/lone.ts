import { Sessions } from '../../broker/sessions.js';
import { loneNode, type Nodes } from '../../scripts/server/nodes.js';
import { CollectingLog } from './collecting-log.js';
import { FakeClock } from './fake-clock.js';

/** A node without others. */
export const aLoneNode = (): Nodes => loneNode(new FakeClock(), new CollectingLog());

/** The sessions of a server that is one process. */
export function loneSessions(): Sessions {
  const { peers, whereabouts } = aLoneNode();
  return new Sessions(peers.facts, whereabouts);
}
