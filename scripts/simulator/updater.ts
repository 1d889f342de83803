import { readPlatform } from '../../core/platform.js';
import { Inspection, type InspectionOptions, isEsp32, UpdaterError } from './inspection.js';
import { exchange, type HttpAddress, HttpTrouble } from './raw-http.js';

/** What an updater knows of the device it runs on. */
export interface UpdaterOptions extends InspectionOptions {
  readonly address: HttpAddress;
  readonly mac: string;
  /** Bytes of the firmware that runs. */
  readonly sketchSize: number;
  readonly signal?: AbortSignal;
}

/** The request of ESP8266HTTPUpdate and HTTPUpdate, header by header. */
export function downloadRequest(path: string, options: UpdaterOptions): string {
  const { address, mac } = options;
  const chip = isEsp32(readPlatform(options.platform)) ? 'ESP32' : 'ESP8266';
  const colons = mac.match(/../g)?.join(':') ?? mac;
  return [
    `GET ${path} HTTP/1.0`,
    `Host: ${address.host}:${address.port}`,
    `User-Agent: ${chip}-http-Update`,
    'Connection: close',
    `x-${chip}-STA-MAC: ${colons}`,
    `x-${chip}-AP-MAC: ${colons}`,
    `x-${chip}-free-space: ${options.freeSpace}`,
    `x-${chip}-sketch-size: ${options.sketchSize}`,
    `x-${chip}-chip-size: 4194304`,
    `x-${chip}-sdk-version: 2.2.2-dev(38a443e)`,
    `x-${chip}-mode: sketch`,
    '',
    '',
  ].join('\r\n');
}

/**
 * Downloads firmware and checks it as the device's updater does. Resolves with its size in bytes.
 * @throws UpdaterError with the text the device reports, or the signal's reason.
 */
export async function download(path: string, options: UpdaterOptions): Promise<number> {
  const inspection = new Inspection(options);
  try {
    await exchange(options.address, downloadRequest(path, options), inspection, options.signal);
  } catch (error) {
    if (!(error instanceof HttpTrouble)) throw error;
    // Once it flashes, the updater waits for bytes and never learns that the connection is gone.
    const text = inspection.hasBegun
      ? 'Update error: ERROR[6]: Stream Read Timeout'
      : `HTTP error: ${error.message}`;
    throw new UpdaterError(text, { cause: error });
  }
  return inspection.finish();
}
