import type { Multipart, MultipartFile, MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { FirmwireError } from '../../core/errors.js';
import type { ArrivedFile, Publisher, PublishFields } from '../../core/services/publisher.js';
import { MAX_MANIFEST_BYTES } from '../../core/signing/manifest.js';
import { readVersion } from '../../core/version.js';
import { readManifestPart } from './manifest-part.js';
import { PublishForm, TAG_PATTERN } from './schemas.js';

const MAX_FILES = 64;
const form = Compile(PublishForm);
const TAG = new RegExp(TAG_PATTERN);

/** What may come in one upload; the bytes of the files are bounded as they arrive. */
const LIMITS = {
  files: MAX_FILES,
  fields: 16,
  parts: MAX_FILES + 16,
  fieldNameSize: 64,
  fieldSize: MAX_MANIFEST_BYTES + 1,
  headerPairs: 32,
};

/**
 * Reads an upload: fields first, then files, which go to disk as they arrive; the manifest anywhere. If anything is wrong nothing is left behind.
 * @throws FirmwireError `upload_invalid`, `field_invalid`, `image_empty`, `image_too_large`, `manifest_malformed`
 */
export async function receiveUpload(
  request: FastifyRequest,
  publisher: Publisher,
  maxBytes: number,
): Promise<{ fields: PublishFields; files: ArrivedFile[] }> {
  if (!request.isMultipart()) throw new FirmwireError('upload_invalid');
  const texts: Record<string, unknown> = {};
  const files: ArrivedFile[] = [];
  let fields: Fields | undefined;
  let manifest: string | undefined;
  let room = maxBytes;
  try {
    const limits = { ...LIMITS, fileSize: maxBytes + 1 };
    for await (const part of partsOf(request, limits)) {
      if (part.fieldname === 'manifest') {
        if (manifest !== undefined) throw new FirmwireError('upload_invalid', 'manifest: it stands twice');
        manifest = await manifestIn(part);
      } else if (part.type === 'field') {
        if (fields) throw new FirmwireError('upload_invalid', `${part.fieldname}: fields come before files`);
        readField(part, texts);
      } else {
        fields ??= readFields(texts);
        const file = await receiveFile(part, publisher, room);
        files.push(file);
        room -= file.blob.size;
      }
    }
    fields ??= readFields(texts);
    if (files.length === 0) throw new FirmwireError('field_invalid', 'file: at least one file is needed');
    return { fields: { ...fields, manifest }, files };
  } catch (error) {
    // What is still to come is thrown away: nobody else reads it, and the next request on this connection lies behind it.
    request.raw.unpipe();
    request.raw.resume();
    await Promise.all(files.map(({ blob }) => blob.discard()));
    throw error;
  }
}

/** What is said besides the manifest, which may be said last. */
type Fields = Omit<PublishFields, 'manifest'>;

/** It is text, sent as a field or as a file. An empty field is a form's way to leave it out. */
async function manifestIn(part: Multipart): Promise<string | undefined> {
  if (part.type === 'file') return readManifestPart(part);
  const { manifest } = readField(part, {});
  // A form's way to write line breaks (HTML, multipart/form-data).
  return manifest === undefined ? undefined : String(manifest).replaceAll('\r\n', '\n');
}

function readField(part: MultipartValue, texts: Record<string, unknown>): Record<string, unknown> {
  if (part.valueTruncated || part.fieldnameTruncated) {
    throw new FirmwireError('field_invalid', `${part.fieldname.slice(0, 64)}: too long`);
  }
  // An empty field is a form's way to leave it out.
  if (part.value !== '') texts[part.fieldname] = part.value;
  return texts;
}

/** The parts of the form; what is wrong with the form itself is the client's to mend. */
async function* partsOf(request: FastifyRequest, limits: object): AsyncIterable<Multipart> {
  const parts = request.parts({ limits, preservePath: true });
  for (;;) {
    const step = await parts.next().catch((error: unknown) => {
      throw isNamed(error) ? error : new FirmwireError('upload_invalid', undefined, { cause: error });
    });
    if (step.done) return;
    yield step.value;
  }
}

/** True for errors that say by their code what they are: Fastify's own, and the system's. */
const isNamed = (error: unknown): boolean => error instanceof Error && 'code' in error;

async function receiveFile(part: MultipartFile, publisher: Publisher, room: number): Promise<ArrivedFile> {
  if (part.fieldname !== 'file')
    throw new FirmwireError('upload_invalid', `${part.fieldname}: files are named "file"`);
  // The parser only emits them, now and then: the stream itself does not always know.
  const emitted = new Set<unknown>();
  part.file.on('error', (error) => emitted.add(error));
  try {
    return await publisher.receive(part.filename || 'firmware.bin', part.file, room);
  } catch (error) {
    // The form broke off within the file.
    if ((emitted.has(error) || error === part.file.errored) && !isNamed(error)) {
      throw new FirmwireError('upload_invalid', undefined, { cause: error });
    }
    throw error;
  }
}

function readFields(texts: Record<string, unknown>): Fields {
  if (!form.Check(texts)) {
    const [first] = form.Errors(texts);
    const where =
      first?.instancePath.slice(1) || String(Object.values(first?.params ?? {}).flat()[0] ?? 'fields');
    throw new FirmwireError('field_invalid', `${where}: ${first?.message ?? 'not allowed'}`);
  }
  const { version, platform, udid, notes, envHash, tags, rollout }: Static<typeof PublishForm> = texts;
  if (!readVersion(version))
    throw new FirmwireError('field_invalid', `version: ${version} contains no number to compare`);
  if (platform === undefined && udid === undefined) {
    throw new FirmwireError('field_invalid', 'platform: a platform or a udid is needed');
  }
  const listed = (tags ?? '').split(',').map((tag) => tag.trim());
  const wrong = listed.find((tag) => tag !== '' && !TAG.test(tag));
  if (wrong !== undefined)
    throw new FirmwireError('field_invalid', `tags: ${JSON.stringify(wrong)} is no tag`);
  return {
    version,
    platform,
    udid,
    notes,
    envHash,
    tags: [...new Set(listed.filter((tag) => tag !== ''))],
    rollout,
  };
}
