import { randomBytes } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { FirmwireError } from '../../../core/errors.js';
import type { Clock, Log } from '../../../core/ports.js';
import { type Pair, readPair } from './pair.js';

export interface CertificateParts {
  /** PEM files, `tls.cert` and `tls.key`. */
  readonly cert: string;
  readonly key: string;
  /** PEM file of the authorities of clients' certificates; empty: clients are not asked for any. */
  readonly clientCa: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** A handshake may take so long, ms. */
  readonly handshakeMs: number;
  /** How often the files are looked at, ms. */
  readonly checkMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Something that serves a certificate, and can change over to another. */
export interface Serving {
  setSecureContext(options: TlsOptions): void;
}

const isEqual = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b);

const DAY_MS = 86_400_000;
/** Let's Encrypt renews 30 days before the end: with 14 left something is wrong. */
const WARN_DAYS = 14;
/** What Node wants of `ticketKeys`. */
const TICKET_KEY_BYTES = 48;

/**
 * The certificate in use, and the next one once it lies in the files. A pair that cannot be used changes nothing: the
 * one before goes on. Connections that are open keep what they began with.
 */
export class Certificate {
  readonly #parts: CertificateParts;
  readonly #serving: Serving[] = [];
  /** One for all ports, so that a session begun on one is resumed on the other, and after a renewal. */
  #ticketKeys = randomBytes(TICKET_KEY_BYTES);
  #pair: Pair;
  #stopReminding = (): void => {};
  #loading: Promise<void> = Promise.resolve();

  private constructor(parts: CertificateParts, pair: Pair) {
    this.#parts = parts;
    this.#pair = pair;
    this.#remind();
  }

  /** @throws FirmwireError `config_invalid` if the files hold no pair that can be used */
  static async open(parts: CertificateParts): Promise<Certificate> {
    const certificate = new Certificate(parts, await readPair(parts.cert, parts.key, parts.clientCa));
    certificate.#watch();
    return certificate;
  }

  /** What a TLS server is to be made with. */
  get options(): TlsOptions {
    const { cert, key, clientCa } = this.#pair;
    const { minVersion, handshakeMs } = this.#parts;
    return {
      cert,
      key,
      minVersion,
      handshakeTimeout: handshakeMs,
      ticketKeys: this.#ticketKeys,
      // Who shows none, or one of somebody else's, is let in as far as the key they have lets them.
      ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
    };
  }

  /** When the certificate in use ends, ms since the epoch. */
  get notAfter(): number {
    return this.#pair.notAfter;
  }

  /** Serves `server` with each certificate that comes. */
  feed(server: Serving): void {
    this.#serving.push(server);
  }

  /** Reads the files again. Never rejects: what is wrong is logged, and the pair in use stays. */
  reload(): Promise<void> {
    this.#loading = this.#loading.then(() => this.#load());
    return this.#loading;
  }

  close(): void {
    for (const path of this.#paths) unwatchFile(path, this.#changed);
    this.#stopReminding();
  }

  async #load(): Promise<void> {
    const { cert, key, clientCa, log } = this.#parts;
    try {
      const pair = await readPair(cert, key, clientCa);
      const before = this.#pair;
      const isSameCa = isEqual(pair.clientCa, before.clientCa);
      if (pair.fingerprint === before.fingerprint && pair.key.equals(before.key) && isSameCa) return;
      this.#pair = pair;
      // A session that is resumed is not verified again: with another authority none may be.
      if (!isSameCa) this.#ticketKeys = randomBytes(TICKET_KEY_BYTES);
      for (const server of this.#serving) server.setSecureContext(this.options);
      log.info(
        { fingerprint: pair.fingerprint, notAfter: new Date(pair.notAfter) },
        'new certificate in use',
      );
      this.#remind();
    } catch (err) {
      const code = err instanceof FirmwireError ? err.code : 'internal';
      log.error({ err, code }, 'the new certificate cannot be used; the one before stays in use');
    }
  }

  /** Asking for the state of a file finds every way of replacing it: written, renamed, or a link turned elsewhere. */
  #watch(): void {
    const { checkMs } = this.#parts;
    for (const path of this.#paths) watchFile(path, { interval: checkMs, persistent: false }, this.#changed);
  }

  get #paths(): readonly string[] {
    const { cert, key, clientCa } = this.#parts;
    return clientCa === '' ? [cert, key] : [cert, key, clientCa];
  }

  readonly #changed = (): void => void this.reload();

  /** Says once a day that the end is near. */
  #remind(): void {
    const { clock, log } = this.#parts;
    this.#stopReminding();
    const days = Math.floor((this.#pair.notAfter - clock.now()) / DAY_MS);
    const facts = { days, notAfter: new Date(this.#pair.notAfter) };
    if (days < 0) log.error(facts, 'the certificate has expired: clients that check it stay away');
    else if (days < WARN_DAYS) log.warn(facts, 'the certificate ends soon');
    if (this.#pair.isKeyOpen)
      log.warn({ file: this.#parts.key }, 'others may read the private key: chmod 600');
    this.#stopReminding = clock.after(DAY_MS, () => this.#remind());
  }
}
