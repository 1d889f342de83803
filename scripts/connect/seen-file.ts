import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { isMissing } from '../../broker/storage/blob-files.js';
import { isOwnerId } from '../../core/account.js';
import { isRecord } from '../../core/checkin.js';
import type { Clock, Log } from '../../core/ports.js';
import { isUdid } from '../../core/topics.js';
import type { Seen, Sighting } from './seen.js';

export interface SeenFileParts {
  readonly path: string;
  readonly seen: Seen;
  /** What was learnt is written down after so long. */
  readonly saveMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Writes down which devices were seen, so that a gateway that restarts without its server still knows them. */
export class SeenFile {
  readonly #parts: SeenFileParts;
  #cancel: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(parts: SeenFileParts) {
    this.#parts = parts;
  }

  /** Reads what there is; a file that cannot be read is nothing but a beginning without it, and is told to the log. */
  static async open(parts: SeenFileParts): Promise<SeenFile> {
    const { path, seen, log } = parts;
    const file = new SeenFile(parts);
    try {
      for (const sighting of read(await readFile(path, 'utf8'))) seen.note(sighting);
    } catch (err) {
      if (!isMissing(err)) log.warn({ err, path }, 'what was known of devices cannot be read');
    }
    seen.onChange(() => file.#changed());
    return file;
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    if (this.#cancel) this.#save();
    await this.#saving;
  }

  #changed(): void {
    this.#cancel ??= this.#parts.clock.after(this.#parts.saveMs, () => this.#save());
  }

  #save(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#saving = this.#saving.then(() => this.#write());
  }

  async #write(): Promise<void> {
    const { path, seen, log } = this.#parts;
    const aside = `${path}.${randomUUID()}`;
    try {
      const file = await open(aside, 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify({ version: 1, devices: seen.all() }));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    } catch (err) {
      log.warn({ err, path }, 'what is known of devices cannot be written');
      await rm(aside, { force: true });
    }
  }
}

/** Throws for what is no such file; single devices that make no sense are left out. */
function read(text: string): Sighting[] {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value) || value['version'] !== 1 || !Array.isArray(value['devices']))
    throw new Error('this is no list of devices');
  return value['devices'].filter(isSighting);
}

function isSighting(value: unknown): value is Sighting {
  if (!isRecord(value)) return false;
  const { udid, mac, owner, alias, autoUpdate, key } = value;
  return (
    typeof udid === 'string' &&
    isUdid(udid) &&
    (mac === undefined || typeof mac === 'string') &&
    typeof owner === 'string' &&
    isOwnerId(owner) &&
    typeof alias === 'string' &&
    typeof autoUpdate === 'boolean' &&
    typeof key === 'string'
  );
}
