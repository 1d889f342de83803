import type { Commands } from '../../broker/nodes/commands.js';
import type { Sessions } from '../../broker/sessions.js';
import { Membership } from '../../core/nodes/membership.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Domain } from './domain.js';
import type { Nodes } from './nodes.js';

interface Joining {
  readonly domain: Domain;
  readonly nodes: Nodes;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly log: Log;
  /** What is to be done once the store is there. */
  readonly begin: () => Promise<unknown>;
  /** For Membership. */
  readonly canTell: () => Promise<unknown>;
  readonly retell: () => Promise<void>;
}

/** Becomes one of several nodes, and takes care of what is to be done whenever the store is back. */
export function joinOthers(
  link: Commands,
  { domain, nodes, sessions, clock, log, begin, canTell, retell }: Joining,
): void {
  const { accounts, catalog, conversations, errands, housekeeping, registry, transfers } = domain;
  const { peers, whereabouts, lease } = nodes;
  const membership = new Membership({
    peers,
    whereabouts,
    errands,
    connections: sessions,
    catalog,
    transfers,
    registry,
    conversations,
    housekeeping,
    lease,
    clock,
    keysOf: (owner) => accounts.ends(owner),
    canTell,
    retell,
    log,
  });
  membership.start();
  link.onState((state) => {
    if (state !== 'open') return;
    begin().then(
      () => membership.catchUp(),
      (err: unknown) => log.warn({ err }, 'the store is back, and away again'),
    );
  });
}

/** Messages are kept for this client: to the broker its id begins with its owner and scope (attach.ts). */
export function expectOwner(sessions: Sessions, client: string): void {
  const [owner = '', scope, ...id] = client.split(':');
  if (scope === 'owner') sessions.expect(owner, id.join(':'));
}
