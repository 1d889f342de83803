const NOTHING = Buffer.alloc(0);

/** One packet as it came: its first byte, and where in `bytes` its body lies. Only valid while it is handled. */
export type OnSplit = (first: number, bytes: Buffer, start: number, end: number) => void;

/** Finds the boundaries of MQTT packets in a stream, however it is cut (MQTT 3.1.1, 2.2). */
export class PacketSplitter {
  private rest: Buffer = NOTHING;

  constructor(private readonly onPacket: OnSplit) {}

  /** Takes the first `length` bytes of a buffer that may be overwritten afterwards. */
  take(buffer: Buffer, length: number): void {
    let bytes = buffer;
    let end = length;
    if (this.rest.length > 0) {
      bytes = Buffer.concat([this.rest, buffer.subarray(0, length)]);
      end = bytes.length;
    }
    const used = this.packets(bytes, end);
    this.rest = used === end ? NOTHING : Buffer.from(bytes.subarray(used, end));
  }

  /** Handles every whole packet and returns where the first incomplete one begins. */
  private packets(bytes: Buffer, end: number): number {
    let at = 0;
    while (at + 2 <= end) {
      let body = at + 1;
      let length = 0;
      let shift = 0;
      let byte: number;
      do {
        if (body >= end) return at;
        byte = bytes[body++] ?? 0;
        length |= (byte & 0x7f) << shift;
        shift += 7;
      } while (byte & 0x80);
      if (body + length > end) return at;
      this.onPacket(bytes[at] ?? 0, bytes, body, body + length);
      at = body + length;
    }
    return at;
  }
}
