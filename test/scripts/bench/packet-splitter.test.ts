import { expect } from 'chai';
import fc from 'fast-check';
import { PacketSplitter } from '../../../scripts/bench/load/packet-splitter.js';

interface Packet {
  readonly first: number;
  readonly body: Buffer;
}

/** Type and flags, remaining length, body (MQTT 3.1.1, 2.2). */
function encode({ first, body }: Packet): Buffer {
  const head = [first];
  let left = body.length;
  do {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from(head), body]);
}

/** Sends the pieces through one buffer that is overwritten each time, as sockets do. */
function split(pieces: readonly Buffer[]): Packet[] {
  const packets: Packet[] = [];
  const splitter = new PacketSplitter((first, bytes, start, end) =>
    packets.push({ first, body: Buffer.from(bytes.subarray(start, end)) }),
  );
  const inbox = Buffer.alloc(Math.max(0, ...pieces.map((piece) => piece.length)) + 10);
  for (const piece of pieces) {
    inbox.fill(0xff);
    piece.copy(inbox);
    splitter.take(inbox, piece.length);
  }
  return packets;
}

/** Cuts a stream at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...places].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...sorted].map((place, i) => bytes.subarray(place, sorted[i] ?? bytes.length));
}

const packet = fc.record({
  first: fc.integer({ min: 0x10, max: 0xff }),
  body: fc
    .oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 120, max: 135 }), fc.constant(16_384))
    .map((size) => Buffer.alloc(size, size)),
});

describe('bench: packet splitting', () => {
  it('finds the same packets however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 6 }), fc.array(fc.nat(100_000)), (packets, places) => {
        const stream = Buffer.concat(packets.map(encode));
        expect(split(cut(stream, places))).to.deep.equal(packets);
      }),
    );
  });

  it('finds them one byte at a time', () => {
    const packets = [0, 1, 127, 128, 300].map((size) => ({ first: 0x30, body: Buffer.alloc(size, size) }));
    const stream = Buffer.concat(packets.map(encode));
    expect(split([...stream].map((byte) => Buffer.of(byte)))).to.deep.equal(packets);
  });

  it('hands over nothing before a packet is whole', () => {
    const stream = encode({ first: 0x30, body: Buffer.alloc(200) });
    expect(split([stream.subarray(0, -1)])).to.deep.equal([]);
  });
});
