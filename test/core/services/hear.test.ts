import { expect } from 'chai';
import type { EmbeddedStores } from '../../../broker/storage/embedded/index.js';
import type { CheckIn } from '../../../core/checkin.js';
import { aCheckIn, MINUTE, NOW, UDID } from '../../support/builders.js';
import { World } from '../../support/domain.js';
import { type Gate, gate } from '../../support/gate.js';

/** What tells the registry nothing that a decision rests on. */
const routine = (change: Partial<CheckIn> = {}): CheckIn => aCheckIn({ rssi: '-70', ...change });

describe('the registry hears a check-in', () => {
  let world: World;
  /** Updates of devices wait for it. */
  let stored: Gate;
  /** Opens when one waits. */
  let asked: Gate;
  let lazy: (boolean | undefined)[];
  let failure: Error | undefined;

  const gated = (stores: EmbeddedStores): EmbeddedStores => ({
    ...stores,
    devices: {
      ...stores.devices,
      async update(udid, change, isLazy) {
        lazy.push(isLazy);
        asked.open();
        await stored.opened;
        if (failure) throw failure;
        return stores.devices.update(udid, change, isLazy);
      },
    },
  });

  beforeEach(async () => {
    [stored, asked] = [gate(), gate()];
    [lazy, failure] = [[], undefined];
    world = await World.open({ wrap: gated });
    // A device that has told all that a routine check-in tells.
    await world.device({ envHash: 'cafebabe00' });
  });
  afterEach(() => world.close());
  const hear = (facts: CheckIn) => world.domain.registry.hear(UDID, facts);
  /** Resolves when the record has been written and its owner told. */
  const told = async () => {
    await world.stores.devices.flushed();
    while (!world.events.includes('checkin')) await new Promise((resolve) => setImmediate(resolve));
  };

  it('that is routine: does not wait for the record, which follows', async () => {
    await hear(routine());
    expect(lazy).to.deep.equal([true]);
    expect(await world.record()).to.include({ rssi: '-61', lastSeen: NOW - MINUTE });
    expect(world.events).to.deep.equal([]);
    stored.open();
    await told();
    expect(await world.record()).to.include({ rssi: '-70', lastSeen: NOW });
    expect(world.events).to.deep.equal(['checkin']);
  });

  for (const [what, change] of [
    ['version', { version: '1.0.1' }],
    ['platform', { platform: 'arduino:esp32' }],
    ['MAC', { mac: 'A0B1C2D3E4F5' }],
    ['environment', { envHash: 'cafebabe01' }],
  ] as const)
    it(`that tells a new ${what}: waits until it is stored`, async () => {
      let isHeard = false;
      const hearing = hear(routine(change)).then(() => {
        isHeard = true;
      });
      await asked.opened;
      await new Promise((resolve) => setImmediate(resolve));
      expect(isHeard).to.equal(false);
      expect(lazy).to.deep.equal([false]);
      stored.open();
      await hearing;
      expect(await world.record()).to.include(change);
    });

  it('that is routine and cannot be stored: logs it, and the next one is heard', async () => {
    failure = new Error('the disk is full');
    stored.open();
    await hear(routine());
    while (world.log.lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [line] = world.log.lines;
    expect(line).to.deep.equal({
      level: 'error',
      facts: { err: failure, udid: UDID },
      message: 'a check-in cannot be stored',
    });
    failure = undefined;
    await hear(routine());
    await told();
    expect(world.log.lines).to.have.length(1);
    expect(await world.record()).to.include({ rssi: '-70' });
  });

  it('that is not and cannot be stored: says so', async () => {
    failure = new Error('the disk is full');
    stored.open();
    const said = await hear(routine({ version: '2.0.0' })).catch((error: Error) => error.message);
    expect(said).to.equal('the disk is full');
  });

  it('of a device that is gone: nothing comes of it', async () => {
    await world.domain.registry.hear('nobody', routine());
    expect(lazy).to.deep.equal([]);
    expect(world.log.lines).to.deep.equal([]);
  });
});
