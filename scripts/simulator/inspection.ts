import { createHash } from 'node:crypto';
import { isRecord } from '../../core/checkin.js';
import { type Platform, readPlatform, takesFiles, takesImage } from '../../core/platform.js';
import { contentLength, type Head, type Receiver } from './raw-http.js';

/** The updater gave up; the message is the text that the device reports as its status. */
export class UpdaterError extends Error {
  override readonly name = 'UpdaterError';
}

/** What decides whether an image can be taken. */
export interface InspectionOptions {
  readonly platform: string;
  /** Bytes. */
  readonly freeSpace: number;
  /** Told whole per cents of the body, each once. */
  readonly onProgress?: (percent: number) => void;
}

/** What the updaters of the ESP8266 and ESP32 cores say for a status that is not 200. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  401: 'Unauthorized (401)',
  403: 'Forbidden (403)',
  404: 'File Not Found (404)',
};

/** True for every chip of the ESP32 family. */
export const isEsp32 = (platform: Platform | undefined): boolean =>
  platform?.chip?.startsWith('esp32') ?? false;

/** True if the updater would start flashing an image that begins with this byte; only ESP8266 unpacks gzip. */
const accepts = (platform: Platform | undefined, first: number | undefined): boolean =>
  !takesImage(platform) || first === 0xe9 || (first === 0x1f && !isEsp32(platform));

/** Checks an image while it streams through, keeping nothing of it but what a multi-file platform has to parse. */
export class Inspection implements Receiver {
  readonly #platform: Platform | undefined;
  readonly #md5 = createHash('md5');
  readonly #kept: Buffer[] = [];
  #expected = '';
  #total = 0;
  #received = 0;
  #percent = 0;

  constructor(readonly limits: InspectionOptions) {
    this.#platform = readPlatform(limits.platform);
  }

  /** True once a byte of the image has arrived. */
  get hasBegun(): boolean {
    return this.#received > 0;
  }

  head(head: Head): void {
    if (head.status !== 200) throw new UpdaterError(STATUS_TEXTS[head.status] ?? 'Wrong HTTP Code');
    const length = contentLength(head);
    if (length === undefined || length === 0) throw new UpdaterError('Server Did Not Report Size');
    if (length > this.limits.freeSpace) throw new UpdaterError('Not Enough space');
    this.#total = length;
    this.#expected = head.headers.get('x-md5') ?? '';
  }

  piece(bytes: Buffer): void {
    if (this.#received === 0 && !accepts(this.#platform, bytes[0]))
      throw new UpdaterError('Verify Bin Header Failed');
    this.#received += bytes.length;
    this.#md5.update(bytes);
    if (takesFiles(this.#platform)) this.#kept.push(bytes);
    const percent = Math.floor((100 * this.#received) / this.#total);
    if (percent > this.#percent) this.limits.onProgress?.(percent);
    this.#percent = percent;
  }

  /** To be called after the last byte; throws UpdaterError if the image must not be started. */
  finish(): number {
    // The real updater goes on without the header; our server promises it (wire.md 4), so its absence is a fault.
    if (this.#md5.digest('hex') !== this.#expected) throw new UpdaterError('Wrong MD5');
    if (takesFiles(this.#platform)) readFiles(Buffer.concat(this.#kept));
    return this.#received;
  }
}

/** Checks the JSON of a multi-file firmware (wire.md 4). */
function readFiles(bytes: Buffer): void {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new UpdaterError('Update error: not JSON');
  }
  const files = isRecord(body) && body['type'] === 'file' ? body['files'] : undefined;
  const isFile = (file: unknown) =>
    isRecord(file) && typeof file['name'] === 'string' && typeof file['data'] === 'string';
  if (!Array.isArray(files) || files.length === 0 || !files.every(isFile))
    throw new UpdaterError('Update error: no files');
}
