import { expect } from 'chai';
import type { Session } from '../../broker/plugin.js';
import { anOwner, Bench, permissive } from '../support/broker-bench.js';

describe('packet identifiers of pushes', () => {
  let bench: Bench;
  let session: Session;
  beforeEach(async () => {
    const plugin = permissive({
      authenticate: async () => anOwner(),
      connected: (each) => {
        session = each;
      },
    });
    bench = await Bench.open({ plugins: [plugin] });
  });
  afterEach(() => bench.close());

  it('come from the same row as those that Aedes gives, so that no two in flight are alike', async () => {
    const client = await bench.client();
    const pushed = session;
    const sender = await bench.client();
    client.acknowledges = false;
    await client.subscribe(['/a'], 1);
    for (let i = 0; i < 3; i++) {
      await pushed.send('/push', String(i), 1);
      await sender.publish('/a', String(i), 1);
    }
    for (let i = 0; i < 6; i++) await client.inbox.next('a message');
    const ids = client.inbox.all.map(({ messageId }) => messageId ?? 0);
    const sorted = [...ids].sort((a, b) => a - b);
    expect(new Set(ids).size, 'as many as messages').to.equal(6);
    expect(sorted.at(-1), 'a row without gaps, unless it began anew').to.be.oneOf([
      (sorted[0] ?? 0) + 5,
      65_535,
    ]);
  });

  it('begin anew after 65535', async () => {
    const client = await bench.client();
    const [aedesClient] = Object.values(
      (bench.broker as unknown as { clients: Record<string, object> }).clients,
    );
    Object.assign(aedesClient ?? {}, { _nextId: 65_535 });
    await session.send('/push', '1', 1);
    await session.send('/push', '2', 1);
    for (let i = 0; i < 2; i++) await client.inbox.next('a push');
    expect(client.inbox.all.map(({ messageId }) => messageId)).to.deep.equal([65_535, 1]);
  });
});
