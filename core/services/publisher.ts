import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { FirmwireError } from '../errors.js';
import { checkImageName, renderFiles } from '../files-body.js';
import { type Firmware, type FirmwareFile, mismatch, type Release, sameTarget } from '../firmware.js';
import { IMAGE_HEAD_BYTES, inspectImage } from '../image.js';
import { type Platform, readPlatform, takesFiles } from '../platform.js';
import type { BlobStore, Clock, DeviceStore, Lock, SignerStore, StagedBlob } from '../ports.js';
import type { Rollout } from '../rollouts/rollout.js';
import { admitManifest } from '../signing/admission.js';
import { readManifest } from '../signing/manifest.js';
import { type Mark, mustRise } from '../signing/marks.js';
import { sameVersion } from '../version.js';
import type { Announced, Announcer } from './announcer.js';
import { BLOBS, type Catalog } from './catalog.js';
import type { Orders } from './orders.js';
import type { OwnerFeed } from './owner-feed.js';
import type { Rollouts } from './rollouts.js';

/** What an owner says about the firmware that is being published. */
export interface PublishFields {
  readonly version: string;
  readonly platform: string | undefined;
  readonly udid: string | undefined;
  readonly notes: string | undefined;
  readonly envHash: string | undefined;
  readonly tags: readonly string[];
  /** Undefined: to a few devices at once, to many in stages. */
  readonly rollout: Release | undefined;
  /** What the owner signed about it; undefined: it is not signed. */
  readonly manifest: string | undefined;
}

/** One file that has arrived and waits. */
export interface ArrivedFile {
  readonly name: string;
  readonly blob: StagedBlob;
}

export interface Published extends Announced {
  readonly firmware: Firmware;
  /** False if exactly this had been published before. */
  readonly created: boolean;
  /** What was started because it is for many devices. */
  readonly rollout: Rollout | undefined;
}

/** Publishes and withdraws firmware. */
export class Publisher {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Receives one file.
   * @param room bytes it may have
   * @throws FirmwireError `image_empty`, `image_too_large`; nothing is left behind
   */
  async receive(name: string, source: Readable, room: number): Promise<ArrivedFile> {
    const blob = await this.#parts.blobs.stage(source, room, IMAGE_HEAD_BYTES);
    if (blob.size > 0) return { name, blob };
    await blob.discard();
    throw new FirmwireError('image_empty', `${name}: the file is empty.`);
  }

  /**
   * Publishes firmware and tells every device it concerns. Resolves once bytes and record are on stable storage and
   * everybody who is connected has been told. The files are used up, whatever comes of it.
   * @param who the id of the key that publishes
   * @throws FirmwireError `image_refused`, `version_exists`, `field_invalid`, `sequence_too_low`, and as `admitManifest`
   */
  async publish(
    owner: string,
    fields: PublishFields,
    files: readonly ArrivedFile[],
    who: string,
  ): Promise<Published> {
    const staged: StagedBlob[] = files.map(({ blob }) => blob);
    try {
      await this.#admit(owner, fields, files);
      const platform = await this.#platformOf(owner, fields);
      const body = await this.#bodyOf(platform, files, staged);
      const described = this.#describe(owner, fields, platform, body, files);
      const { rollouts } = this.#parts;
      const isStaged = fields.rollout === undefined && (await rollouts.isForMany(described));
      const firmware: Firmware = isStaged ? { ...described, rollout: 'none' } : described;
      const { stored, created } = await this.#store(firmware, body, fields.rollout !== undefined);
      const rollout =
        isStaged && stored.rollout === 'none' && (await rollouts.isMissing(stored))
          ? await rollouts.create(owner, { firmware: stored.id }, who)
          : undefined;
      if (rollout) void rollouts.tick();
      if (stored.rollout !== 'none') await rollouts.releasedToAll(stored, who);
      const released = stored.rollout !== 'none';
      if (released) this.#parts.feed.firmwareEvent(stored, 'published');
      const announced = released ? await this.#parts.announcer.announce(stored) : { offered: 0, asked: 0 };
      await this.#review(stored);
      return { firmware: stored, created, rollout, ...announced };
    } finally {
      await Promise.all(staged.map((blob) => blob.discard()));
    }
  }

  /**
   * Takes firmware back: its offers and questions vanish, its tokens die. Durable.
   * @throws FirmwireError `firmware_not_found`
   */
  async withdraw(owner: string, id: string): Promise<void> {
    const { catalog, orders, announcer, blobs, feed, lock } = this.#parts;
    const firmware = await catalog.get(owner, id);
    if (!firmware) throw new FirmwireError('firmware_not_found');
    await lock.acquire(BLOBS, async () => {
      if (!(await catalog.remove(owner, id))) throw new FirmwireError('firmware_not_found');
      feed.firmwareRemoved(firmware);
      if (!(await catalog.isUsed(firmware.sha256))) await blobs.remove(firmware.sha256);
    });
    await this.#parts.rollouts.firmwareGone(owner, id);
    feed.firmwareEvent(firmware, 'withdrawn');
    await announcer.each(
      owner,
      (device) => device.update?.firmware === id,
      async ({ udid }) => {
        await orders.retract(udid, id);
        await announcer.reconsider(udid);
      },
    );
    await this.#review(firmware);
  }

