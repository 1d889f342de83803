import type { Firmware, FirmwareFile } from './firmware.js';
import type { Seal } from './signing/seal.js';
import { iso } from './view.js';

/** A firmware as its owner sees it, over HTTP and in the retained message. Times are ISO 8601, UTC. */
export interface FirmwareView {
  readonly id: string;
  readonly version: string;
  readonly platform: string | null;
  readonly udid: string | null;
  readonly tags: readonly string[];
  readonly envHash: string | null;
  readonly notes: string | null;
  readonly rollout: string;
  /** Bytes a device receives. */
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  readonly files: readonly FirmwareFile[];
  /** Null: it is not signed. */
  readonly signature: {
    /** The id of the key. */
    readonly signer: string;
    /** What the owner calls that key; null: they do not trust it. */
    readonly alias: string | null;
    readonly sequence: number;
    readonly expiresAt: string;
    readonly rollback: boolean;
    /** The owner trusts the key now, and the signature is its. */
    readonly trusted: boolean;
  } | null;
  readonly createdAt: string;
}

const viewSeal = ({ signer, alias, sequence, expiresAt, rollback, isTrusted }: Seal) => ({
  signer,
  alias: alias ?? null,
  sequence,
  expiresAt: iso(expiresAt),
  rollback,
  trusted: isTrusted,
});

/** Puts together what an owner is shown of a firmware. */
export const viewFirmware = (firmware: Firmware): FirmwareView => ({
  id: firmware.id,
  version: firmware.version,
  platform: firmware.platform ?? null,
  udid: firmware.udid ?? null,
  tags: firmware.tags,
  envHash: firmware.envHash ?? null,
  notes: firmware.notes ?? null,
  rollout: firmware.rollout,
  size: firmware.size,
  sha256: firmware.sha256,
  md5: firmware.md5,
  files: firmware.files,
  signature: firmware.seal ? viewSeal(firmware.seal) : null,
  createdAt: iso(firmware.createdAt),
});
