import { FirmwireError } from '../../core/errors.js';

/** ENOSPC and EDQUOT by name, as Node says them, and by number, as LMDB does (errno(3)). */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 28, 122]);

/** True if something failed because there is no room on the disk, or none for us. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && FULL.has(error.code);

/** FirmwireError `storage_full` for an error that says that, every other error as it is. */
export const asStorageFull = (error: unknown): unknown =>
  isDiskFull(error) ? new FirmwireError('storage_full', undefined, { cause: error }) : error;

/** Who knows about the room on the disk. */
export interface DiskRoom {
  /** Whether there is room for what is large; to be asked before it is written. Never rejects. */
  isLeft(): Promise<boolean>;
  /**
   * The disk is full although somebody has to store something small. Returns at once.
   * @returns true if there is room now that was not there before: it is worth another try
   */
  make(): boolean;
  /** Something large did not fit. */
  ended(): void;
}

/** Nobody knows. */
export const UNKNOWN_ROOM: DiskRoom = { isLeft: async () => true, make: () => false, ended: () => {} };
