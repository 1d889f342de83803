import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../core/ports.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import type { Dial } from './tls-dial.js';

/** The first byte of every MQTT connection: CONNECT (MQTT 3.1.1, 3.1.1). */
const CONNECT = 0x10;

/** A side that has lost its power says nothing; the kernel asks it after so many ms. */
const ALIVE_MS = 60_000;

/**
 * The MQTT port that devices use: each connection is carried through one of its own, with TLS, byte by byte. What ends
 * on one side ends on the other at once, so that the server sees a device go, and a device its server.
 */
export class MqttPort {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #dial: Dial;
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #log: Log;

  constructor(dial: Dial, link: Link, limits: Limits, log: Log) {
    this.#dial = dial;
    this.#link = link;
    this.#limits = limits;
    this.#log = log;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (device) => void this.#take(device));
    this.#server.maxConnections = limits.mqttConnections;
  }

  /** @returns the port in use, which is a free one if 0 was asked for */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections, and cuts those there are: devices come back to whoever is here then. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #take(device: Socket): Promise<void> {
    this.#sockets.add(device);
    device.once('close', () => this.#sockets.delete(device)).on('error', () => {});
    device.setKeepAlive(true, ALIVE_MS);
    // A device that is not answered at once goes into its own back-off; one that is kept waiting hangs.
    if (!this.#link.isUp || !(await this.#speaks(device))) {
      device.destroy();
      return;
    }
    let server: Socket;
    try {
      server = await this.#dial.open();
      this.#link.up();
    } catch (error) {
      this.#link.down(error);
      device.destroy();
      return;
    }
    this.#join(device, server);
  }

  /** True once its first byte has come, and is the one that MQTT begins with; nothing is taken from the stream. */
  #speaks(device: Socket): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (speaks: boolean): void => {
        clearTimeout(timer);
        resolve(speaks);
      };
      const timer = setTimeout(() => end(false), this.#limits.firstByteMs);
      device.once('close', () => end(false));
      device.once('readable', () => {
        const bytes: Buffer | null = device.read();
        if (bytes) device.unshift(bytes);
        end(bytes?.[0] === CONNECT);
      });
    });
  }

  #join(device: Socket, server: Socket): void {
    server.setKeepAlive(true, ALIVE_MS);
    this.#sockets.add(server);
    const linger = (other: Socket): void =>
      void other.setTimeout(this.#limits.lingerMs, () => other.destroy());
    server.once('close', () => {
      this.#sockets.delete(server);
      // What it said last is still to leave.
      device.destroySoon();
      linger(device);
    });
    server.on('error', (err) => {
      this.#log.debug({ err }, 'an MQTT connection to the server failed');
      device.destroy();
    });
    device.once('close', () => server.destroy());
    device.once('end', () => linger(server));
    // Either may have gone meanwhile.
    if (device.destroyed || server.destroyed) {
      device.destroy();
      server.destroy();
      return;
    }
    device.pipe(server);
    server.pipe(device);
  }
}
