import type { ApiKey, Owner } from '../../../core/account.js';
import type { Device } from '../../../core/device.js';
import type { StoredFirmware } from '../../../core/firmware.js';
import type { HistoryEntry } from '../../../core/history.js';
import type { Signer } from '../../../core/signing/keys.js';
import type { Mark } from '../../../core/signing/marks.js';
import type { Token } from '../../../core/token.js';

/** How a value becomes the text that Redis holds, and back. */
interface Codec<V> {
  encode(value: V): string;
  decode(text: string): V;
}

/** Where one value lies. */
export interface Key<V> {
  readonly name: string;
  readonly codec: Codec<V>;
  /** Nothing is there more often than not: worth guessing, which saves a look. */
  readonly isRare?: boolean;
}

const JSON_CODEC = { encode: (value: unknown): string => JSON.stringify(value), decode: JSON.parse };
const TEXT_CODEC = { encode: (text: string): string => text, decode: (text: string): string => text };

// The layout; docs/redis.md explains it.
export const ownerKey = (id: string): Key<Owner> => ({ name: `owner:${id}`, codec: JSON_CODEC });
export const apiKey = (hash: string): Key<ApiKey> => ({ name: `key:${hash}`, codec: JSON_CODEC });
export const deviceKey = (udid: string): Key<Device> => ({ name: `device:${udid}`, codec: JSON_CODEC });
export const firmwareKey = (id: string): Key<StoredFirmware> => ({
  name: `firmware:${id}`,
  codec: JSON_CODEC,
});
/** How far an owner's sequences have got. */
export const marksKey = (owner: string): Key<readonly Mark[]> => ({
  name: `marks:${owner}`,
  codec: JSON_CODEC,
  isRare: true,
});
/** The keys that an owner trusts to sign firmware. */
export const signersKey = (owner: string): Key<readonly Signer[]> => ({
  name: `signers:${owner}`,
  codec: JSON_CODEC,
  isRare: true,
});
/** wire.md 6. */
export const tokenKey = (hash: string): Key<Token> => ({ name: `ott:${hash}`, codec: JSON_CODEC });
/** The hash of the device's token that is not complete. */
export const openTokenKey = (udid: string): Key<string> => ({
  name: `ott-device:${udid}`,
  codec: TEXT_CODEC,
  isRare: true,
});

/** The end of a device's history that may still change, oldest first. */
export const openHistoryKey = (udid: string): Key<readonly HistoryEntry[]> => ({
  name: `history-open:${udid}`,
  codec: JSON_CODEC,
});

/** List: the rest of a device's history as JSON, newest first. */
export const historyOf = (udid: string): string => `history:${udid}`;
/** Sorted set: all ids. */
export const OWNERS = 'owners';
/** Sorted set: UDID by when its question is due. */
export const DUE = 'due';
/** Sorted set: token hash by deadline. */
export const EXPIRY = 'ott-expiry';
/** Sorted set: all topics, in the order of their bytes. */
export const TOPICS = 'retained-topics';
/** Set: hashes. */
export const keysOf = (owner: string): string => `keys:${owner}`;
/** Sorted set: UDIDs, in their order. */
export const devicesOf = (owner: string): string => `devices:${owner}`;
/** Set: UDIDs of those that claim this MAC. */
export const claimantsOf = (owner: string, mac: string): string => `mac:${owner}:${mac}`;
/** Sorted set: firmware id by when it was made. */
export const firmwareOf = (owner: string): string => `firmwares:${owner}`;
/** Set: ids of the firmware that consists of these bytes. */
export const usersOf = (sha256: string): string => `digest:${sha256}`;
/** Bytes: QoS, payload. */
export const retainedKey = (topic: string): string => `retained:${topic}`;

/** The channel on which the nodes of one server talk. It knows no databases, so the number of ours is part of it. */
export const nodesChannel = (db: number): string => `nodes:${db}`;