  /**
   * Which version Home Assistant shows as available follows from the decision, and that changes for devices whose record
   * does not: those that are away and need not be asked. Whose record has changed has been told of, and may be at it.
   */
  async #review(firmware: Firmware): Promise<void> {
    const { announcer, devices, feed } = this.#parts;
    if (!feed.showsEntities(firmware.owner)) return;
    await announcer.each(
      firmware.owner,
      (device) => mismatch(firmware, device) === undefined && device.update?.firmware !== firmware.id,
      async ({ udid }) => {
        const device = await devices.get(udid);
        if (device) await feed.entityState(device);
      },
    );
  }

  /** Whether this may be published at all, as far as signatures go. Throws as `admitManifest`. */
  async #admit(owner: string, fields: PublishFields, files: readonly ArrivedFile[]): Promise<void> {
    const { platform, version, manifest } = fields;
    const about = { owner, platform, version, files: listedFiles(files) };
    const signers = manifest === undefined ? [] : await this.#parts.signers.list(owner);
    admitManifest(manifest, about, signers, this.#parts.clock.now(), this.#parts.requireSignature);
  }

  /** What insists that the sequence rises. @param before what was signed about the same bytes before, if they are there */
  async #checkOf(
    { owner, manifest: text }: Firmware,
    before: string | undefined,
  ): Promise<(marks: readonly Mark[]) => void> {
    // Exactly this has been published before: its sender has not had the answer, or releases it now.
    if (text === undefined || text === before) return () => {};
    const manifest = readManifest(text);
    const trusted = new Set((await this.#parts.signers.list(owner)).map(({ id }) => id));
    return (marks) => mustRise(marks, manifest, trusted);
  }

  /** The platform whose updater will see the image: as said, or that of the one device it is for. */
  async #platformOf(owner: string, { platform, udid }: PublishFields): Promise<Platform | undefined> {
    if (platform !== undefined) return readPlatform(platform);
    const device = udid === undefined ? undefined : await this.#parts.devices.get(udid);
    return device?.owner === owner ? readPlatform(device.platform) : undefined;
  }

  /** The bytes a device will receive: the image, or the JSON of all files. */
  async #bodyOf(
    platform: Platform | undefined,
    files: readonly ArrivedFile[],
    staged: StagedBlob[],
  ): Promise<StagedBlob> {
    const [first] = files;
    if (!first) throw new FirmwireError('field_invalid', 'file: at least one file is needed');
    if (!takesFiles(platform)) {
      checkImageName(first.name);
      if (files.length === 1) return first.blob;
      throw new FirmwireError('field_invalid', 'file: devices of this platform take exactly one image');
    }
    const contents = await Promise.all(
      files.map(async ({ name, blob }) => ({ name, data: await blob.read() })),
    );
    const json = renderFiles(contents);
    const body = await this.#parts.blobs.stage(json, json.length, IMAGE_HEAD_BYTES);
    staged.push(body);
    return body;
  }

  #describe(
    owner: string,
    fields: PublishFields,
    platform: Platform | undefined,
    body: StagedBlob,
    files: readonly ArrivedFile[],
  ): Firmware {
    const { chip } = inspectImage(body.head, platform);
    return {
      id: randomUUID(),
      owner,
      ...fields,
      rollout: fields.rollout ?? 'all-at-once',
      staging: undefined,
      chip,
      size: body.size,
      sha256: body.sha256,
      md5: body.md5,
      format: takesFiles(platform) ? 'files' : 'image',
      files: listedFiles(files),
      createdAt: this.#parts.clock.now(),
    };
  }

  /**
   * Keeps bytes and record, unless exactly this is there already.
   * @param isSaid whom it is for was said, and counts for what is there, too
   */
  #store(
    firmware: Firmware,
    body: StagedBlob,
    isSaid: boolean,
  ): Promise<{ stored: Firmware; created: boolean }> {
    const { catalog, feed, lock } = this.#parts;
    return lock.acquire(BLOBS, async () => {
      // Another node may have published just now.
      catalog.forget(firmware.owner);
      const known = (await catalog.list(firmware.owner)).find(
        (other) => sameTarget(other, firmware) && sameVersion(other.version, firmware.version),
      );
      if (known && known.sha256 !== firmware.sha256) throw new FirmwireError('version_exists');
      const next = merged(known, firmware, isSaid);
      const check = await this.#checkOf(next, known?.manifest);
      // Before anything is kept; and again with the write, as the one step that counts.
      check(await catalog.marks(firmware.owner));
      await body.keep();
      await catalog.put(next, check);
      // As everybody sees it from now on, with what its manifest comes to.
      const stored = (await catalog.get(next.owner, next.id)) ?? next;
      // Here, where no withdrawal can come in between: the last word on a topic holds.
      feed.firmwareStored(stored);
      return { stored, created: !known };
    });
  }
}

const listedFiles = (files: readonly ArrivedFile[]): FirmwareFile[] =>
  files.map(({ name, blob }) => ({ name, size: blob.size, sha256: blob.sha256 }));

/** What is stored of a firmware, if the same bytes for the same devices are there already. */
function merged(known: Firmware | undefined, firmware: Firmware, isSaid: boolean): Firmware {
  if (!known) return firmware;
  const isSignedAnew = firmware.manifest !== undefined && firmware.manifest !== known.manifest;
  const rollout = isSaid ? firmware.rollout : known.rollout;
  if (!isSignedAnew) return { ...known, rollout };
  const { id, notes, staging } = known;
  return { ...firmware, id, rollout, notes: firmware.notes ?? notes, staging };
}

interface Parts {
  readonly catalog: Catalog;
  readonly signers: Pick<SignerStore, 'list'>;
  /** `firmware.requireSignature` */
  readonly requireSignature: boolean;
  readonly blobs: BlobStore;
  readonly devices: DeviceStore;
  readonly orders: Orders;
  readonly rollouts: Rollouts;
  readonly announcer: Announcer;
  readonly feed: OwnerFeed;
  readonly clock: Clock;
  /** One for all nodes. */
  readonly lock: Lock;
}
