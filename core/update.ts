import type { Seal } from './signing/seal.js';

/**
 * The life of one update on one device. Each function is one arrow of the diagram in docs/update-states.md;
 * nothing else changes an update's state.
 */
export type UpdateState =
  | 'offered'
  | 'asked'
  | 'approved'
  | 'declined'
  | 'downloading'
  | 'downloaded'
  | 'installed'
  | 'failed'
  | 'withdrawn';

/** Why the device may have it: its auto update, its owner's yes or order, or its own forced request. */
export type Consent = 'auto' | 'approved' | 'ordered' | 'forced' | 'requested';

export interface Update {
  readonly firmware: string;
  readonly version: string;
  /** Bytes the device will receive. */
  readonly size: number;
  readonly state: UpdateState;
  /** When it entered this state, ms. */
  readonly since: number;
  /** Who signed it, and its sequence; undefined: it is not signed. */
  readonly signer: string | undefined;
  readonly sequence: number | undefined;
  /** What the device ran when this update began. */
  readonly from: string | undefined;
  readonly consent: Consent | undefined;
  /** SHA-256 of the newest token issued for it. */
  readonly token: string | undefined;
  /** When the newest attempt to download began. */
  readonly startedAt: number | undefined;
  /** When the last attempt ended, by a complete transfer or a reported failure; the pause before the next counts from here. */
  readonly attemptEndedAt: number | undefined;
  /** True once a complete transfer has been handed over: the proof an installation needs. */
  readonly proven: boolean;
  /** Complete transfers and reported failures so far. */
  readonly attempts: number;
  /** Downloads begun since one was complete. */
  readonly begun?: number | undefined;
  /** The updater's own text after a failure. */
  readonly error: string | undefined;
  /** Asked, and to be asked again at this time. */
  readonly postponedUntil: number | undefined;
  /** An offer was taken back and the device has not been told (wire.md 3, Cancel). */
  readonly cancelOwed: boolean;
}

interface Target {
  readonly id: string;
  readonly version: string;
  readonly size: number;
  readonly seal?: Pick<Seal, 'signer' | 'sequence'> | undefined;
}

const signedAs = ({ seal }: Target) => ({ signer: seal?.signer, sequence: seal?.sequence });

function begin(state: UpdateState, target: Target, from: string | undefined, now: number): Update {
  return {
    firmware: target.id,
    version: target.version,
    size: target.size,
    ...signedAs(target),
    state,
    since: now,
    from,
    consent: undefined,
    token: undefined,
    startedAt: undefined,
    attemptEndedAt: undefined,
    proven: false,
    attempts: 0,
    error: undefined,
    postponedUntil: undefined,
    cancelOwed: false,
  };
}

/** By name, as `copyOf` in device.ts, and so that the compiler misses none, whether or not it is optional. */
const copyOf = (update: Update): { readonly [K in keyof Required<Update>]: Update[K] } => ({
  firmware: update.firmware,
  version: update.version,
  size: update.size,
  state: update.state,
  since: update.since,
  signer: update.signer,
  sequence: update.sequence,
  from: update.from,
  consent: update.consent,
  token: update.token,
  startedAt: update.startedAt,
  attemptEndedAt: update.attemptEndedAt,
  proven: update.proven,
  attempts: update.attempts,
  begun: update.begun,
  error: update.error,
  postponedUntil: update.postponedUntil,
  cancelOwed: update.cancelOwed,
});

/** The update with some of its members changed. */
const revised = (update: Update, changes: Partial<Update>): Update => Object.assign(copyOf(update), changes);

const enter = (update: Update, state: UpdateState, now: number, change: Partial<Update>): Update =>
  Object.assign(revised(update, change), { state, since: update.state === state ? update.since : now });

/** The update this is about, kept if it is the same firmware, begun anew if not. */
function about(update: Update | undefined, target: Target, from: string | undefined, now: number): Update {
  return update?.firmware === target.id ? update : begin('asked', target, from, now);
}

/** True if the device holds an offer that it must not use any more, or did so before and was not told. */
const owesCancel = (update: Update | undefined): boolean =>
  update !== undefined && (update.cancelOwed || update.token !== undefined);

