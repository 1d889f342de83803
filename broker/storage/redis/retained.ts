import type { RetainedMessage, RetainedStore } from '../../retained.js';
import { retainedKey, TOPICS } from './keys.js';
import type { RedisLink } from './link.js';
import type { Transactions } from './transaction.js';

/** Topics read at once; one has up to 65,535 bytes. */
const PAGE = 100;
/** Messages read at once, for a caller who may take its time between two of these. */
const AT_ONCE = 25;

/** Never part of UTF-8: above every topic that begins with what stands before it. */
const ABOVE = Buffer.of(0xff);
const INCLUSIVE = Buffer.from('[');
const EXCLUSIVE = Buffer.from('(');

const first = (prefix: string): Buffer => Buffer.concat([INCLUSIVE, Buffer.from(prefix)]);
const end = (prefix: string): Buffer => Buffer.concat([EXCLUSIVE, Buffer.from(prefix), ABOVE]);

const encode = ({ payload, qos }: RetainedMessage): Buffer => Buffer.concat([Buffer.of(qos), payload]);

function decode(topic: string, bytes: Buffer): RetainedMessage {
  const qos = bytes[0];
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new Error('A retained message in Redis is damaged.');
  return { topic, payload: bytes.subarray(1), qos };
}

/** Retained messages on Redis. The order of the topics is that of their UTF-8 bytes. */
export function retainedStore(link: RedisLink, transactions: Transactions): RetainedStore {
  /** The topics from `from` to `to`. */
  async function page(from: Buffer, to: Buffer): Promise<string[]> {
    return link.run((redis) => redis.zrangebylex(TOPICS, from, to, 'LIMIT', 0, PAGE));
  }

  return {
    put(message) {
      return transactions.change([], (batch) => {
        batch.run('SET', retainedKey(message.topic), encode(message));
        batch.run('ZADD', TOPICS, 0, message.topic);
      });
    },

    remove(topic) {
      return transactions.change([], (batch) => {
        batch.run('DEL', retainedKey(topic));
        batch.run('ZREM', TOPICS, topic);
      });
    },

    async get(topic) {
      const bytes = await link.run((redis) => redis.getBuffer(retainedKey(topic)));
      return bytes ? decode(topic, bytes) : undefined;
    },

    count: (prefix) => link.run((redis) => redis.zlexcount(TOPICS, first(prefix), end(prefix))),

    async *withPrefix(prefix) {
      const to = end(prefix);
      for (let from = first(prefix); ; ) {
        const topics = await page(from, to);
        for (let i = 0; i < topics.length; i += AT_ONCE) {
          const some = topics.slice(i, i + AT_ONCE);
          const found = await link.run((redis) => redis.mgetBuffer(some.map(retainedKey)));
          for (const [j, topic] of some.entries()) {
            const bytes = found[j];
            if (bytes) yield decode(topic, bytes);
          }
        }
        const last = topics.at(-1);
        if (last === undefined || topics.length < PAGE) return;
        from = Buffer.concat([EXCLUSIVE, Buffer.from(last)]);
      }
    },
  };
}
