import { expect } from 'chai';
import type { Firmware } from '../../../core/firmware.js';
import type { NodeMessage } from '../../../core/nodes/messages.js';
import type { FirmwareStore } from '../../../core/ports.js';
import { Catalog } from '../../../core/services/catalog.js';
import { aFirmware, OTHER_OWNER, OWNER } from '../../support/builders.js';

interface Reading {
  answer(list: readonly Firmware[]): void;
  fail(): void;
}

describe('the catalog', () => {
  let readings: Reading[];
  let told: NodeMessage[];
  let catalog: Catalog;
  beforeEach(() => {
    [readings, told] = [[], []];
    const store = {
      list: () =>
        new Promise((resolve, reject) => {
          readings.push({ answer: resolve, fail: () => reject(new Error('away')) });
        }),
      put: async () => {},
      remove: async () => false,
    } as unknown as FirmwareStore;
    catalog = new Catalog(store, { list: async () => [] }, { tell: (message) => told.push(message) });
  });

  it('reads a list once, however many ask', async () => {
    const lists = [catalog.list(OWNER), catalog.list(OWNER)];
    readings[0]?.answer([aFirmware()]);
    expect(await Promise.all(lists)).to.deep.equal([[aFirmware()], [aFirmware()]]);
    await catalog.list(OWNER);
    expect(readings).to.have.length(1);
  });

  it('reads it anew when another node has changed it, and no other', async () => {
    void catalog.list(OWNER);
    void catalog.list(OTHER_OWNER);
    catalog.forget(OWNER);
    void catalog.list(OWNER);
    void catalog.list(OTHER_OWNER);
    expect(readings).to.have.length(3);
    catalog.forget();
    void catalog.list(OWNER);
    void catalog.list(OTHER_OWNER);
    expect(readings).to.have.length(5);
    expect(told).to.deep.equal([]);
  });

  it('a reading that was under way when it changed is not remembered', async () => {
    const before = catalog.list(OWNER);
    catalog.forget(OWNER);
    const after = catalog.list(OWNER);
    readings[1]?.answer([aFirmware()]);
    readings[0]?.answer([]);
    expect([await before, await after]).to.deep.equal([[], [aFirmware()]]);
    expect(await catalog.list(OWNER)).to.deep.equal([aFirmware()]);
    expect(readings).to.have.length(2);
  });

  it('a reading that failed is not remembered, and does not forget a newer one', async () => {
    const failing = catalog.list(OWNER).catch(() => 'failed');
    catalog.forget(OWNER);
    const newer = catalog.list(OWNER);
    readings[0]?.fail();
    expect(await failing).to.equal('failed');
    readings[1]?.answer([]);
    expect([await newer, await catalog.list(OWNER)]).to.deep.equal([[], []]);
    expect(readings).to.have.length(2);
    catalog.forget(OWNER);
    const again = catalog.list(OWNER).catch(() => 'failed');
    readings[2]?.fail();
    expect(await again).to.equal('failed');
    void catalog.list(OWNER);
    expect(readings).to.have.length(4);
  });

  it('what it changes it reads anew, and tells the other nodes', async () => {
    for (const change of [() => catalog.put(aFirmware()), () => catalog.remove(OWNER, 'fw-1.1.0')]) {
      void catalog.list(OWNER);
      const read = readings.length;
      await change();
      void catalog.list(OWNER);
      expect(readings).to.have.length(read + 1);
    }
    expect(told).to.deep.equal([
      { kind: 'catalog', owner: OWNER },
      { kind: 'catalog', owner: OWNER },
    ]);
  });
});
