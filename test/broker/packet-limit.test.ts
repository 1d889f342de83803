import { expect } from 'chai';
import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { PacketMeter } from '../../broker/packet-limit.js';
import { Bench, permissive } from '../support/broker-bench.js';
import { connectPacket, publishPacket } from '../support/wire-client.js';

const LIMITS = { first: 1024, later: 65_536 };
const PING = Buffer.of(0xc0, 0);

/** A packet of exactly this many bytes, fixed header included. */
function sized(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let digits = 1; digits <= 4; digits++) {
    const length = bytes - 1 - digits;
    if (length >= 128 ** digits || (digits > 1 && length < 128 ** (digits - 1))) continue;
    body[0] = 0x30;
    for (let i = 0; i < digits; i++) body[1 + i] = ((length >> (7 * i)) & 0x7f) | (i < digits - 1 ? 0x80 : 0);
    return body;
  }
  throw new Error(`no packet has ${bytes} bytes`);
}

/** The meter's word on each piece; it is asked no more once it has refused. */
const accepts = (...pieces: Uint8Array[]): boolean => {
  const meter = new PacketMeter(LIMITS);
  return pieces.every((piece) => meter.accept(piece));
};

describe('the packet meter', () => {
  it('lets the first packet have 1 KiB and every later one 64 KiB, and not a byte more', () => {
    expect(accepts(sized(1024), sized(65_536), sized(65_536), PING)).to.equal(true);
    expect(accepts(sized(1025))).to.equal(false);
    expect(accepts(sized(1024), sized(65_537))).to.equal(false);
    expect(accepts(PING, sized(65_536))).to.equal(true);
  });

  it('refuses at the length, before a byte of the body', () => {
    expect(accepts(sized(1025).subarray(0, 2))).to.equal(true);
    expect(accepts(sized(1025).subarray(0, 3))).to.equal(false);
  });

  it('refuses a length of more than four bytes (MQTT 3.1.1, 2.2.3)', () => {
    expect(accepts(Buffer.of(0x30, 0x80, 0x80, 0x80))).to.equal(true);
    expect(accepts(Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80))).to.equal(false);
  });

  it('comes to the same wherever the bytes are split', () => {
    const fits = Buffer.concat([sized(131), sized(2), sized(300), sized(129), PING]);
    const tooLong = Buffer.concat([sized(131), sized(65_537)]).subarray(0, 200);
    for (let at = 0; at <= fits.length; at++)
      expect(accepts(fits.subarray(0, at), fits.subarray(at)), `${at}`).to.equal(true);
    for (let at = 0; at <= tooLong.length; at++)
      expect(accepts(tooLong.subarray(0, at), tooLong.subarray(at)), `${at}`).to.equal(false);
    expect(accepts(...[...fits].map((byte) => Buffer.of(byte)))).to.equal(true);
    expect(accepts(...[...tooLong].map((byte) => Buffer.of(byte)))).to.equal(false);
  });

  it('refuses exactly when one of the packets is too long', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 2, max: 1030 }), fc.constantFrom(65_536, 65_537)), {
      minLength: 1,
      maxLength: 5,
    });
    // No packet has 130 bytes: 127 of body leave room for one digit of length, 128 need two.
    const possible = (bytes: number): number => (bytes === 130 ? 131 : bytes);
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(70_000), { maxLength: 6 }), (bytes, cuts) => {
        const packets = bytes.map(possible);
        const stream = Buffer.concat(packets.map(sized));
        const at = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
        const pieces = at.slice(1).map((end, i) => stream.subarray(at[i], end));
        const fit = packets.every((size, i) => size <= (i === 0 ? LIMITS.first : LIMITS.later));
        expect(accepts(...pieces)).to.equal(fit);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a connection with bounded packets', () => {
  let bench: Bench;
  afterEach(() => bench.close());

  it('is cut at a CONNECT of more than 1 KiB, before anybody is asked', async () => {
    let asked = 0;
    bench = await Bench.open({
      plugins: [
        permissive({
          authenticate: async () => {
            asked++;
            return undefined;
          },
        }),
      ],
    });
    const client = bench.socket();
    client.send(connectPacket({ username: 'u'.repeat(1024) }));
    await client.closed;
    expect(asked).to.equal(0);
    expect(bench.watch.counts).to.deep.equal({ packet: 1 });
  });

  it('is cut at a later packet of more than 64 KiB, which reaches nobody', async () => {
    bench = await Bench.open();
    const [sender, reader] = [await bench.client(), await bench.client()];
    await reader.subscribe(['#']);
    sender.send(publishPacket('/big', 'x'.repeat(65_536)));
    await sender.closed;
    const other = await bench.client();
    await other.publish('/fence');
    await reader.message('/fence');
    expect(reader.topics).to.deep.equal(['/fence']);
  });

  it('serves a packet of exactly 64 KiB', async () => {
    bench = await Bench.open();
    const client = await bench.client();
    await client.subscribe(['/big']);
    const header = generate(publishPacket('/big')).length + 2;
    const payload = 'x'.repeat(65_536 - header);
    expect(generate(publishPacket('/big', payload)).length).to.equal(65_536);
    await client.publish('/big', payload);
    expect((await client.message('/big')).text.length).to.equal(payload.length);
  });

  it('serves a client whose bytes come one by one', async () => {
    bench = await Bench.open();
    const client = bench.socket();
    for (const byte of generate(connectPacket())) client.send(Buffer.of(byte));
    expect((await client.connack()).returnCode).to.equal(0);
    await client.ping();
  });
});
