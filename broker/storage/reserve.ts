import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../../core/ports.js';
import type { DiskRoom } from './disk-full.js';

const PIECE_BYTES = 2 ** 20;
/** With less than this a server cannot even begin: the first file that it writes needs a block or two. */
const NEEDED_TO_BEGIN = 2 ** 16;
/** The disk has room to spare when so many times as much is free as is to be taken. */
const SPARE = 2;
/** A disk that is full is full for everybody who asks: it is said so often at most, ms. */
const SAID_EVERY_MS = 60_000;

/**
 * Room on the disk that is kept in a file of its own, so that what is small and must be stored, such as who has
 * taken a token, finds some when uploads or other programs have filled the disk. Until it is back, nothing large is taken.
 */
export class Reserve implements DiskRoom {
  readonly #path: string;
  readonly #bytes: number;
  readonly #log: Log;
  #isHeld = true;
  #taking: Promise<boolean> | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;

  private constructor(path: string, bytes: number, log: Log) {
    this.#path = path;
    this.#bytes = bytes;
    this.#log = log;
  }

  /**
   * Makes the file if there is room to spare, and gives it up at once if the disk is full. Never rejects because of a full
   * disk: without a reserve what is small goes on as long as it finds room.
   * @param bytes 0 keeps none
   */
  static async open(path: string, bytes: number, log: Log): Promise<Reserve> {
    const reserve = new Reserve(path, bytes, log);
    if (bytes === 0) {
      await rm(path, { force: true });
      return reserve;
    }
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    reserve.#isHeld = size === bytes;
    if (!reserve.#isHeld) await reserve.isLeft();
    else if ((await reserve.#free()) < NEEDED_TO_BEGIN) reserve.make();
    return reserve;
  }

  /** False while the room is given up, or was never there. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  async isLeft(): Promise<boolean> {
    const isLeft = this.#isHeld || (await this.take());
    if (!isLeft) this.ended();
    return isLeft;
  }

  make(): boolean {
    if (!this.#isHeld || this.#bytes === 0) {
      this.#say('the disk is full: nothing can be stored until there is room');
      return false;
    }
    this.#isHeld = false;
    try {
      rmSync(this.#path, { force: true });
    } catch (err) {
      this.#log.error({ err }, 'the reserve on the disk cannot be given up');
      return false;
    }
    this.#log.error(
      { bytes: this.#bytes },
      'the disk is full: its reserve is in use, and uploads are refused',
    );
    return true;
  }

  ended(): void {
    this.#say('the disk is full: uploads are refused');
  }

  /** Takes the room back once the disk has enough to spare. Never rejects. @returns true if it is held */
  take(): Promise<boolean> {
    if (this.#isHeld) return Promise.resolve(true);
    this.#taking ??= this.#fill().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #fill(): Promise<boolean> {
    try {
      if ((await this.#free()) < this.#bytes * SPARE) return false;
      const file = await open(this.#path, 'w', 0o600);
      // Neither a hole in a file keeps room, nor what a file system can write shorter.
      const piece = randomBytes(Math.min(PIECE_BYTES, this.#bytes));
      try {
        for (let left = this.#bytes; left > 0; left -= piece.length)
          await file.appendFile(piece.subarray(0, Math.min(left, piece.length)));
      } finally {
        await file.close();
      }
      this.#isHeld = true;
      this.#log.info({ bytes: this.#bytes }, 'room on the disk is kept as a reserve');
      return true;
    } catch {
      // Somebody else was quicker.
      await rm(this.#path, { force: true }).catch(() => undefined);
      return false;
    }
  }

  async #free(): Promise<number> {
    const { bavail, bsize } = await statfs(dirname(this.#path));
    return bavail * bsize;
  }

  #say(message: string): void {
    const now = performance.now();
    if (now < this.#saidAt + SAID_EVERY_MS) return;
    this.#saidAt = now;
    this.#log.error({}, message);
  }
}
