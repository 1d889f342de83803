import type { StoredFirmware } from './firmware.js';
import type { Signer } from './signing/keys.js';
import type { Mark } from './signing/marks.js';

/** Firmware, and how far its sequences have got. `durable` is what ports.ts says. */
export interface FirmwareStore {
  get(id: string): Promise<StoredFirmware | undefined>;
  /** An owner's firmware, oldest first. */
  list(owner: string): Promise<readonly StoredFirmware[]>;
  /**
   * Durable. Adds or replaces, and changes the owner's marks, as one step.
   * @param change as for `DeviceStore.update`; absent: they stay as they are. If it throws, nothing is changed
   */
  put(firmware: StoredFirmware, change?: (marks: readonly Mark[]) => readonly Mark[]): Promise<void>;
  /** How far an owner's sequences have got. */
  marks(owner: string): Promise<readonly Mark[]>;
  /** Durable. False if the owner had no such firmware. */
  remove(owner: string, id: string): Promise<boolean>;
  /** True while any firmware of any owner consists of these bytes. */
  isUsed(sha256: string): Promise<boolean>;
}

/** The keys that owners trust to sign firmware. */
export interface SignerStore {
  /** Durable. False, and nothing is changed, if the owner trusts this key already. */
  add(signer: Signer): Promise<boolean>;
  /** Oldest first. */
  list(owner: string): Promise<readonly Signer[]>;
  /** Durable. False if the owner trusts no such key. */
  remove(owner: string, id: string): Promise<boolean>;
}
