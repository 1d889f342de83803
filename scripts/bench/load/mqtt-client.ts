import { connect, type Socket } from 'node:net';

/** The types of packets that a device gets (MQTT 3.1.1, 2.2.1). */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBACK = 9;

/** One packet as it came: its first byte and its body. Both are only valid while it is handled. */
export type OnPacket = (client: MqttClient, first: number, bytes: Buffer, start: number, end: number) => void;

const NOTHING = Buffer.alloc(0);

/** All sockets read into this one; what is incomplete is copied out of it. */
const INBOX = Buffer.allocUnsafe(256 * 1024);

/**
 * A client that costs next to nothing, so that the load does not measure itself: it finds packet boundaries and hands
 * over what is between them.
 */
export class MqttClient {
  readonly index: number;
  private readonly socket: Socket;
  private readonly onPacket: OnPacket;
  private rest: Buffer = NOTHING;

  constructor(index: number, port: number, onPacket: OnPacket, onClosed: (client: MqttClient) => void) {
    this.index = index;
    this.onPacket = onPacket;
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: INBOX,
        callback: (length: number, buffer: Uint8Array) => {
          this.take(buffer as Buffer, length);
          return true;
        },
      },
    });
    this.socket.on('error', () => {});
    this.socket.once('close', () => onClosed(this));
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Stops and goes on reading: a stalled subscriber. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private take(buffer: Buffer, length: number): void {
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
      this.onPacket(this, bytes[at] ?? 0, bytes, body, body + length);
      at = body + length;
    }
    return at;
  }
}
