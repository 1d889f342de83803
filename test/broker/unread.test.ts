import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { generate } from 'mqtt-packet';
import { MqttListener } from '../../broker/listener.js';
import type { Session } from '../../broker/plugin.js';
import type { RetainedMessage, RetainedSource } from '../../broker/retained.js';
import { Bench, permissive } from '../support/broker-bench.js';
import { gate } from '../support/gate.js';
import { connectPacket } from '../support/wire-client.js';

const PUSH = 'x'.repeat(10_000);
/** Far more than a socket's buffers hold. */
const MOST_PUSHES = 10_000;

describe('a session that reads nothing', () => {
  let bench: Bench;
  let listener: MqttListener;
  let socket: Socket;
  let session: Session;
  let gone: Promise<void>;
  beforeEach(async () => {
    const left = gate();
    gone = left.opened;
    const sessions: Session[] = [];
    const plugin = permissive({
      connected: (each) => void sessions.push(each),
      disconnected: (each) => {
        if (each === sessions[0]) left.open();
      },
    });
    bench = await Bench.open({ plugins: [plugin] });
    listener = new MqttListener(bench.broker, { first: 1024, later: 65_536, watch: bench.watch }, bench.log);
    socket = connect(await listener.listen(0, '127.0.0.1'), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(generate(connectPacket({ clientId: 'deaf' })));
    await once(socket, 'data');
    socket.pause();
    const [first] = sessions;
    if (!first) throw new Error('nobody connected');
    session = first;
  });
  afterEach(async () => {
    socket.destroy();
    await bench.close();
    await listener.close();
  });

  it('is cut once too much waits for it, and the server goes on', async () => {
    let pushes = 0;
    for (; session.open && pushes < MOST_PUSHES; pushes++) await session.send('/push', PUSH, 0);
    expect(session.open).to.equal(false);
    expect(pushes).to.be.greaterThan(6);
    await gone;
    await session.send('/push', PUSH, 1);

    const other = await bench.client();
    await other.subscribe(['/a'], 1);
    await other.publish('/a', 'still here', 1);
    expect((await other.message('/a')).text).to.equal('still here');
  });

  it('is not cut as long as it reads', async () => {
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    for (let pushes = 1; pushes <= 500; pushes++) {
      await session.send('/push', PUSH, 0);
      while (received < pushes * PUSH.length) await once(socket, 'data');
    }
    expect(session.open).to.equal(true);
  });
});

/** Thousands of retained messages, and how many of them have been asked for. */
class ManyRetained implements RetainedSource {
  readonly begun = gate();
  given = 0;

  async store(): Promise<void> {}

  async *matching(): AsyncIterable<RetainedMessage[]> {
    for (; this.given < 5000; this.given++) {
      yield [{ topic: `/kept/${this.given}`, payload: Buffer.from('kept'), qos: 0 }];
      this.begun.open();
    }
  }
}

describe('a session that is sent thousands of retained messages', () => {
  it('gets all of them in order, and others are answered in between', async () => {
    const retained = new ManyRetained();
    const bench = await Bench.open({ retained });
    const [reader, other] = [await bench.client(), await bench.client()];
    reader.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '/kept/#', qos: 0 }] });
    await retained.begun.opened;
    await other.ping();
    expect(retained.given).to.be.below(5000);
    await reader.message('/kept/4999');
    expect(reader.topics).to.deep.equal(Array.from({ length: 5000 }, (_, n) => `/kept/${n}`));
    await bench.close();
  });
});
