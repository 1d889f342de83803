/** The owner API's nouns as they come over HTTP. Sizes are bytes. */
import type { Scope as KeyScope } from '../../core/account.js';
import type { HistoryEntry } from '../../core/history.js';
import type { DeviceView } from '../../core/view.js';

/** One line of a device's history. Times are ISO 8601. */
export interface HistoryView extends Omit<HistoryEntry, 'at' | 'since'> {
  readonly at: string;
  readonly since?: string;
}

/** Published firmware. */
export type { FirmwareView } from '../../core/firmware-view.js';
/** A device as its owner sees it. */
export type { DeviceView } from '../../core/view.js';

/** An API key without its secret. */
export interface KeyView {
  readonly id: string;
  readonly alias: string;
  readonly scope: KeyScope;
  readonly createdAt: string;
  /** When it ends; null: not by itself. */
  readonly expiresAt: string | null;
  /** The only device it is good for. */
  readonly device: string | null;
}

/** What a new key is to be. */
export interface NewKeyWish {
  readonly alias: string;
  readonly scope: KeyScope;
  readonly expiresAt?: string;
  readonly device?: string;
}

/** A new API key; the secret is shown this one time. */
export interface NewKey extends KeyView {
  readonly secret: string;
}

export type { Scope as KeyScope } from '../../core/account.js';

/** A key that an owner trusts to sign firmware. */
export interface SignerView {
  readonly id: string;
  readonly alias: string;
  /** Its 32 bytes in hex. */
  readonly publicKey: string;
  readonly createdAt: string;
}

/** A key to trust; `publicKey` is PEM. */
export interface SignerWish {
  readonly alias: string;
  readonly publicKey: string;
}

/** What an owner may change of a device; what is left out stays. */
export interface DeviceChange {
  readonly autoUpdate?: boolean;
  readonly alias?: string;
  readonly tags?: readonly string[];
}

/** What an owner answers to a question: approve this version, decline this version, ask again later. */
export type NoticeResponse = true | false | 'later';

/** One page of devices; `next` is where the following one begins, absent on the last. */
export interface DevicePage {
  readonly devices: readonly DeviceView[];
  readonly next?: string;
}
