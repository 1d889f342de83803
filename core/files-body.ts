import { FirmwireError } from './errors.js';

/** One file of a multi-file firmware. */
export interface NamedContent {
  readonly name: string;
  readonly data: Buffer;
}

const MAX_NAME = 128;
/** Devices write these names into their own flash: plain relative paths only. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** An image's own name is only shown: any text without a path. */
const IMAGE_NAME = /^(?!\.{1,2}$)[^/\\\p{Cc}]{1,128}$/u;

/**
 * Checks the name of an image file.
 * @throws FirmwireError `field_invalid` for a path, or a name that is too long
 */
export function checkImageName(name: string): void {
  if (!IMAGE_NAME.test(name))
    throw new FirmwireError('field_invalid', `file: ${quoted(name)} is not a plain file name`);
}

const quoted = (name: string): string => JSON.stringify(name.slice(0, MAX_NAME));

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text if the bytes are UTF-8, else undefined. */
function asText(data: Buffer): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}

/**
 * The body that multi-file platforms receive (wire.md 4):
 * `{"type":"file","files":[{"name":"boot.py","data":"<text>"}]}`; a binary file carries `"encoding":"base64"`.
 * @throws FirmwireError `field_invalid` for a name that is no plain relative path, or that stands twice
 */
export function renderFiles(contents: readonly NamedContent[]): Buffer {
  const seen = new Set<string>();
  const files = contents.map(({ name, data }) => {
    if (name.length > MAX_NAME || !NAME.test(name)) {
      throw new FirmwireError('field_invalid', `file: ${quoted(name)} is not a plain relative file name`);
    }
    if (seen.has(name)) throw new FirmwireError('field_invalid', `file: ${name} stands twice`);
    seen.add(name);
    const text = asText(data);
    return text === undefined
      ? { name, data: data.toString('base64'), encoding: 'base64' }
      : { name, data: text };
  });
  return Buffer.from(JSON.stringify({ type: 'file', files }));
}
