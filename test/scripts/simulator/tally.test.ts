import { expect } from 'chai';
import { identityOf } from '../../../scripts/simulator/identity.js';
import { percentile } from '../../../scripts/simulator/percentile.js';
import { seededRandom } from '../../../scripts/simulator/random.js';
import { Tally } from '../../../scripts/simulator/tally.js';

describe('the books of a fleet', () => {
  it('count each device at one stage', () => {
    const tally = new Tally(3);
    tally.setOnline(0, true);
    tally.setOnline(0, true);
    tally.move(0, 'offered');
    tally.move(0, 'downloading');
    tally.move(1, 'failed');
    expect(tally.counts).to.include({
      devices: 3,
      online: 1,
      waiting: 1,
      downloading: 1,
      failed: 1,
      offered: 0,
    });
    expect(tally.isSettled).to.equal(false);
  });

  it('are closed when every device has installed, failed or been declined', () => {
    const tally = new Tally(3);
    tally.install(0, '1.1.0', 5);
    tally.move(1, 'failed');
    tally.ask(2, 'asked');
    expect(tally.isSettled).to.equal(false);
    tally.ask(2, 'declined');
    expect(tally.isSettled).to.equal(true);
  });

  it('do not take back what a device has done when a word about its owner comes late', () => {
    const tally = new Tally(1);
    tally.move(0, 'downloading');
    tally.ask(0, 'asked');
    expect(tally.counts).to.include({ downloading: 1, asked: 0 });
  });

  it('measure from the publication of a version to its installation, in whatever order both are heard of', () => {
    const tally = new Tally(3);
    tally.install(0, '1.1.0', 1030);
    tally.publish('1.1.0', 1000);
    tally.install(1, '1.1.0', 1010);
    tally.install(2, '9.9.9', 5000);
    expect(tally.durations).to.deep.equal({ p50: 10, p99: 30 });
    expect(new Tally(1).durations).to.deep.equal({ p50: undefined, p99: undefined });
  });
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  it('is the nearest rank', () => {
    expect(percentile(hundred, 50)).to.equal(50);
    expect(percentile(hundred, 99)).to.equal(99);
    expect(percentile(hundred, 100)).to.equal(100);
    expect(percentile([7], 1)).to.equal(7);
    expect(percentile([], 50)).to.equal(undefined);
  });
});

describe('seeds', () => {
  it('give the same devices and numbers again', () => {
    expect(identityOf('a', 1)).to.deep.equal(identityOf('a', 1));
    expect(identityOf('a', 1)).not.to.deep.equal(identityOf('b', 1));
    const [one, two] = [seededRandom('a'), seededRandom('a')];
    expect([one(), one(), one()]).to.deep.equal([two(), two(), two()]);
  });

  it('give well-formed identities, each once', () => {
    const all = Array.from({ length: 5000 }, (_, index) => identityOf('firmwire', index));
    for (const { mac, udid } of all) {
      expect(mac).to.match(/^5CCF7F[0-9A-F]{6}$/);
      expect(udid).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    expect(new Set(all.map(({ udid }) => udid)).size).to.equal(all.length);
    expect(new Set(all.map(({ mac }) => mac)).size).to.equal(all.length);
  });
});
