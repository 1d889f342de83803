import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { FirmwireError } from '../../../core/errors.js';

/** A certificate with its key, read and found to belong together. */
export interface Pair {
  /** The certificate and those that lead to its authority, PEM. */
  readonly cert: Buffer;
  /** The private key, PEM. */
  readonly key: Buffer;
  /** When the certificate ends, ms since the epoch. */
  readonly notAfter: number;
  /** Its SHA-256, as OpenSSL shows it. */
  readonly fingerprint: string;
  /** True if everybody on the machine may read the key; a group, such as Debian's ssl-cert, is somebody's choice. */
  readonly isKeyOpen: boolean;
  /** The authorities of clients' certificates, PEM; undefined: clients are not asked for any. */
  readonly clientCa: Buffer | undefined;
}

const OTHERS = 0o007;

/**
 * Reads the files of `tls.cert` and `tls.key`, and of `tls.clientCa` if there is one.
 * @throws FirmwireError `config_invalid` that names the setting and what is wrong with its file
 */
export async function readPair(certPath: string, keyPath: string, clientCaPath = ''): Promise<Pair> {
  const [cert, key, { mode }] = await Promise.all([
    attempt('tls.cert', certPath, () => readFile(certPath)),
    attempt('tls.key', keyPath, () => readFile(keyPath)),
    attempt('tls.key', keyPath, () => stat(keyPath)),
  ]);
  const leaf = await attempt('tls.cert', certPath, () => new X509Certificate(cert));
  const privateKey = await attempt('tls.key', keyPath, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey))
    throw invalid('tls.key', keyPath, `is not the key of the certificate in ${certPath}`);
  // What OpenSSL makes of both is what counts in the end, with all of the chain.
  await attempt('tls.cert', certPath, () => createSecureContext({ cert, key }));
  const clientCa =
    clientCaPath === ''
      ? undefined
      : await attempt('tls.clientCa', clientCaPath, async () => {
          const ca = await readFile(clientCaPath);
          // OpenSSL takes a file without any certificate for an empty list, and would trust nobody.
          void new X509Certificate(ca);
          createSecureContext({ ca });
          return ca;
        });
  return {
    clientCa,
    cert,
    key,
    notAfter: Date.parse(leaf.validTo),
    fingerprint: leaf.fingerprint256,
    isKeyOpen: (mode & OTHERS) !== 0,
  };
}

async function attempt<T>(setting: string, path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw invalid(setting, path, reasonOf(error), error);
  }
}

const invalid = (setting: string, path: string, what: string, cause?: unknown): FirmwireError =>
  new FirmwireError('config_invalid', `${setting}: ${path} ${what}`, { cause });

/** OpenSSL's words are for programmers, and one of them may quote the file. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'is not there';
  if (code === 'EACCES') return 'may not be read by the user of the server';
  if (code === 'EISDIR') return 'is a folder';
  return `cannot be used: it is not PEM, damaged, or protected by a passphrase${code ? ` (${code})` : ''}`;
}
