import type { Identity, Session } from '../../broker/plugin.js';
import { anOwner } from './broker-bench.js';

/** A session without a connection. */
export interface FakeSession extends Session {
  isCut: boolean;
  /** Is told each time somebody closes it. */
  onClose: () => void;
}

let count = 0;

/** A session of its own client; of an owner, unless it is told otherwise. */
export function aSession(
  change: Partial<Identity> = {},
  persistent = false,
  clientId = `client-${++count}`,
): FakeSession {
  const session: FakeSession = {
    clientId,
    identity: anOwner(change),
    persistent,
    open: true,
    isCut: false,
    onClose: () => {},
    filters: [],
    grantedQos: () => undefined,
    bind: () => {},
    send: async () => {},
    close: () => {
      session.isCut = true;
      session.onClose();
    },
  };
  return session;
}
