import { Duplex } from 'node:stream';
import type { Client } from 'aedes';
import { expect } from 'chai';
import { type Packet, parser } from 'mqtt-packet';
import { Flusher } from '../../broker/flusher.js';
import type { Message } from '../../broker/plugin.js';
import type { RetainedMessage } from '../../broker/retained.js';
import { AedesSession } from '../../broker/session.js';
import { anOwner } from '../support/broker-bench.js';
import { gate } from '../support/gate.js';

const MANY = 3000;
/** Most that may be under way beyond what was read: two groups. */
const AHEAD = 128;
const PAYLOAD_BYTES = 200;

const topicOf = (n: number): string => `/retained/${n}`;

/** A session with nothing behind it but a connection that reads as the test says. */
class Replaying {
  /** The topics that have been read. */
  readonly read: string[] = [];
  /** What was asked for, and in what state the source is. */
  readonly asked: Message[] = [];
  given = 0;
  isSourceClosed = false;
  /** Most that ever waited in the connection, bytes. */
  most = 0;
  readonly session: AedesSession;
  readonly conn: Duplex;

  /** @param reading is called for each write, and the write is over when it resolves */
  constructor(
    reading: () => Promise<void>,
    mayReceive: (message: Message) => boolean = () => true,
    highWaterMark = 1024,
  ) {
    const incoming = parser({ protocolVersion: 4 });
    incoming.on('packet', (packet: Packet) => packet.cmd === 'publish' && this.read.push(packet.topic));
    const take = (chunks: readonly Buffer[], done: () => void): void => {
      this.most = Math.max(this.most, this.conn.writableLength);
      void reading().then(() => {
        for (const chunk of chunks) incoming.parse(chunk);
        done();
      });
    };
    this.conn = new Duplex({
      highWaterMark,
      read() {},
      write: (chunk: Buffer, _encoding, done) => take([chunk], done),
      writev: (chunks, done) =>
        take(
          chunks.map(({ chunk }) => chunk),
          done,
        ),
    });
    this.conn.on('error', () => {});
    const client = { id: 'client', clean: true, closed: false, conn: this.conn, _nextId: 1 };
    this.session = new AedesSession(client as unknown as Client, anOwner(), {
      flusher: new Flusher(),
      mayReceive: (_, message) => {
        this.asked.push(message);
        return mayReceive(message);
      },
    });
  }

  async *messages(count = MANY): AsyncIterable<RetainedMessage[]> {
    try {
      for (; this.given < count; this.given++)
        yield [
          {
            topic: topicOf(this.given),
            payload: Buffer.alloc(PAYLOAD_BYTES),
            qos: this.given % 2 ? 1 : 0,
          },
        ];
    } finally {
      this.isSourceClosed = true;
    }
  }
}

