/** One thing that is done to a server, and how it is written down. */

/** How the client goes: waits for what comes, says that it has said all, or resets the connection. */
export type Leave = 'wait' | 'end' | 'reset';

/** What one connection sends. */
export interface FuzzCase {
  readonly door: 'mqtt' | 'http';
  /** Each is written by itself. */
  readonly writes: readonly Buffer[];
  readonly leave: Leave;
  /** Waits after each write for what comes back, for a moment; else the next follows at once. */
  readonly isPatient: boolean;
}

/** What of a server a case may name. */
export interface Names {
  readonly owner: string;
  readonly ownerKey: string;
  readonly deviceKey: string;
  /** A one-time token that is open now. */
  readonly token: string;
  /** A firmware that is published now. */
  readonly firmware: string;
}

const KEY_CHARS = 64;
const TOKEN_CHARS = 43;
const UUID_CHARS = 36;

/** Stand in a case for what only a server of its own has. As long as that: lengths told in packets and heads stay true. */
export const PLACEHOLDERS: Names = {
  owner: 'OWNER'.padEnd(KEY_CHARS, '_'),
  ownerKey: 'OWNERKEY'.padEnd(KEY_CHARS, '_'),
  deviceKey: 'DEVICEKEY'.padEnd(KEY_CHARS, '_'),
  token: 'TOKEN'.padEnd(TOKEN_CHARS, '_'),
  firmware: 'FIRMWARE'.padEnd(UUID_CHARS, '_'),
};

/** The same bytes with the names of this server. */
export function named(bytes: Buffer, names: Names): Buffer {
  let text = bytes.toString('latin1');
  for (const key of ['owner', 'ownerKey', 'deviceKey', 'token', 'firmware'] as const)
    text = text.replaceAll(PLACEHOLDERS[key], names[key]);
  return Buffer.from(text, 'latin1');
}

/** A case in a file: bytes as text of Latin 1, so that a person can read most of them. */
export interface StoredCase {
  readonly door: FuzzCase['door'];
  readonly leave: Leave;
  readonly isPatient: boolean;
  readonly writes: readonly string[];
}

/** What is in a file of the corpus. */
export interface StoredFinding {
  /** What went wrong once, in a sentence. */
  readonly found: string;
  /** What makes it go wrong, in this order. */
  readonly cases: readonly StoredCase[];
}

export const stored = ({ door, leave, isPatient, writes }: FuzzCase): StoredCase => ({
  door,
  leave,
  isPatient,
  writes: writes.map((bytes) => bytes.toString('latin1')),
});

export const restored = ({ door, leave, isPatient, writes }: StoredCase): FuzzCase => ({
  door,
  leave,
  isPatient,
  writes: writes.map((text) => Buffer.from(text, 'latin1')),
});
