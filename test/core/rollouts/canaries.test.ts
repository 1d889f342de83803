import { expect } from 'chai';
import fc from 'fast-check';
import {
  byChance,
  type Candidate,
  groupsOf,
  inOrder as inTurn,
  redundanciesOf,
} from '../../../core/rollouts/canaries.js';

const device = (udid: string, change: Partial<Candidate> = {}): Candidate => ({
  udid,
  platform: 'arduino:esp8266',
  version: '1.0.0',
  tags: [],
  ...change,
});
const everybody = (): boolean => true;
const inOrder = (all: readonly Candidate[], seed: string, isOnline: (udid: string) => boolean): string[] =>
  inTurn(byChance(all, seed), new Set(), isOnline).map(({ udid }) => udid);

const fleet = fc.uniqueArray(
  fc.record({
    udid: fc.uuid(),
    platform: fc.constantFrom('arduino:esp8266', 'arduino:esp32', 'micropython:esp32', undefined),
    version: fc.constantFrom('1.0.0', '0.9.0', 'latest', undefined),
    tags: fc.uniqueArray(fc.constantFrom('lab', 'roof', 'redundancy:pump', 'redundancy:door')),
  }),
  { selector: ({ udid }) => udid, maxLength: 40 },
);

/** How many of the first ones it takes to have one of each kind. */
function needed(order: readonly string[], devices: readonly Candidate[]): number {
  const missing = new Set(devices.flatMap(groupsOf));
  for (const [i, udid] of order.entries()) {
    if (missing.size === 0) return i;
    for (const { udid: own, ...kinds } of devices)
      if (own === udid) for (const group of groupsOf(kinds)) missing.delete(group);
  }
  return missing.size === 0 ? order.length : Number.POSITIVE_INFINITY;
}

describe('canaries cover the fleet', () => {
  it('the kinds of a device are its platform with its chip, its version and its tags, but not its redundancies', () => {
    const tags = ['lab', 'redundancy:pump'];
    expect(groupsOf(device('a', { tags }))).to.deep.equal([
      'platform arduino:esp8266',
      'version 1.0.0',
      'tag lab',
    ]);
    expect(redundanciesOf(device('a', { tags }))).to.deep.equal(['redundancy:pump']);
    expect(groupsOf({ platform: undefined, version: undefined, tags: [] })).to.deep.equal([
      'platform unknown',
      'version unknown',
    ]);
  });

  it('one of each rare kind is among the first ones of a thousand', () => {
    const common = Array.from({ length: 1000 }, (_, n) => device(`common-${n}`));
    const rare = [
      device('other chip', { platform: 'arduino:esp32' }),
      device('older', { version: '0.9.0' }),
      device('on the roof', { tags: ['roof'] }),
    ];
    expect(inOrder([...common, ...rare], 'seed', everybody).slice(0, 4)).to.include.members(
      rare.map(({ udid }) => udid),
    );
  });

  it('one device that stands for much comes before several that stand for little', () => {
    const all = [
      device('a', { version: '0.9.0' }),
      device('b', { platform: 'arduino:esp32' }),
      device('c', { tags: ['lab'] }),
      device('d', { version: '0.9.0', platform: 'arduino:esp32', tags: ['lab', 'roof'] }),
    ];
    expect(inOrder(all, 'seed', everybody)[0]).to.equal('d');
  });

  it('each device comes once, however few and many', () => {
    fc.assert(
      fc.property(fleet, fc.string(), (devices, seed) => {
        const udids = devices.map(({ udid }) => udid);
        expect(inOrder(devices, seed, everybody))
          .to.have.members(udids)
          .and.to.have.length(udids.length);
      }),
    );
  });

  it('all kinds are tried by as many devices as there are kinds, or fewer', () => {
    fc.assert(
      fc.property(fleet, fc.string(), (devices, seed) => {
        const kinds = new Set(devices.flatMap(groupsOf));
        expect(needed(inOrder(devices, seed, everybody), devices)).to.be.at.most(kinds.size);
      }),
    );
  });

  it('the same for the same devices, in whatever order they are stored', () => {
    fc.assert(
      fc.property(fleet, fc.string(), (devices, seed) => {
        expect(inOrder(devices.toReversed(), seed, everybody)).to.deep.equal(
          inOrder(devices, seed, everybody),
        );
      }),
    );
  });

  it('another rollout takes other ones first', () => {
    const same = Array.from({ length: 100 }, (_, n) => device(`device-${n}`));
    const firsts = new Set(['a', 'b', 'c', 'd', 'e'].map((seed) => inOrder(same, seed, everybody)[0]));
    expect(firsts.size).to.be.above(1);
  });

  it('those that are connected come first', () => {
    const same = Array.from({ length: 100 }, (_, n) => device(`device-${n}`));
    const online = new Set(['device-17', 'device-50', 'device-83']);
    expect(inOrder(same, 'seed', (udid) => online.has(udid)).slice(0, 3)).to.have.members([...online]);
  });

  it('a device that is away is no canary while one of its kinds is connected, however much it stands for', () => {
    const all = [
      device('away', { tags: ['lab', 'roof'] }),
      device('lab', { tags: ['lab'] }),
      device('roof', { tags: ['roof'] }),
    ];
    expect(inOrder(all, 'seed', (udid) => udid !== 'away').at(-1)).to.equal('away');
  });

  it('kinds of which none is connected are tried before the many', () => {
    const common = Array.from({ length: 100 }, (_, n) => device(`common-${n}`));
    const order = inOrder([...common, device('away', { tags: ['roof'] })], 'seed', (udid) => udid !== 'away');
    expect(order[0]).to.match(/^common/);
    expect(order[1]).to.equal('away');
  });

  it('what others have tried is not tried again before the rest', () => {
    const common = Array.from({ length: 100 }, (_, n) => device(`common-${n}`));
    const all = [...common, device('roof', { tags: ['roof'] }), device('lab', { tags: ['lab'] })];
    const tried = new Set(groupsOf(device('x', { tags: ['roof'] })));
    expect(
      inTurn(all, tried, everybody)
        .map(({ udid }) => udid)
        .slice(0, 3),
    ).to.deep.equal(['lab', 'common-0', 'common-1']);
  });

  it('a thousand tags do not make it slow: then chance covers', () => {
    const many = Array.from({ length: 20_000 }, (_, n) => device(`d-${n}`, { tags: [`tag-${n % 5000}`] }));
    const begun = performance.now();
    expect(inOrder(many, 'seed', everybody)).to.have.length(many.length);
    expect(performance.now() - begun).to.be.below(5000);
  });
});
