import { FirmwireError } from '../errors.js';
import type { StoredFirmware, Target } from '../firmware.js';
import { readPlatform } from '../platform.js';
import type { Manifest } from './manifest.js';

/**
 * How far the sequences of one signer have got, for one platform and one target. It outlives the firmware, so that what was
 * withdrawn does not let an older one back in.
 */
export interface Mark {
  readonly platform: string;
  /** Which devices of the platform; as of a firmware. */
  readonly udid: string | undefined;
  readonly tags: readonly string[];
  readonly signer: string;
  /** The highest that has been published. */
  readonly published: number;
  /** The highest that has been offered by itself; 0: none. */
  readonly released: number;
}

/** All marks of one owner, as they are stored. */
export interface OwnerMarks {
  readonly owner: string;
  readonly marks: readonly Mark[];
}

/** However it was written. */
const platformOf = (platform: string): string => {
  const read = readPlatform(platform);
  return [read?.updater ?? '', ...(read?.chip === undefined ? [] : [read.chip])].join(':');
};

const isSame = (a: Mark, b: Mark): boolean =>
  a.platform === b.platform && a.udid === b.udid && a.tags.join() === b.tags.join() && a.signer === b.signer;

/**
 * Insists that sequences rise.
 * @param trusted the ids of the keys that the owner trusts: what others said is passed over
 * @throws FirmwireError `sequence_too_low` if this one, or a higher one, has been published for this platform
 */
export function mustRise(
  marks: readonly Mark[],
  { sequence, platform }: Manifest,
  trusted: ReadonlySet<string>,
): void {
  const others = marks.filter((mark) => mark.platform === platformOf(platform) && trusted.has(mark.signer));
  const most = Math.max(0, ...others.map(({ published }) => published));
  if (sequence > most) return;
  throw new FirmwireError(
    'sequence_too_low',
    `The manifest has the sequence ${sequence}; ${most} has been published for ${platform}, so the next is ${most + 1}.`,
  );
}

/** The marks once this firmware, with what was signed about it, is stored; the same if nothing rises. */
export function raised(
  marks: readonly Mark[],
  { udid, tags, rollout }: StoredFirmware,
  { sequence, signer, platform }: Manifest,
): readonly Mark[] {
  const target = { platform: platformOf(platform), udid, tags: [...tags].sort(), signer };
  const fresh = { ...target, published: 0, released: 0 };
  const old = marks.find((mark) => isSame(mark, fresh)) ?? fresh;
  const published = Math.max(sequence, old.published);
  const released = rollout === 'none' ? old.released : Math.max(sequence, old.released);
  if (published === old.published && released === old.released) return marks;
  return [...marks.filter((each) => !isSame(each, old)), { ...target, published, released }];
}

/** The devices to which more than this sequence has been released, by keys that are still trusted. */
export const releasedPast = (
  owner: string,
  sequence: number,
  marks: readonly Mark[],
  trusted: ReadonlySet<string>,
): readonly Target[] =>
  marks
    .filter(({ released, signer }) => released > sequence && trusted.has(signer))
    .map(({ platform, udid, tags }) => ({ owner, platform, udid, tags, chip: undefined }));
