import { isOwnerId } from '../account.js';
import { FirmwireError } from '../errors.js';
import type { FirmwareFile } from '../firmware.js';

/** What an owner says of a firmware and signs. */
export interface Claims {
  readonly owner: string;
  readonly platform: string;
  readonly version: string;
  /** 1 to `MAX_SEQUENCE`; each manifest for one platform has a higher one than all before. */
  readonly sequence: number;
  /** From then on it counts for nothing, seconds since the epoch. */
  readonly expires: number;
  /** True: meant also for devices that run a newer version. */
  readonly rollback: boolean;
  /** Every file as it was uploaded, in any order. */
  readonly files: readonly FirmwareFile[];
}

/** A manifest as it was read; nobody has vouched for it yet. */
export interface Manifest extends Claims {
  /** The id of the key it says it is signed with. */
  readonly signer: string;
  /** 128 hex digits. */
  readonly signature: string;
  /** What is signed: all of the text before the line `signature`. */
  readonly signed: Buffer;
}

/** What a device holds in 32 bits. */
export const MAX_SEQUENCE = 2 ** 32 - 1;
/** Past the year 9999, so that any date that can be written fits. */
const MAX_EXPIRES = 253_402_300_799;
const MAX_FILES = 64;
/** In a header as base64url it stays below what HTTP clients take. */
export const MAX_MANIFEST_BYTES = 8192;

const TITLE = 'firmwire-manifest 1';
const PLATFORM = /^[A-Za-z0-9_.-]{1,32}(:[A-Za-z0-9_.-]{1,32})?$/;
const VERSION = /^[0-9A-Za-z.+_:-]{1,64}$/;
const NUMBER = /^(0|[1-9][0-9]{0,11})$/;
const DIGEST = /^[0-9a-f]{64}$/;
const SIGNER = /^[0-9a-f]{16}$/;
const SIGNATURE = /^[0-9a-f]{128}$/;
/** One line, neither blank at its ends nor a place in a tree of files that is not below its top. */
const NAME = /^(?! )[^\p{Cc}\p{Zl}\p{Zp}\\]{1,128}(?<! )$/u;

const refuse = (why: string): FirmwireError =>
  new FirmwireError('manifest_malformed', `The manifest cannot be read: ${why}.`);

const isWithin = (number: number, least: number, most: number): boolean =>
  Number.isInteger(number) && number >= least && number <= most;

const byBytes = (a: FirmwareFile, b: FirmwareFile): number =>
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

/** What is wrong with these claims, or undefined. */
function complaint(claims: Claims): string | undefined {
  const { owner, platform, version, sequence, expires, files } = claims;
  if (!isOwnerId(owner)) return 'its owner is no owner id';
  if (!PLATFORM.test(platform)) return 'its platform is none';
  if (!VERSION.test(version)) return 'its version is none';
  if (!isWithin(sequence, 1, MAX_SEQUENCE)) return `its sequence is not 1 to ${MAX_SEQUENCE}`;
  if (!isWithin(expires, 1, MAX_EXPIRES)) return 'its end is no time in seconds';
  if (!isWithin(files.length, 1, MAX_FILES)) return `it names ${files.length} files, not 1 to ${MAX_FILES}`;
  if (new Set(files.map(({ name }) => name)).size < files.length) return 'it names a file twice';
  const wrong = files.find(
    ({ name, size, sha256 }) =>
      !NAME.test(name) || !name.isWellFormed() || !isWithin(size, 1, 1e12 - 1) || !DIGEST.test(sha256),
  );
  return wrong && `of the file ${JSON.stringify(wrong.name)} the name, size or digest is none`;
}

/**
 * The text that is signed, without the signature: for the same claims always the same bytes. docs/signing.md has the grammar.
 * @throws FirmwireError `manifest_malformed` if they make no manifest
 */
export function encodeClaims(claims: Claims, signer: string): string {
  const wrong = complaint(claims) ?? (SIGNER.test(signer) ? undefined : 'its signer is none');
  if (wrong !== undefined) throw refuse(wrong);
  const { owner, platform, version, sequence, expires, rollback, files } = claims;
  const lines = [
    TITLE,
    `owner ${owner}`,
    `platform ${platform}`,
    `version ${version}`,
    `sequence ${sequence}`,
    `expires ${expires}`,
    `rollback ${rollback ? 'yes' : 'no'}`,
    ...[...files].sort(byBytes).map(({ name, size, sha256 }) => `file ${size} ${sha256} ${name}`),
    `signer ${signer}`,
  ];
  const text = `${lines.join('\n')}\n`;
  if (Buffer.byteLength(text) > MAX_MANIFEST_BYTES - SIGNATURE_LINE)
    throw refuse(`it is longer than ${MAX_MANIFEST_BYTES} bytes`);
  return text;
}

/** The last line, by which a reader knows where what is signed ends. */
export const signatureLine = (signature: string): string => `signature ${signature}\n`;
const SIGNATURE_LINE = signatureLine('0'.repeat(128)).length;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refuse('it is not UTF-8');
  }
}

/** Takes lines off one by one, and insists on their names. */
class Lines {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  is(name: string): boolean {
    return this.#lines[this.#at]?.startsWith(`${name} `) === true;
  }

  take(name: string): string {
    if (!this.is(name)) throw refuse(`its line ${this.#at + 1} does not begin with "${name} "`);
    return this.#lines[this.#at++]?.slice(name.length + 1) ?? '';
  }

  number(name: string): number {
    const text = this.take(name);
    return NUMBER.test(text) ? Number(text) : Number.NaN;
  }

  flag(name: string): boolean {
    const text = this.take(name);
    if (text !== 'yes' && text !== 'no') throw refuse(`"${name}" is neither yes nor no`);
    return text === 'yes';
  }

  end(): void {
    if (this.#at < this.#lines.length) throw refuse('something follows its signature');
  }
}

function readFile(line: string): FirmwareFile {
  const [, size = '', sha256 = '', name = ''] = /^(\d+) ([0-9a-f]+) (.*)$/u.exec(line) ?? [];
  return { name, size: NUMBER.test(size) ? Number(size) : Number.NaN, sha256 };
}

/**
 * Reads a manifest. There is one text for one set of claims: whatever is not exactly that is refused.
 * @throws FirmwireError `manifest_malformed` that says what is wrong
 */
export function readManifest(manifest: string | Uint8Array): Manifest {
  const bytes = typeof manifest === 'string' ? Buffer.from(manifest) : manifest;
  if (bytes.length > MAX_MANIFEST_BYTES) throw refuse(`it is longer than ${MAX_MANIFEST_BYTES} bytes`);
  const text = typeof manifest === 'string' ? manifest : textOf(manifest);
  const lines = new Lines(text.split('\n').slice(0, -1));
  if (lines.take('firmwire-manifest') !== '1') throw refuse('it is of another version');
  const head = {
    owner: lines.take('owner'),
    platform: lines.take('platform'),
    version: lines.take('version'),
    sequence: lines.number('sequence'),
    expires: lines.number('expires'),
    rollback: lines.flag('rollback'),
  };
  const files: FirmwareFile[] = [];
  while (lines.is('file')) files.push(readFile(lines.take('file')));
  const signer = lines.take('signer');
  const signature = lines.take('signature');
  lines.end();
  if (!SIGNATURE.test(signature)) throw refuse('its signature is not 128 hex digits');
  const claims = { ...head, files };
  const signed = encodeClaims(claims, signer);
  if (signed + signatureLine(signature) !== text)
    throw refuse('its files are not in their order, or its end is not the end of a line');
  return { ...claims, signer, signature, signed: Buffer.from(signed) };
}