/** Lets everything happen that is not waiting for somebody. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

const topics = (count: number): string[] => Array.from({ length: count }, (_, n) => topicOf(n));

describe('the replay of retained messages', () => {
  it('brings thousands in order to a reader as slow as can be, and never holds many of them', async () => {
    const replaying = new Replaying(() => turns(3));
    await replaying.session.replay(replaying.messages());
    await new Promise<void>((resolve) => replaying.conn.end(resolve));
    expect(replaying.read).to.deep.equal(topics(MANY));
    expect(replaying.most).to.be.below(AHEAD * (PAYLOAD_BYTES + 30));
  });

  it('lets others have their turn every few messages, also when there is room for all', async () => {
    const replaying = new Replaying(
      async () => {},
      () => true,
      2 ** 20,
    );
    const givenAt: number[] = [];
    const beat = (): void => {
      givenAt.push(replaying.given);
      if (replaying.given < MANY) setImmediate(beat);
    };
    setImmediate(beat);
    await replaying.session.replay(replaying.messages());
    const longest = Math.max(...givenAt.map((given, i) => given - (givenAt[i - 1] ?? 0)));
    expect(givenAt.length).to.be.greaterThan(MANY / AHEAD);
    expect(longest).to.be.at.most(AHEAD);
  });

  it('lets others have their turn also when the reader takes all at once', async () => {
    const replaying = new Replaying(async () => {});
    replaying.conn._writev = (_chunks, done) => done();
    const givenAt: number[] = [];
    const beat = (): void => {
      givenAt.push(replaying.given);
      if (replaying.given < MANY) setImmediate(beat);
    };
    setImmediate(beat);
    await replaying.session.replay(replaying.messages());
    expect(givenAt.length).to.be.greaterThan(MANY / AHEAD);
  });

  it('asks the source for nothing more while nothing is read, and goes on when something is', async () => {
    const reading = gate();
    const replaying = new Replaying(() => reading.opened);
    const done = replaying.session.replay(replaying.messages());
    await turns(50);
    expect(replaying.given).to.be.within(1, AHEAD);
    reading.open();
    await done;
    expect(replaying.given).to.equal(MANY);
  });

  it('asks for each message whether it may be received, once, and leaves out what may not', async () => {
    const replaying = new Replaying(
      async () => {},
      ({ topic }) => !topic.endsWith('7'),
    );
    await replaying.session.replay(replaying.messages(1000));
    expect(replaying.asked.map(({ topic }) => topic)).to.deep.equal(topics(1000));
    expect(replaying.asked.every(({ retain, pushed }) => retain && !pushed)).to.equal(true);
    expect(replaying.read).to.deep.equal(topics(1000).filter((topic) => !topic.endsWith('7')));
  });

  it('never puts what was read before behind what is said now, and leaves it out if it would come later', async () => {
    const replaying = new Replaying(async () => {});
    const { session, conn } = replaying;
    const message = { payload: Buffer.alloc(10), qos: 0, derived: true } as const;
    const messages = async function* (): AsyncIterable<RetainedMessage[]> {
      yield [{ ...message, topic: '/held' }];
      for (const topic of ['/held', '/to come', '/kept by an application']) {
        session.forwards(topic);
        await session.send(topic, 'news', 0);
      }
      yield [
        { ...message, topic: '/to come' },
        { topic: '/kept by an application', payload: message.payload, qos: 0 },
      ];
    };
    await session.replay(messages());
    session.forwards('/later');
    await new Promise<void>((resolve) => conn.end(resolve));
    const last = '/kept by an application';
    expect(replaying.read).to.deep.equal(['/held', '/held', '/to come', last, last]);
  });

  it('ends when the session is cut while it reads nothing, and lets go of the source', async () => {
    const replaying = new Replaying(() => gate().opened);
    const done = replaying.session.replay(replaying.messages());
    await turns(5);
    replaying.conn.once('close', () => replaying.session.ended()).destroy();
    await done;
    expect(replaying.given).to.be.within(1, AHEAD);
    expect(replaying.isSourceClosed).to.equal(true);
    expect(replaying.read).to.deep.equal([]);
  });

  it('ends at once when the session is gone between two messages', async () => {
    const replaying = new Replaying(
      async () => {},
      ({ topic }) => {
        if (topic === topicOf(99)) replaying.session.ended();
        return true;
      },
    );
    await replaying.session.replay(replaying.messages());
    expect(replaying.asked).to.have.length(100);
    expect(replaying.isSourceClosed).to.equal(true);
  });

  it('brings what came before the source failed, and leaves the connection fit for more', async () => {
    const replaying = new Replaying(async () => {});
    const failing = async function* (): AsyncIterable<RetainedMessage[]> {
      yield* replaying.messages(10);
      throw new Error('unreadable');
    };
    const failure = await replaying.session.replay(failing()).catch((error: Error) => error.message);
    expect(failure).to.equal('unreadable');
    await replaying.session.send('/push', 'now', 1);
    await new Promise<void>((resolve) => replaying.conn.end(resolve));
    expect(replaying.read).to.deep.equal([...topics(10), '/push']);
  });
});
