import { FirmwireError } from '../../../core/errors.js';

/** @param what is wrong with the file, as the end of a sentence */
export const damaged = (path: string, what: string, cause?: unknown): FirmwireError =>
  new FirmwireError(
    'store_damaged',
    `${path} ${what}. It was left as it is. Move it away and put a backup in its place: firmwire restore FILE`,
    { cause },
  );
