import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import type { HistoryEntry } from '../../../core/history.js';
import type { HistoryStore } from '../../../core/ports.js';
import { History } from '../../../core/services/history.js';
import { aCheckIn, NOW, OTHER_UDID, OWNER, UDID } from '../../support/builders.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { tokenIn, World } from '../../support/domain.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A store that remembers what it was given, and is away when a test says so. */
class FakeStore implements HistoryStore {
  isAway = false;
  broken: Error | undefined;
  readonly steps: ReadonlyMap<string, readonly HistoryEntry[]>[] = [];

  async append(entries: ReadonlyMap<string, readonly HistoryEntry[]>): Promise<void> {
    if (this.isAway) throw new FirmwireError('store_unavailable');
    if (this.broken) throw this.broken;
    this.steps.push(entries);
  }

  async list(udid: string): Promise<readonly HistoryEntry[]> {
    return this.steps.flatMap((step) => step.get(udid) ?? []).reverse();
  }
}

const failed = (n: number): HistoryEntry => ({ event: 'failed', at: NOW + n, error: `${n}` });

describe('the keeper of histories', () => {
  let store: FakeStore;
  let clock: FakeClock;
  let log: CollectingLog;
  let history: History;
  const said = () => log.lines.map(({ message }) => message);
  beforeEach(() => {
    store = new FakeStore();
    clock = new FakeClock();
    log = new CollectingLog();
    history = new History({ store, clock, log });
  });

  it('gathers for a second, then writes, and keeps no timer when there is nothing to do', async () => {
    history.note(UDID, failed(0));
    history.note(UDID, failed(1));
    history.note(OTHER_UDID, failed(2));
    clock.advance(999);
    expect(store.steps).to.deep.equal([]);
    clock.advance(1);
    await history.close();
    expect(store.steps).to.have.length(1);
    expect(store.steps[0]?.get(UDID)).to.deep.equal([failed(0), failed(1)]);
    expect(clock.pending).to.equal(0);
  });

  it('lists what was noted just now', async () => {
    history.note(UDID, failed(0));
    const both = Promise.all([history.list(UDID), history.list(UDID)]);
    expect(await both).to.deep.equal([[failed(0)], [failed(0)]]);
  });

  it('writes in small steps', async () => {
    for (let n = 0; n < 300; n++) history.note(`${n}`, failed(n));
    await history.list('0');
    expect(store.steps.map(({ size }) => size)).to.deep.equal([128, 128, 44]);
  });

  it('lets entries wait in their order while the store is away, and says so once', async () => {
    store.isAway = true;
    for (const n of [0, 1, 2]) {
      history.note(UDID, failed(n));
      await history.list(UDID);
    }
    expect(said().filter((message) => message === 'histories wait for the store')).to.have.length(1);
    store.isAway = false;
    expect(clock.pending, 'it tries again by itself').to.equal(1);
    clock.advance(1000);
    expect(await history.list(UDID)).to.deep.equal([failed(2), failed(1), failed(0)]);
    expect(clock.pending).to.equal(0);
  });

  it('drops those that have waited longest past its bound, and tells how many', async () => {
    store.isAway = true;
    for (let n = 0; n < 50_010; n++) history.note(`${n}`, failed(n));
    await history.list('');
    store.isAway = false;
    expect(await history.list('9')).to.deep.equal([]);
    expect(await history.list('10')).to.deep.equal([failed(10)]);
    expect(said()).to.include('entries of histories were dropped while the store was away');
  });

  it('does not try again what the store cannot take', async () => {
    store.broken = new Error('no');
    history.note(UDID, failed(0));
    await history.list(UDID);
    store.broken = undefined;
    expect(await history.list(UDID)).to.deep.equal([]);
    expect(said()).to.include('histories cannot be written');
  });

  it('forgets a device that is no more, and says at the end what is lost', async () => {
    history.note(UDID, failed(0));
    history.forget(UDID);
    expect(await history.list(UDID)).to.deep.equal([]);
    store.isAway = true;
    history.note(UDID, failed(0));
    await history.close();
    expect(said()).to.include('entries of histories are lost');
  });
});

describe('the history of an update', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());
  const events = async () =>
    (await world.domain.history.list(UDID)).map(({ event, count = 1 }) =>
      count > 1 ? `${event} ${count}` : event,
    );

  it('has each attempt to download, how far it got, and what the updater said', async () => {
    await world.device({ autoUpdate: true });
    const { conversation, said } = world.connection();
    await conversation.subscribed();
    await conversation.checkedIn(aCheckIn());
    await world.publish();
    const token = tokenIn(said);
    for (const bytes of [300, 700]) {
      world.clock.sleep(1);
      const broken = await world.redeem(token);
      await broken.progress(bytes);
      await broken.end([0, bytes], false);
    }
    expect((await world.domain.history.list(UDID))[0]).to.include({
      event: 'downloading',
      count: 2,
      progress: 70,
    });
    world.clock.sleep(1);
    const delivery = await world.redeem(token);
    await delivery.beforeLastPiece([0, 1000]);
    await delivery.end([0, 1000], true);
    await world.domain.registry.checkIn(UDID, aCheckIn({ status: 'Wrong MD5' }));
    expect(await events()).to.deep.equal([
      'checkin',
      'failed',
      'downloaded',
      'downloading 3',
      'offered',
      'checkin',
    ]);
    expect((await world.domain.history.list(UDID))[1]).to.deep.include({
      version: '1.1.0',
      error: 'Wrong MD5',
    });
  });

  it('begins with the device and goes with it', async () => {
    await world.domain.registry.register(OWNER, aCheckIn());
    expect(await events()).to.deep.equal(['checkin', 'created']);
    await world.domain.registry.seen(UDID, 'checkout');
    await world.domain.registry.remove(OWNER, UDID);
    expect(await events()).to.deep.equal([]);
  });
});

it('a history is kept although nobody hears the owner', async () => {
  const world = await World.open({ isHeard: false });
  try {
    await world.domain.registry.register(OWNER, aCheckIn());
    expect(await world.domain.history.list(UDID)).to.have.length(2);
    expect(world.told).to.deep.equal([]);
  } finally {
    await world.close();
  }
});
