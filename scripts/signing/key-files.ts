import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { publicHalf, signerId } from '../../core/signing/keys.js';
import { ClientError } from '../client/errors.js';

/** For its owner alone. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;
/** Rights of anybody else. */
const OTHERS = 0o077;

/** A key that has just been made. */
export interface MadeKey {
  readonly id: string;
  readonly publicKey: string;
  readonly privateFile: string;
  readonly publicFile: string;
}

/** Writes a new file, on stable storage. @throws ClientError if there is one: it may be the only copy of a key */
export async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST')
      throw new ClientError(`${path} is there already and is not overwritten.`, { cause });
    throw cause;
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes an Ed25519 key: the private half in `path` (PKCS#8, RFC 8410), readable by its owner alone, the public half in
 * `path.pub`.
 * @throws ClientError if either file is there; nothing is written then
 */
export async function makeKey(path: string): Promise<MadeKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicFile = `${path}.pub`;
  await writeNew(publicFile, publicKey.export({ format: 'pem', type: 'spki' }).toString(), PUBLIC);
  try {
    await writeNew(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), PRIVATE);
  } catch (error) {
    await rm(publicFile);
    throw error;
  }
  const half = publicHalf(publicKey);
  return { id: signerId(half), publicKey: half, privateFile: path, publicFile };
}

async function readable(path: string): Promise<string> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new ClientError(`${path}: there is no such file`, { cause });
    throw cause;
  });
  try {
    const { mode } = await file.stat();
    // Windows has no such rights, and shows them as granted.
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw new ClientError(
        `${path} can be read by others; a private key is for you alone: chmod 600 ${path}`,
      );
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Reads a private key that `makeKey` wrote, or any other Ed25519 key in PEM.
 * @throws ClientError if there is none, others can read it, it needs a passphrase, or it is of another kind
 */
export async function readPrivateKey(path: string): Promise<KeyObject> {
  const pem = await readable(path);
  if (pem.includes('ENCRYPTED'))
    throw new ClientError(`${path} is protected by a passphrase, which cannot be asked for here.`);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new ClientError(`${path} is not a private key in PEM.`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new ClientError(`${path} is a key of the kind ${key.asymmetricKeyType}, not Ed25519.`);
  return key;
}

/** Reads a small text file. @throws ClientError if there is none, or it is longer than `most` bytes */
export async function readSmall(path: string, most: number): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new ClientError(`${path}: there is no such file`, { cause });
    throw cause;
  });
  if (bytes.length > most) throw new ClientError(`${path} is longer than ${most} bytes.`);
  return bytes;
}
