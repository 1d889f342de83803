import { expect } from 'chai';
import { SharedFacts } from '../../../core/nodes/facts.js';
import { Whereabouts } from '../../../core/nodes/whereabouts.js';
import { OTHER_UDID, UDID } from '../../support/builders.js';

/** Lets what was answered be taken in. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Stamping {
  answer(stamp: number): Promise<void>;
  fail(): Promise<void>;
}

describe('whereabouts', () => {
  let facts: SharedFacts;
  let whereabouts: Whereabouts;
  /** Stamps that were asked for, oldest first. */
  let asked: Stamping[];
  let cut: string[];
  beforeEach(() => {
    [asked, cut] = [[], []];
    facts = new SharedFacts(() => {});
    whereabouts = new Whereabouts(facts, {
      node: 'm',
      stamp: () =>
        new Promise((resolve, reject) => {
          asked.push({
            answer: async (stamp) => {
              resolve(stamp);
              await settled();
            },
            fail: async () => {
              reject(new Error('away'));
              await settled();
            },
          });
        }),
    });
  });
  const came = (name: string, udid = UDID): void => whereabouts.came(udid, () => cut.push(name));
  /** Another node says that the device is connected to it. */
  const elsewhere = (since: number, node = 'b'): void => {
    facts.hear(node, { kind: 'fact', of: 'device', key: UDID, value: since });
    whereabouts.heardElsewhere(UDID);
  };
  const gone = (node = 'b'): void => facts.hear(node, { kind: 'fact', of: 'device', key: UDID });

  it('a device is here from the moment it comes, and the others are told when it is stamped', async () => {
    came('one');
    expect(whereabouts.nodeOf(UDID)).to.equal(undefined);
    expect(facts.own('device', UDID)).to.equal(undefined);
    await asked[0]?.answer(7);
    expect(facts.own('device', UDID)).to.equal(7);
  });

  it('a device that is nowhere, elsewhere, and here', () => {
    expect([whereabouts.nodeOf(UDID), whereabouts.isElsewhere(UDID)]).to.deep.equal([undefined, false]);
    elsewhere(5);
    expect([whereabouts.nodeOf(UDID), whereabouts.isElsewhere(UDID)]).to.deep.equal(['b', true]);
    came('one');
    expect([whereabouts.nodeOf(UDID), whereabouts.isElsewhere(UDID)]).to.deep.equal([undefined, true]);
  });

  it('an older connection is cut when another node has a newer one', async () => {
    came('one');
    came('other', OTHER_UDID);
    await asked[0]?.answer(7);
    await asked[1]?.answer(8);
    elsewhere(9);
    expect(cut).to.deep.equal(['one']);
  });

  it('a newer one is not', async () => {
    came('one');
    await asked[0]?.answer(7);
    elsewhere(6);
    expect(cut).to.deep.equal([]);
  });

  it('one whose stamp comes later than the word of a newer one is cut then', async () => {
    came('one');
    elsewhere(9);
    expect(cut).to.deep.equal([]);
    await asked[0]?.answer(7);
    expect(cut).to.deep.equal(['one']);
  });

  it('a device that left before its stamp came is nowhere', async () => {
    came('one');
    whereabouts.left(UDID);
    await asked[0]?.answer(7);
    expect(facts.own('device', UDID)).to.equal(undefined);
  });

  it('the stamp of a connection that was replaced counts for nothing', async () => {
    came('one');
    came('two');
    await asked[1]?.answer(8);
    await asked[0]?.answer(7);
    expect(facts.own('device', UDID)).to.equal(8);
    elsewhere(9);
    expect(cut).to.deep.equal(['two']);
  });

  for (const [node, isCut] of [
    ['a', false],
    ['z', true],
  ] as const)
    it(`of two that were stamped at the same moment one is cut: ${isCut ? 'this' : 'the other'} one`, async () => {
      came('one');
      await asked[0]?.answer(7);
      elsewhere(7, node);
      expect(cut).to.deep.equal(isCut ? ['one'] : []);
      gone(node);
      cut = [];
      whereabouts.left(UDID);
      came('two');
      elsewhere(9, node);
      await asked[1]?.answer(9);
      expect(cut).to.deep.equal(isCut ? ['two'] : []);
    });

  it('one that came after the other was heard of is the newer, even if the clock was set back', async () => {
    elsewhere(100);
    came('one');
    await asked[0]?.answer(7);
    expect(facts.own('device', UDID)).to.equal(101);
    elsewhere(100);
    expect(cut).to.deep.equal([]);
  });

  it('a device that is back here is not cut for what it had elsewhere in between', async () => {
    came('one');
    await asked[0]?.answer(7);
    // It went to another node, stamped 8, and is back before this node hears of that.
    came('back');
    elsewhere(8);
    expect(cut).to.deep.equal([]);
    await asked[1]?.answer(9);
    expect(cut).to.deep.equal([]);
    expect(facts.own('device', UDID)).to.equal(9);
  });

  it('what could not be stamped is stamped when the bus is back, and nothing else', async () => {
    came('one');
    came('other', OTHER_UDID);
    await asked[0]?.fail();
    await asked[1]?.answer(8);
    expect(facts.own('device', UDID)).to.equal(undefined);
    whereabouts.resume();
    expect(asked).to.have.length(3);
    await asked[2]?.answer(9);
    expect(facts.own('device', UDID)).to.equal(9);
    expect(facts.own('device', OTHER_UDID)).to.equal(8);
  });

  it('a connection that replaced a stamped one and could not be stamped is stamped when the bus is back', async () => {
    came('one');
    await asked[0]?.answer(7);
    came('two');
    await asked[1]?.fail();
    whereabouts.resume();
    expect(asked).to.have.length(3);
    // It went elsewhere in between, which this node hears now.
    elsewhere(8);
    await asked[2]?.answer(9);
    expect(cut).to.deep.equal([]);
    expect(facts.own('device', UDID)).to.equal(9);
  });

  it('one that is being stamped while the bus comes back is not stamped twice, unless that fails', async () => {
    came('one');
    whereabouts.resume();
    whereabouts.resume();
    expect(asked).to.have.length(1);
    await asked[0]?.fail();
    expect(asked).to.have.length(2);
    await asked[1]?.fail();
    expect(asked).to.have.length(2);
    whereabouts.resume();
    await asked[2]?.answer(7);
    whereabouts.resume();
    expect(asked).to.have.length(3);
    expect(facts.own('device', UDID)).to.equal(7);
  });

  it('a device that left is told of as gone, and heard of elsewhere until that is gone, too', async () => {
    came('one');
    await asked[0]?.answer(7);
    elsewhere(9);
    whereabouts.left(UDID);
    expect(facts.own('device', UDID)).to.equal(undefined);
    expect(whereabouts.nodeOf(UDID)).to.equal('b');
    gone();
    expect(whereabouts.nodeOf(UDID)).to.equal(undefined);
  });
});
