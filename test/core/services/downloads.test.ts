import { expect } from 'chai';
import type { Span } from '../../../core/coverage.js';
import type { Delivery } from '../../../core/services/downloads.js';
import { aCheckIn, HOUR, OWNER, UDID } from '../../support/builders.js';
import { anImage, codeOf, World } from '../../support/domain.js';

const SIZE = 1000;
const TELLER = { heldBackUntil: () => undefined, tell: async () => {} };

describe('downloads', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    await world.device({ autoUpdate: true });
    await world.publish({}, anImage(SIZE));
  });
  afterEach(() => world.close());

  const consider = () => world.domain.desk.consider(UDID, TELLER);
  const newToken = async (): Promise<string> => {
    const offer = (await consider())?.offer;
    if (!offer) throw new Error('there was nothing to offer');
    return offer.token;
  };
  const redeem = (...args: Parameters<World['redeem']>) => world.redeem(...args);
  /** Hands a span over, whole. True unless the attempt had lost before its last piece. */
  const handOver = async (delivery: Delivery, span: Span = [0, SIZE]): Promise<boolean> => {
    const may = await delivery.beforeLastPiece(span);
    await delivery.end(may ? span : [span[0], span[1] - 1], may);
    return may;
  };
  const update = async () => (await world.record()).update;

  it('unknown, malformed, expired, killed and used tokens are one answer', async () => {
    const used = await newToken();
    await handOver(await redeem(used));
    for (const token of [used, '', 'x'.repeat(43), '../../etc/passwd', 'x'.repeat(5000)])
      expect(await codeOf(redeem(token)), token.slice(0, 50)).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('lives 24 h from issue, and 1 h from the first attempt, which no later one moves', async () => {
    const untouched = await newToken();
    world.clock.advance(24 * HOUR - 1);
    await (await redeem(untouched)).end([0, 0], false);
    world.clock.advance(1);
    expect(await codeOf(redeem(untouched))).to.equal('OTT_UPDATE_NOT_FOUND');

    const token = await newToken();
    for (const pause of [0, HOUR / 2, HOUR / 2 - 1]) {
      world.clock.advance(pause);
      await (await redeem(token)).end([0, 0], false);
    }
    world.clock.advance(1);
    expect(await codeOf(redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('attempts may repeat until one whole body has been handed over', async () => {
    const token = await newToken();
    for (let i = 0; i < 3; i++) await (await redeem(token)).end([0, SIZE - 1], false);
    expect((await update())?.state).to.equal('downloading');
    expect(await handOver(await redeem(token))).to.equal(true);
    expect(await update()).to.include({ state: 'downloaded', proven: true, attempts: 1 });
    expect(await codeOf(redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('completes on stable storage before the last piece leaves', async () => {
    const token = await newToken();
    const delivery = await redeem(token);
    const hash = (await update())?.token ?? '';
    expect((await world.stores.tokens.get(hash))?.completedAt).to.equal(undefined);
    await delivery.beforeLastPiece([0, SIZE]);
    expect((await world.stores.tokens.get(hash))?.completedAt).to.equal(world.clock.now());
    expect(await codeOf(redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('ranges that together cover the body complete it, in any order', async () => {
    const token = await newToken();
    expect(await handOver(await redeem(token), [500, SIZE])).to.equal(true);
    expect(await handOver(await redeem(token), [0, 400])).to.equal(true);
    expect((await update())?.state).to.equal('downloading');
    expect(await handOver(await redeem(token), [400, 500])).to.equal(true);
    expect((await update())?.state).to.equal('downloaded');
  });

  it('a range that broke off covers what had left, and no more', async () => {
    const token = await newToken();
    await (await redeem(token)).end([0, 300], false);
    await handOver(await redeem(token), [301, SIZE]);
    expect((await update())?.state).to.equal('downloading');
    await handOver(await redeem(token), [300, 301]);
    expect((await update())?.state).to.equal('downloaded');
  });

  it('of two at once the newer wins and the older is cut: only one ever finishes', async () => {
    const token = await newToken();
    let cut = 0;
    const older = await redeem(token, undefined, () => cut++);
    const newer = await redeem(token);
    expect(cut).to.equal(1);
    expect(await handOver(older)).to.equal(false);
    expect(world.domain.transfers.isActive(UDID)).to.equal(true);
    expect(await handOver(newer)).to.equal(true);
    expect(world.domain.transfers.isActive(UDID)).to.equal(false);
    expect((await update())?.attempts).to.equal(1);
  });

  it('of many at once, begun and ended in any order, exactly one finishes', async () => {
    const token = await newToken();
    const deliveries = await Promise.all([...Array(8)].map(() => redeem(token)));
    const finished = await Promise.all(deliveries.map((delivery) => handOver(delivery)));
    expect(finished.filter(Boolean)).to.have.length(1);
    expect((await update())?.attempts).to.equal(1);
  });

  it('a download with an older token loses to a newer offer', async () => {
    const older = await redeem(await newToken());
    const newer = await newToken();
    expect(await handOver(older)).to.equal(false);
    expect(await handOver(await redeem(newer))).to.equal(true);
  });

  it('a firmware that was withdrawn is refused, and its download cut', async () => {
    const token = await newToken();
    let cut = 0;
    await redeem(token, undefined, () => cut++);
    await world.domain.publisher.withdraw(OWNER, (await update())?.firmware ?? '');
    expect(cut).to.equal(1);
    expect(await codeOf(redeem(token))).to.equal('OTT_UPDATE_NOT_FOUND');
  });

  it('an image larger than the free space is refused before any byte; the owner is told why', async () => {
    const token = await newToken();
    expect(await codeOf(redeem(token, SIZE - 1))).to.equal('not_enough_space');
    expect(world.events).to.include('refused');
    expect((await world.record()).freeSpace).to.equal(SIZE - 1);
    expect(world.domain.transfers.isActive(UDID)).to.equal(false);
    expect((await consider())?.decision).to.include({ reason: 'image_too_large' });
  });

  it('the owner hears once of a device that asks again and again without room', async () => {
    const token = await newToken();
    for (let i = 0; i < 3; i++) await codeOf(redeem(token, SIZE - 1));
    expect(world.events.filter((event) => event === 'refused')).to.have.length(1);
  });

  it('exactly enough space is enough', async () => {
    expect(await handOver(await redeem(await newToken(), SIZE))).to.equal(true);
  });

  it('tells the owner of every tenth', async () => {
    const delivery = await redeem(await newToken());
    for (const bytes of [50, 100, 101, 199, 350, 1000]) await delivery.progress(bytes);
    await delivery.end([0, 1000], false);
    const events = world.toldOn('/rtm/events').map((text) => JSON.parse(text));
    const steps = events.map(({ progress }) => progress).filter((step) => step !== undefined);
    expect(steps).to.deep.equal([10, 30, 100]);
  });

  it('installed is a complete transfer and then a check-in with that version, and nothing before that', async () => {
    const token = await newToken();
    const delivery = await redeem(token);
    await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.1.0' }));
    expect((await update())?.state).not.to.equal('installed');
    await delivery.end([0, 10], false);
  });

  it('a complete transfer and a check-in with the version is installed', async () => {
    await handOver(await redeem(await newToken()));
    await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.1.0' }));
    expect((await update())?.state).to.equal('installed');
    expect(world.events).to.include('installed');
  });

  describe('a crash between completion and the record', () => {
    /** What stands in the stores when the server stops right after the token was completed. */
    const crash = async (): Promise<void> => {
      const delivery = await redeem(await newToken());
      expect(await delivery.beforeLastPiece([0, SIZE])).to.equal(true);
      world.domain.transfers.end({ udid: UDID, progress: 0, abort: () => {} });
    };

    it('is made good by the check-in with the new version: it is installed', async () => {
      await crash();
      await world.domain.registry.checkIn(UDID, aCheckIn({ version: '1.1.0' }));
      expect(await update()).to.include({ state: 'installed', attempts: 1 });
    });

    it('is counted once, though the record is written after all', async () => {
      const delivery = await redeem(await newToken());
      await delivery.beforeLastPiece([0, SIZE]);
      await world.domain.registry.checkIn(UDID, aCheckIn());
      await delivery.end([0, SIZE], true);
      await world.domain.registry.checkIn(UDID, aCheckIn());
      expect((await update())?.attempts).to.equal(1);
    });

    it('is noted by the look after a crash', async () => {
      await crash();
      await world.domain.accounts.createOwner('me', { owner: OWNER, ownerKey: 'a', deviceKey: 'b' });
      await world.domain.housekeeping.recover();
      expect(await update()).to.include({ proven: true, attempts: 1 });
    });

    it('does not make a device that reports no version take the same firmware again', async () => {
      await world.stores.devices.update(UDID, (device) => ({ ...device, version: undefined }));
      await crash();
      // It connects before the look after the crash has come to it.
      expect((await consider())?.decision).to.include({ kind: 'none', reason: 'unverified' });
    });

    it('offers afresh to a device that missed the end', async () => {
      await crash();
      await world.domain.registry.checkIn(UDID, aCheckIn());
      expect((await consider())?.offer).to.include({ version: '1.1.0' });
    });
  });

  it('leaves nothing under way when the store fails as a download begins', async () => {
    const token = await newToken();
    const { begin } = world.stores.tokens;
    Object.assign(world.stores.tokens, { begin: () => Promise.reject(new Error('disk full')) });
    expect(await codeOf(redeem(token))).to.be.instanceOf(Error);
    Object.assign(world.stores.tokens, { begin });
    expect(world.domain.transfers.isActive(UDID)).to.equal(false);
  });
});
