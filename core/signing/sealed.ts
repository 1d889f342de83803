import type { Firmware, FirmwareFile, StoredFirmware } from '../firmware.js';
import type { Signer } from './keys.js';
import { type Manifest, readManifest } from './manifest.js';
import { type Mark, releasedPast } from './marks.js';
import type { Seal } from './seal.js';
import { openedBefore } from './sign.js';

/** What a manifest has to agree with. */
export type About = Pick<StoredFirmware, 'owner' | 'platform' | 'version' | 'files'>;

const inOrder = (files: readonly FirmwareFile[]): string =>
  files
    .map(({ name, size, sha256 }) => JSON.stringify([name, size, sha256]))
    .sort()
    .join();

/** In what a manifest is about something else, for a person; undefined: in nothing. */
export function difference(manifest: Manifest, about: About): string | undefined {
  const named = (['owner', 'platform', 'version'] as const).find((name) => manifest[name] !== about[name]);
  if (named) return `its ${named} is ${manifest[named]}, that of the upload ${about[named] ?? 'not said'}`;
  if (inOrder(manifest.files) === inOrder(about.files)) return undefined;
  const strange = about.files.find(
    (file) => !manifest.files.some((known) => inOrder([known]) === inOrder([file])),
  );
  return strange
    ? `it names no file ${strange.name} of ${strange.size} bytes with the SHA-256 ${strange.sha256}`
    : 'it names files that are not in the upload';
}

/** What a stored manifest says; undefined if that is nothing: the store has been tampered with, or is damaged. */
export function claimed(manifest: string): Manifest | undefined {
  try {
    return readManifest(manifest);
  } catch {
    return undefined;
  }
}

const isAbout = (manifest: Manifest, firmware: StoredFirmware): boolean =>
  difference(manifest, firmware) === undefined &&
  (firmware.format === 'files' || firmware.files[0]?.sha256 === firmware.sha256);

/**
 * A firmware with what its manifest comes to, checked again: what lies in the store is believed no more than what arrives.
 * @param signers of its owner
 * @param marks of its owner
 */
export function sealed(
  firmware: StoredFirmware,
  signers: readonly Signer[],
  marks: readonly Mark[],
): Firmware {
  const { manifest: text, owner } = firmware;
  if (text === undefined) return firmware;
  const claims = claimed(text);
  const signer = signers.find(({ id }) => id === claims?.signer);
  const opened = signer && openedBefore(text, signer);
  const trusted = new Set(signers.map(({ id }) => id));
  const sequence = claims?.sequence ?? 0;
  const seal: Seal = {
    signer: claims?.signer ?? '',
    alias: signer?.alias,
    sequence,
    expiresAt: (claims?.expires ?? 0) * 1000,
    rollback: claims?.rollback === true,
    isTrusted: opened !== undefined && isAbout(opened, firmware),
    overtaken: releasedPast(owner, sequence, marks, trusted),
    trusted,
  };
  return { ...firmware, seal };
}
