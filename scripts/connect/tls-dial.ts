import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** Trusted authorities, PEM; without it those of Node. */
  readonly ca?: string | undefined;
  /** How long the server may take to answer. */
  readonly answerMs: number;
}

/** Opens connections to the server's MQTTS port. */
export class Dial {
  readonly #options: DialOptions;
  /** Spares the server most of the next handshake. */
  #session: Buffer | undefined;

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** A connection whose handshake has ended and whose certificate is the server's. Rejects if there is none in time. */
  open(): Promise<TLSSocket> {
    const { host, port, ca, answerMs } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port,
        minVersion: 'TLSv1.2',
        ...(isIP(host) === 0 && { servername: host }),
        ...(ca !== undefined && { ca }),
        ...(this.#session && { session: this.#session }),
      });
      socket.setNoDelay(true);
      const late = setTimeout(() => {
        socket.destroy(Object.assign(new Error(`no answer within ${answerMs} ms`), { code: 'ETIMEDOUT' }));
      }, answerMs);
      socket.on('session', (session) => {
        this.#session = session;
      });
      // Stays: an error may come before whoever gets the socket has begun to listen.
      socket.on('error', (error) => {
        this.#session = undefined;
        reject(error);
      });
      socket.once('close', () => {
        clearTimeout(late);
        reject(new Error('the server closed the connection'));
      });
      socket.once('secureConnect', () => {
        clearTimeout(late);
        resolve(socket);
      });
    });
  }

  /** Rejects if the server cannot be reached. */
  async check(): Promise<void> {
    const socket = await this.open();
    socket.end(() => socket.destroy());
  }
}
