import { promisify } from 'node:util';
import { Aedes, type PublishPacket } from 'aedes';
import { expect } from 'chai';
import type { Plugin } from '../../broker/plugin.js';
import type { RetainedMessage } from '../../broker/retained.js';
import { FirmwireError } from '../../core/errors.js';
import { Bench, type BenchOptions, MemoryRetained, permissive } from '../support/broker-bench.js';
import { gate } from '../support/gate.js';
import { publishPacket, type WireClient } from '../support/wire-client.js';

type Publishing = (packet: PublishPacket, done: (error?: Error | null) => void) => void;

/** Retained messages whose storage can be slow or away. */
class Retained extends MemoryRetained {
  readonly stored: string[] = [];
  isAway = false;
  before: () => Promise<void> = async () => {};

  override async store(message: RetainedMessage): Promise<void> {
    await this.before();
    if (this.isAway) throw new FirmwireError('store_unavailable');
    this.stored.push(`${message.topic} ${message.payload} ${message.qos}`);
    await super.store(message);
  }
}

describe('a message that cannot be stored', () => {
  let bench: Bench;
  let reader: WireClient;
  const open = async (options: BenchOptions = {}): Promise<WireClient> => {
    bench = await Bench.open(options);
    reader = await bench.client();
    await reader.subscribe(['#'], 1);
    return bench.client();
  };
  afterEach(() => bench.close());

  /** Sends it and waits for the end of the session. */
  const cutOff = async (sender: WireClient, qos: 1 | 2, retain = false): Promise<void> => {
    sender.send(publishPacket('/a', 'x', { qos, retain, messageId: 7 }));
    await sender.closed;
    expect(sender.answers.all.filter(({ messageId }) => messageId === 7)).to.deep.equal([]);
  };
  /** Nobody was told anything but this, and everybody else is still there. */
  const heard = async (...topics: string[]): Promise<void> => {
    await (await bench.client()).publish('/fence');
    await reader.message('/fence');
    expect(reader.topics).to.deep.equal([...topics, '/fence']);
  };
  const unstored: Plugin = { name: 'storing', publishing: async () => 'unstored' };

  for (const qos of [1, 2] as const) {
    it(`is not acknowledged at QoS ${qos}: the session is cut, and nobody hears of it`, async () => {
      const sender = await open({
        plugins: [
          permissive({
            publishing: (_, { topic }) => (topic === '/a' ? Promise.resolve('unstored') : undefined),
          }),
        ],
      });
      await cutOff(sender, qos);
      await heard();
    });

    it(`at QoS ${qos} because nothing can be passed on is not acknowledged, and no plugin stores it`, async () => {
      let may = true;
      let asked = 0;
      const plugin = permissive({
        publishing: async () => {
          asked++;
        },
      });
      const retained = new Retained();
      const sender = await open({ plugins: [plugin], retained, mayAcknowledge: () => may });
      may = false;
      await cutOff(sender, qos, true);
      expect([asked, retained.stored]).to.deep.equal([0, []]);
      may = true;
      await (await bench.client()).publish('/b', 'x', qos);
      await heard('/b');
      expect(asked).to.equal(2);
    });

    it(`and is retained, at QoS ${qos}, is not acknowledged`, async () => {
      const retained = new Retained();
      const sender = await open({ retained });
      retained.isAway = true;
      await cutOff(sender, qos, true);
      await heard();
    });

    it(`and is retained, at QoS ${qos}, is not acknowledged, though every plugin has stored it`, async () => {
      const retained = new Retained();
      const sender = await open({ plugins: [permissive({ publishing: async () => undefined })], retained });
      retained.isAway = true;
      await cutOff(sender, qos, true);
    });

    it(`or can, and is retained: at QoS ${qos} it is kept before it is acknowledged, and once`, async () => {
      const [retained, begun, stored] = [new Retained(), gate(), gate()];
      retained.before = () => {
        begun.open();
        return stored.opened;
      };
      const sender = await open({ retained });
      const acknowledged = sender.publish('/a', 'x', qos, true);
      await begun.opened;
      await sender.ping();
      expect(sender.answers.all.map(({ cmd }) => cmd)).to.not.include.members(['puback']);
      expect(sender.answers.all.map(({ cmd }) => cmd)).to.not.include.members(['pubrec']);
      stored.open();
      await acknowledged;
      await heard('/a');
      expect(retained.stored).to.deep.equal([`/a x ${qos}`]);
    });
  }

  it('is not stored by a later plugin, and one that a later plugin cannot store is not acknowledged', async () => {
    const order: string[] = [];
    const noting = (name: string, word: unknown): Plugin => ({
      name,
      publishing: async () => {
        order.push(name);
        return word;
      },
    });
    const sender = await open({
      plugins: [
        permissive(),
        noting('first', undefined),
        noting('second', 'unstored'),
        noting('third', undefined),
      ],
    });
    await cutOff(sender, 1);
    expect(order).to.deep.equal(['first', 'second']);
  });

  it('by the last plugin is not acknowledged', async () => {
    await cutOff(await open({ plugins: [permissive({ publishing: async () => undefined }), unstored] }), 1);
  });

  it('that somebody else kept is not acknowledged either', async () => {
    const retained = new Retained();
    const sender = await open({ plugins: [permissive({ publishing: async () => 'unstored' })], retained });
    await cutOff(sender, 1, true);
  });

  it('at QoS 0 is lost, and its sender stays', async () => {
    const retained = new Retained();
    let may = true;
    const sender = await open({ retained, mayAcknowledge: () => may });
    may = false;
    retained.isAway = true;
    await sender.publish('/a', 'x', 0, true);
    await sender.publish('/b', 'x', 0);
    await sender.ping();
    may = true;
    await heard('/a', '/b');
    expect(retained.messages.size).to.equal(0);
  });

  it('and many that can: each is kept once, empty ones forget, whichever QoS', async () => {
    const retained = new Retained();
    const sender = await open({ retained });
    for (const [text, qos] of [
      ['one', 1],
      ['', 1],
      ['two', 0],
      ['', 0],
      ['three', 2],
      ['', 1],
      ['', 1],
      ['four', 0],
    ] as const)
      await sender.publish('/a', text, qos, true);
    await sender.ping();
    expect(retained.stored).to.deep.equal([
      '/a one 1',
      '/a  1',
      '/a two 0',
      '/a  0',
      '/a three 2',
      '/a  1',
      '/a  1',
      '/a four 0',
    ]);
  });

  describe('as a will', () => {
    const will = (topic: string, qos: 0 | 1 = 1) => ({
      topic,
      payload: Buffer.from('gone'),
      qos,
      retain: true,
    });
    /** A broker that tells which wills it keeps. */
    const keeping = async (): Promise<{ broker: Aedes; kept: string[] }> => {
      const kept: string[] = [];
      const broker = await Aedes.createBroker({ drainTimeout: 1000 });
      const { persistence } = broker as unknown as {
        persistence: { putWill(client: unknown, packet: PublishPacket): Promise<unknown> };
      };
      const putWill = persistence.putWill.bind(persistence);
      persistence.putWill = async (client, packet) => {
        kept.push(packet.topic);
        return putWill(client, packet);
      };
      return { broker, kept };
    };
    const fenced: Plugin = permissive({
      mayPublish: (_, topic) => (topic.startsWith('/closed') ? 'deny' : 'allow'),
    });

    it('is kept for other nodes only if its client may publish it', async () => {
      const { broker, kept } = await keeping();
      await open({ broker, plugins: [fenced] });
      for (const topic of ['/closed/x', '/open']) await bench.client({ will: will(topic) });
      expect(kept).to.deep.equal(['/open']);
    });

    it('is kept only if nobody hesitates too long', async () => {
      const { broker, kept } = await keeping();
      await open({
        broker,
        plugins: [permissive(), { name: 'hanging', mayPublish: () => new Promise(() => {}) }],
      });
      await bench.client({ will: will('/open') });
      expect(kept).to.deep.equal([]);
    });

    it('of a node that died is published, but not on $ topics', async () => {
      const { broker } = await keeping();
      const retained = new Retained();
      await open({ broker, plugins: [fenced], retained });
      for (const topic of ['/closed/of-a-dead-node', '$SYS/x/new/clients']) {
        const left = {
          cmd: 'publish',
          ...will(topic),
          dup: false,
          brokerId: 'dead',
          clientId: 'gone',
        } as const;
        // As Aedes does with the wills of brokers that it does not hear any more.
        await promisify(broker.authorizePublish).call(broker, null, left as unknown as PublishPacket);
        await promisify(broker.publish.bind(broker) as Publishing)(left as unknown as PublishPacket);
      }
      await heard('/closed/of-a-dead-node');
      expect(retained.stored).to.deep.equal(['/closed/of-a-dead-node gone 1']);
    });

    it('of a session that is cut while nothing can be passed on is not published', async () => {
      let may = true;
      await open({ mayAcknowledge: () => may });
      const leaving = await bench.client({ will: will('/will') });
      may = false;
      await leaving.drop();
      may = true;
      await heard();
    });
  });
});
