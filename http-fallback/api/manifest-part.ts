import type { MultipartFile } from '@fastify/multipart';
import { FirmwireError } from '../../core/errors.js';
import { MAX_MANIFEST_BYTES } from '../../core/signing/manifest.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a manifest that was sent as a file.
 * @returns undefined for the empty file without a name that a form sends for a field nobody filled in
 * @throws FirmwireError `manifest_malformed` if it is too long or no text
 */
export async function readManifestPart({ file, filename }: MultipartFile): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  // To the end, or the parts behind it would never come.
  for await (const piece of file as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= MAX_MANIFEST_BYTES) pieces.push(piece);
  }
  if (size === 0 && !filename) return undefined;
  if (size > MAX_MANIFEST_BYTES)
    throw new FirmwireError(
      'manifest_malformed',
      `The manifest cannot be read: it is longer than ${MAX_MANIFEST_BYTES} bytes.`,
    );
  try {
    return utf8.decode(Buffer.concat(pieces));
  } catch (cause) {
    throw new FirmwireError('manifest_malformed', 'The manifest cannot be read: it is not UTF-8.', { cause });
  }
}
