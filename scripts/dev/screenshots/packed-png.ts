import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;
/** Length, type and checksum around a chunk's data. */
const FRAME_BYTES = 12;

/** What a filter of PNG adds to a byte: its neighbours to the left (a), above (b) and above that one (c); PNG 9.2. */
const ADDED: readonly ((a: number, b: number, c: number) => number)[] = [
  () => 0,
  (a) => a,
  (_a, b) => b,
  (a, b) => (a + b) >> 1,
  (a, b, c) => {
    const [left, above, corner] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    if (left <= above && left <= corner) return a;
    return above <= corner ? b : c;
  },
];

/** The rows of a picture, each with a filter of its own, as rows without one. */
function unfiltered(rows: Buffer, height: number, pixelBytes: number): Buffer {
  const width = rows.length / height;
  const out = Buffer.alloc(rows.length);
  for (let row = 0; row < height; row++) {
    const start = row * width;
    const added = ADDED[rows[start] ?? 0];
    for (let x = 1; x < width; x++) {
      const at = start + x;
      const a = x > pixelBytes ? (out[at - pixelBytes] ?? 0) : 0;
      const b = row > 0 ? (out[at - width] ?? 0) : 0;
      const c = x > pixelBytes && row > 0 ? (out[at - width - pixelBytes] ?? 0) : 0;
      out[at] = (rows[at] ?? 0) + (added?.(a, b, c) ?? 0);
    }
  }
  return out;
}

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/**
 * The same picture in fewer bytes: a repository keeps what it is given for ever. Filters are made for photographs; text on
 * one colour is smaller without.
 */
export function packedPng(png: Buffer): Buffer {
  const chunks = new Map<string, Buffer[]>();
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const end = at + FRAME_BYTES + png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    chunks.set(type, [...(chunks.get(type) ?? []), png.subarray(at + 8, end - 4)]);
    at = end;
  }
  const header = Buffer.concat(chunks.get('IHDR') ?? []);
  // Colour type 6 has a byte of opacity, 2 has none; browsers write no other (PNG 11.2.2).
  const pixelBytes = header[9] === 6 ? 4 : 3;
  const rows = inflateSync(Buffer.concat(chunks.get('IDAT') ?? []));
  const packed = deflateSync(unfiltered(rows, header.readUInt32BE(4), pixelBytes), { level: 9, memLevel: 9 });
  const signature = png.subarray(0, SIGNATURE_BYTES);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', packed),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
