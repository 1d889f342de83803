import type { RetainedMessage, RetainedStore } from '../../retained.js';
import type { Environment } from './environment.js';
import { type KeyRange, prefixRange, sameHead, topicKey } from './topic-key.js';

/** Keys read at once; the messages themselves are read one by one as the caller goes on. */
const PAGE = 500;

/** A byte of QoS, four of the topic's length, the topic, the payload. */
function encode({ topic, payload, qos }: RetainedMessage): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(5);
  head.writeUInt8(qos, 0);
  head.writeUInt32LE(name.length, 1);
  return Buffer.concat([head, name, payload]);
}

function decode(bytes: Buffer): RetainedMessage {
  const end = 5 + bytes.readUInt32LE(1);
  const qos = bytes.readUInt8(0);
  if ((qos !== 0 && qos !== 1 && qos !== 2) || end > bytes.length)
    throw new Error('A retained message in the database is damaged.');
  return { topic: bytes.toString('utf8', 5, end), payload: bytes.subarray(end), qos };
}

/** LMDB is read without waiting. */
export interface SynchronousRetained extends RetainedStore {
  get(topic: string): RetainedMessage | undefined;
  withPrefix(prefix: string): Iterable<RetainedMessage>;
}

/** Retained messages on LMDB. The order of the topics is that of their UTF-8 bytes. */
export function retainedStore(environment: Environment): SynchronousRetained {
  const db = environment.bytes('retained');

  function keys(range: KeyRange, after: Buffer | undefined, limit: number): Buffer[] {
    environment.beforeRead();
    const from = after ? { start: after, exclusiveStart: true } : { start: range.start };
    return Array.from(db.getKeys({ ...from, end: range.end, limit }), (key) => Buffer.from(key));
  }

  function read(key: Buffer): RetainedMessage | undefined {
    environment.beforeRead();
    const bytes = db.get(key);
    return bytes && decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** Long topics with one head lie in the order of their digests. */
  function inOrderOfTopics(run: readonly Buffer[]): Buffer[] {
    const named = run.map((key) => ({ key, topic: Buffer.from(read(key)?.topic ?? '') }));
    return named.sort((a, b) => a.topic.compare(b.topic)).map(({ key }) => key);
  }

  function* keysInOrder(range: KeyRange): Iterable<Buffer> {
    let after: Buffer | undefined;
    for (;;) {
      const page = keys(range, after, PAGE);
      const firstLong = page.findIndex((key) => sameHead(key) !== undefined);
      yield* firstLong < 0 ? page : page.slice(0, firstLong);
      const long = page[firstLong];
      const run = long && sameHead(long);
      if (run) {
        const found = keys(run, undefined, Number.POSITIVE_INFINITY);
        yield* inOrderOfTopics(found);
        after = found.at(-1) ?? long;
      } else {
        if (page.length < PAGE) return;
        after = page.at(-1);
      }
    }
  }

  return {
    put(message) {
      return environment.write(() => {
        void db.put(topicKey(message.topic), encode(message));
      });
    },

    remove(topic) {
      return environment.write(() => {
        void db.remove(topicKey(topic));
      });
    },

    get(topic) {
      return topic === '' ? undefined : read(topicKey(topic));
    },

    async count(prefix) {
      environment.beforeRead();
      return db.getKeysCount(prefixRange(prefix));
    },

    *withPrefix(prefix) {
      for (const key of keysInOrder(prefixRange(prefix))) {
        const message = read(key);
        if (message?.topic.startsWith(prefix)) yield message;
      }
    },
  };
}
