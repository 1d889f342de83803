import { connect, type Socket } from 'node:net';
import { PacketSplitter } from './packet-splitter.js';

/** The types of packets that a device gets (MQTT 3.1.1, 2.2.1). */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBACK = 9;

/** One packet as it came: its first byte and its body. Both are only valid while it is handled. */
export type OnPacket = (client: MqttClient, first: number, bytes: Buffer, start: number, end: number) => void;

/** All sockets read into this one; what is incomplete is copied out of it. */
const INBOX = Buffer.allocUnsafe(256 * 1024);

/**
 * A client that costs next to nothing, so that the load does not measure itself: it finds packet boundaries and hands
 * over what is between them.
 */
export class MqttClient {
  readonly index: number;
  private readonly socket: Socket;

  constructor(index: number, port: number, onPacket: OnPacket, onClosed: (client: MqttClient) => void) {
    this.index = index;
    const splitter = new PacketSplitter((first, bytes, start, end) =>
      onPacket(this, first, bytes, start, end),
    );
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: INBOX,
        callback: (length: number, buffer: Uint8Array) => {
          splitter.take(buffer as Buffer, length);
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
}

/** Answers a PUBLISH of QoS 1 with PUBACK; the packet id stands behind the topic (MQTT 3.1.1, 3.3.2.2). */
export function acknowledge(client: MqttClient, first: number, bytes: Buffer, start: number): void {
  if (!(first & 0x02)) return;
  const id = bytes.readUInt16BE(start + 2 + bytes.readUInt16BE(start));
  client.write(Buffer.of(0x40, 2, id >> 8, id & 0xff));
}
