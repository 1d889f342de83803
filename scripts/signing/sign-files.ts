import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FirmwareFile } from '../../core/firmware.js';
import type { Claims } from '../../core/signing/manifest.js';
import { signManifest } from '../../core/signing/sign.js';
import { ClientError } from '../client/errors.js';
import { readPrivateKey, writeNew } from './key-files.js';

/** What is signed, besides what the files themselves say. */
export type SignWish = Omit<Claims, 'files'> & {
  readonly files: readonly string[];
  /** The file of the private key. */
  readonly key: string;
  /** Where the manifest goes. */
  readonly out: string;
};

async function describe(path: string): Promise<FirmwareFile> {
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) throw new ClientError(`${path}: there is no such file`);
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(piece);
    size += piece.length;
  }
  if (size === 0) throw new ClientError(`${path} is empty.`);
  return { name: basename(path), size, sha256: hash.digest('hex') };
}

/**
 * Signs files and writes the manifest. Needs no server.
 * @returns the manifest's text
 * @throws FirmwireError `manifest_malformed`; ClientError for a file or a key that cannot be used, or an output that is there
 */
export async function signFiles({ files, key, out, ...claims }: SignWish): Promise<string> {
  const privateKey = await readPrivateKey(key);
  const described = await Promise.all(files.map(describe));
  const text = signManifest({ ...claims, files: described }, privateKey);
  await writeNew(out, text, 0o644);
  return text;
}
