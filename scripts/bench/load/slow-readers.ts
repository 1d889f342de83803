import { connect, type Socket } from 'node:net';

/** All of them read into this one: as much as each takes at a time. */
const SIP_BYTES = 2048;
const SIP = Buffer.allocUnsafe(SIP_BYTES);

/** Readers that take so little at a time that their download outlasts the measurement; they end with their process. */
export class SlowReaders {
  private readonly sockets: Socket[] = [];
  private closed = 0;
  private first = 0;

  /** Begins one download for each request; resolves when each has read once. */
  async start(port: number, requests: readonly Buffer[], everyMs: number): Promise<void> {
    await Promise.all(requests.map((request) => this.open(port, request)));
    let turn = 0;
    // A tenth of them each time: all at once would be a beat, not a crowd.
    setInterval(() => {
      turn = (turn + 1) % 10;
      for (let i = turn; i < this.sockets.length; i += 10) this.sockets[i]?.resume();
    }, everyMs / 10);
  }

  /** @throws Error if one of them was cut or answered with something else than a body */
  check(): void {
    if (this.closed > 0) throw new Error(`${this.closed} slow readers lost their connection.`);
    if (this.first !== this.sockets.length)
      throw new Error(`Only ${this.first} of ${this.sockets.length} slow readers got a 200.`);
  }

  private open(port: number, request: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      let begun = false;
      const socket = connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer: SIP,
          callback: (_length: number, buffer: Uint8Array) => {
            if (!begun) {
              begun = true;
              if ((buffer as Buffer).toString('latin1', 9, 12) === '200') this.first++;
              resolve();
            }
            // Reads no more until its turn.
            return false;
          },
        },
      });
      socket.on('error', reject);
      socket.once('close', () => this.closed++);
      socket.write(request);
      this.sockets.push(socket);
    });
  }
}
