import { expect } from 'chai';
import type { RetainedMessage, RetainedStore } from '../../broker/retained.js';
import { type Open, type Opened, range } from './harness.js';

const aMessage = (topic: string, text = topic.slice(-20)): RetainedMessage => ({
  topic,
  payload: Buffer.from(text),
  qos: 1,
});
/** As long as MQTT lets a topic be, with these characters at its end. */
const long = (end: string): string => `/owner/${'x'.repeat(60_000)}${end}`;

/** What every `RetainedStore` does. */
export function describeRetainedStore(name: string, open: Open<RetainedStore>): void {
  describe(`${name}: retained messages`, () => {
    let opened: Opened<RetainedStore>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const put = async (topics: readonly string[]) => {
      for (const topic of topics) await opened.store.put(aMessage(topic));
    };
    const listed = async (prefix: string, store = opened.other) => {
      const messages: RetainedMessage[] = [];
      for await (const message of store.withPrefix(prefix)) messages.push(message);
      return messages;
    };
    const topics = async (prefix: string) => (await listed(prefix)).map(({ topic }) => topic);

    it('returns a message as it was put, whatever its bytes, QoS and topic', async () => {
      const payloads = [Buffer.alloc(0), Buffer.of(0, 255, 128), Buffer.alloc(300_000, 7)];
      for (const payload of payloads)
        for (const qos of [0, 1, 2] as const)
          for (const topic of ['/', '/a/ü/💥', ' ', long('')]) {
            await opened.store.put({ topic, payload, qos });
            expect(await opened.other.get(topic)).to.deep.equal({ topic, payload, qos });
          }
    });

    it('keeps a payload as it was, whatever is read or written after it', async () => {
      await put(['/a', '/b']);
      const first = await opened.store.get('/a');
      const all = await listed('/', opened.store);
      await opened.store.put(aMessage('/a', 'other'));
      await opened.store.get('/b');
      expect(first?.payload.toString()).to.equal('/a');
      expect(all.map(({ payload }) => payload.toString())).to.deep.equal(['/a', '/b']);
    });

    it('replaces and forgets', async () => {
      for (const topic of ['/a', long('a')]) {
        await put([topic, topic]);
        await opened.store.put(aMessage(topic, 'new'));
        expect(await topics('')).to.deep.equal([topic]);
        expect((await opened.store.get(topic))?.payload.toString()).to.equal('new');
        await opened.store.remove(topic);
        await opened.store.remove(topic);
        expect(await opened.store.get(topic)).to.equal(undefined);
        expect(await topics('')).to.deep.equal([]);
      }
    });

    it('counts what begins with a text', async () => {
      await put(['/a/b', '/a', '/a/b/c', '/ab', '/b', '/a/ü', '/a/b']);
      const counts = await Promise.all(
        ['/a/', '/a', '/', '/c', '/a/b/'].map((text) => opened.other.count(text)),
      );
      expect(counts).to.deep.equal([3, 5, 6, 0, 1]);
      await opened.store.remove('/a/b');
      expect(await opened.other.count('/a/')).to.equal(2);
    });

    it('lists what begins with a text, in the order of the topics', async () => {
      await put(['/a/b', '/a', '/a/b/c', '/ab', '/b', 'a', '/a/ü', '/a/~', '/']);
      expect(await topics('/a/')).to.deep.equal(['/a/b', '/a/b/c', '/a/~', '/a/ü']);
      expect(await topics('/a')).to.deep.equal(['/a', '/a/b', '/a/b/c', '/a/~', '/a/ü', '/ab']);
      expect(await topics('/a/ü')).to.deep.equal(['/a/ü']);
      expect(await topics('/c')).to.deep.equal([]);
      expect(await topics('')).to.deep.equal(['/', '/a', '/a/b', '/a/b/c', '/a/~', '/a/ü', '/ab', '/b', 'a']);
    });

    it('lists topics of every length in their order, also by a text that is longer than any key', async () => {
      const around = range(80).map((n) => `/owner/${'x'.repeat(1860 + n)}`);
      const ends = ['', '/a', '/a/b', '/b', 'a', 'x'];
      const all = ['/owner/w', ...around, ...ends.map(long), '/owner/y', '/p'];
      await put([...all].reverse());
      expect(await topics('/owner/')).to.deep.equal(all.slice(0, -1));
      expect(await topics(around[10] ?? '')).to.deep.equal([...around.slice(10), ...ends.map(long)]);
      expect(await topics(long('/a'))).to.deep.equal([long('/a'), long('/a/b')]);
      expect(await topics(long('/c'))).to.deep.equal([]);
      expect(await opened.store.get(long('/c'))).to.equal(undefined);
      expect(await topics('')).to.deep.equal(all);
    });

    it('passes over what is removed while the caller goes on, however long its topic', async () => {
      // More than any storage reads ahead.
      const between = range(150).map((n) => `/b/${1000 + n}`);
      await put(['/a', ...between, long('a'), long('b'), '/p']);
      const seen: string[] = [];
      for await (const { topic } of opened.store.withPrefix('')) {
        seen.push(topic);
        if (topic === '/a') await opened.store.remove(long('a'));
      }
      expect(seen).to.deep.equal(['/a', ...between, long('b'), '/p']);
    });

    it('ends although all long topics go while the caller goes on', async () => {
      const short = range(150).map((n) => `/b/${1000 + n}`);
      await put([...short, long('a')]);
      const seen: string[] = [];
      for await (const { topic } of opened.store.withPrefix('')) {
        seen.push(topic);
        await opened.store.remove(long('a'));
      }
      expect(seen).to.deep.equal(short);
    });

    it('lists more than one page, while what was listed is removed and more is added', async () => {
      const all = range(1300).map((n) => `/t/${`${n}`.padStart(5, '0')}`);
      await Promise.all(all.map((topic) => opened.store.put(aMessage(topic))));
      const seen: string[] = [];
      for await (const { topic } of opened.store.withPrefix('/t/')) {
        seen.push(topic);
        if (seen.length % 400 === 0) await opened.store.remove(topic);
      }
      expect(seen).to.deep.equal(all);
      expect(await topics('/t/')).to.have.length(1300 - 3);
    });
  });
}
