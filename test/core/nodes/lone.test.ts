import { expect } from 'chai';
import { LONE_LEASE, LoneBus } from '../../../core/nodes/lone.js';
import { aLoneNode } from '../../support/lone.js';

describe('a server that is one process', () => {
  it('has a bus that is up, hears nobody and stamps in order', async () => {
    const bus = new LoneBus();
    bus.listen();
    bus.send();
    expect(bus.isUp()).to.equal(true);
    const stamps = await Promise.all([bus.stamp(), bus.stamp(), bus.stamp()]);
    expect(stamps).to.deep.equal(stamps.toSorted((a, b) => a - b));
    expect(new Set(stamps).size).to.equal(3);
  });

  it('does what is to be done once', () => {
    expect(LONE_LEASE.isHeld()).to.equal(true);
  });

  it('knows where its devices are, and of two connections the newer stands without being cut', async () => {
    const { whereabouts } = aLoneNode();
    const cut: string[] = [];
    whereabouts.came('d', () => cut.push('first'));
    whereabouts.came('d', () => cut.push('second'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([whereabouts.nodeOf('d'), whereabouts.isElsewhere('d'), cut]).to.deep.equal([
      undefined,
      false,
      [],
    ]);
  });
});
