import type { Clock, Log } from '../../core/ports.js';

export interface LinkParts {
  /** What it carries, for the log. */
  readonly name: 'http' | 'mqtt';
  /** Resolves if the server can be reached. */
  readonly check: () => Promise<void>;
  readonly retryMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Whether the server can be reached one way. While it cannot, it is looked for again and again, and nobody else has
 * to: a device is told at once. Loss and return are logged once each.
 */
export class Link {
  readonly #parts: LinkParts;
  #lost: unknown;
  #isUp = true;
  #closed = false;
  #looking: Promise<void> | undefined;
  #cancel = (): void => {};

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why it is lost, in a few words; undefined while it is up. */
  get reason(): string | undefined {
    return this.#isUp ? undefined : reasonOf(this.#lost);
  }

  /** Looks whether the server can be reached. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** A request has failed, perhaps by its own fault: nobody else is to suffer for that before it has been looked at. */
  doubt(): void {
    if (this.#isUp && !this.#closed) void this.look();
  }

  /** It has just carried something. */
  up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#cancel();
    this.#parts.log.info({ link: this.#parts.name }, 'the server can be reached again');
  }

  /** It has just failed. */
  down(error: unknown): void {
    if (this.#closed) return;
    this.#lost = error;
    if (this.#isUp) {
      this.#isUp = false;
      const { log, name } = this.#parts;
      log.warn({ link: name, reason: reasonOf(error) }, 'the server cannot be reached');
    }
    this.#cancel();
    this.#cancel = this.#parts.clock.after(this.#parts.retryMs, () => void this.look());
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #look(): Promise<void> {
    try {
      await this.#parts.check();
      this.up();
    } catch (error) {
      this.down(error);
    }
  }
}

/** What OpenSSL and Node say of certificates is for programmers. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of no authority that is trusted here (--ca FILE)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of no authority that is trusted here (--ca FILE)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of no authority that is trusted here (--ca FILE)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of no authority that is trusted here (--ca FILE)',
  CERT_SIGNATURE_FAILURE: 'its certificate is of no authority that is trusted here (--ca FILE)',
  EPROTO: 'it does not speak TLS there',
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const text = REASONS[code] ?? (error.message || error.name);
  return code === '' ? text : `${text} (${code})`;
}
