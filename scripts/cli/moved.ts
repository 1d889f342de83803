import type { Moved } from '../backup/backup.js';
import type { Output } from '../client/io.js';
import { print } from '../client/io.js';
import { count, printJson, size } from './text.js';

/** What `backup` and `restore` take besides where the store is. */
export interface MoveOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Tells what has been moved, and how long it took. */
export function tell(out: Output, done: string, file: string, ms: number, { counts, bytes }: Moved): void {
  const what = [
    count(counts.owner, 'owner'),
    count(counts.key, 'key'),
    count(counts.device, 'device'),
    `${counts.firmware} firmware`,
    count(counts.signer, 'signing key'),
    count(counts.token, 'token'),
    count(counts.retained, 'retained message'),
  ].join(', ');
  print(out, `${done} ${what}; ${file} has ${size(bytes)}; ${(ms / 1000).toFixed(1)} s.`);
}

/** The same for a program. */
export function tellJson(out: Output, file: string, ms: number, { counts, bytes }: Moved): void {
  const { owner, key, device, history, firmware, signer, token, retained } = counts;
  printJson(out, {
    file,
    bytes,
    owners: owner,
    keys: key,
    devices: device,
    histories: history,
    firmware,
    signers: signer,
    tokens: token,
    retained,
    seconds: ms / 1000,
  });
}
