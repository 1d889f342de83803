/** What the server takes of one client, owner, address or device, and of all at once; docs/limits.md says each. */
export const LIMITS = [
  'connects',
  'depth',
  'devices',
  'downloads',
  'flapping',
  'logins',
  'pace',
  'packet',
  'queue',
  'retained',
  'subscriptions',
  'tokens',
  'topic',
] as const;

export type Limit = (typeof LIMITS)[number];

/** Is told of every limit that somebody has reached. Called on hot paths: returns at once and never throws. */
export interface LimitWatch {
  /** @param facts who has reached it, as the log may say it: no secrets */
  reached(limit: Limit, facts?: object): void;
}

/** For where nobody watches. */
export const UNWATCHED: LimitWatch = { reached: () => {} };