/** The owner is asked. */
export function asked(
  update: Update | undefined,
  target: Target,
  from: string | undefined,
  now: number,
): Update {
  const next = about(update, target, from, now);
  return enter(next, 'asked', now, {
    consent: undefined,
    postponedUntil: undefined,
    token: undefined,
    cancelOwed: owesCancel(update),
  });
}

/** The owner asked to be asked again later. */
export const postponed = (update: Update, until: number): Update =>
  revised(update, { postponedUntil: until });

/** The owner said yes, or turned auto update on while the question was open. */
export const approved = (update: Update, consent: Consent, now: number): Update =>
  enter(update, 'approved', now, { consent, postponedUntil: undefined });

/** The owner said no. */
export const declined = (update: Update, now: number): Update =>
  enter(update, 'declined', now, {
    consent: undefined,
    postponedUntil: undefined,
    token: undefined,
    cancelOwed: owesCancel(update),
  });

/** The owner sent this device this firmware, in whatever order the versions stand. Starts counting anew. */
export const ordered = (target: Target, from: string | undefined, forced: boolean, now: number): Update => ({
  ...begin('approved', target, from, now),
  consent: forced ? 'forced' : 'ordered',
});

/** The owner sent what the device has been told of already: the offer stands, now by order. */
export const orderedAgain = (update: Update, forced: boolean): Update =>
  revised(update, { consent: forced ? 'forced' : 'ordered' });

/** It may try again as if it had not tried. */
export const triedAnew = (update: Update): Update =>
  revised(update, { attempts: 0, begun: 0, attemptEndedAt: undefined });

/** The device has been told, with this token. */
export function offered(
  update: Update | undefined,
  target: Target,
  from: string | undefined,
  consent: Consent,
  token: string,
  now: number,
): Update {
  const next = about(update, target, from, now);
  // It may have been signed anew since the update began.
  const { signer, sequence } = signedAs(target);
  return enter(next, 'offered', now, {
    signer,
    sequence,
    consent,
    token,
    startedAt: undefined,
    cancelOwed: false,
  });
}

/** A download began. */
export const downloading = (update: Update, now: number): Update =>
  enter(update, 'downloading', now, { startedAt: now, begun: (update.begun ?? 0) + 1 });

/**
 * The whole body was handed over, but the connection broke at its end or the server stopped: the device may lack the
 * end, so it is counted, and no pause holds back the next offer. Its token is dead, and is forgotten as counted.
 */
export const handedOver = (update: Update): Update =>
  revised(update, {
    proven: true,
    attempts: update.attempts + 1,
    begun: 0,
    startedAt: undefined,
    token: undefined,
  });

/** The whole body was handed over and the connection ended well. */
export const downloaded = (update: Update, now: number): Update =>
  enter(update, 'downloaded', now, {
    ...handedOver(update),
    attemptEndedAt: now,
  });

/** The device reported what its updater met. It may be offered again after a pause, as long as attempts are left. */
export const attemptFailed = (update: Update, error: string, now: number): Update =>
  enter(update, 'failed', now, {
    error,
    // A complete transfer has been counted when it ended; only one that broke off is counted here.
    attempts: update.attempts + (update.startedAt === undefined ? 0 : 1),
    attemptEndedAt: now,
    startedAt: undefined,
  });

/** The updater met an error before any download began, e.g. a token that had died: shown, not counted. */
export const errorNoted = (update: Update, error: string): Update => revised(update, { error });

/** No more attempts. */
export const gaveUp = (update: Update, error: string, now: number): Update =>
  enter(update, 'failed', now, { error });

/** The device came back with the version, after a complete transfer. */
export const installed = (update: Update, now: number): Update =>
  enter(update, 'installed', now, {
    error: undefined,
    postponedUntil: undefined,
    token: undefined,
    startedAt: undefined,
  });

/** The firmware was taken back. */
export const withdrawn = (update: Update, now: number): Update =>
  enter(update, 'withdrawn', now, {
    consent: undefined,
    token: undefined,
    cancelOwed: owesCancel(update),
  });

/** The device was told that the offer is off. */
export const cancelTold = (update: Update): Update => revised(update, { cancelOwed: false });

/** True while a question to the owner is open. */
export const isOpenQuestion = (update: Update | undefined): update is Update =>
  update?.state === 'asked' && update.postponedUntil === undefined;
