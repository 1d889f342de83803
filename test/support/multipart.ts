/** One part of a form: a field, or a file. */
export type Part =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly filename: string; readonly data: string | Buffer };

export const BOUNDARY = 'firmwire-boundary';

function renderPart(part: Part): Buffer {
  const isFile = 'filename' in part;
  const head = [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="${part.name}"${isFile ? `; filename="${part.filename}"` : ''}`,
    ...(isFile ? ['Content-Type: application/octet-stream'] : []),
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([
    Buffer.from(head),
    Buffer.from(isFile ? part.data : part.value),
    Buffer.from('\r\n'),
  ]);
}

/** A form as it goes over the wire (RFC 7578), parts in this order. */
export function upload(parts: readonly Part[]): { headers: { 'content-type': string }; payload: Buffer } {
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    payload: Buffer.concat([...parts.map(renderPart), Buffer.from(`--${BOUNDARY}--\r\n`)]),
  };
}
