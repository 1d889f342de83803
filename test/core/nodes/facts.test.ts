import { expect } from 'chai';
import { SharedFacts } from '../../../core/nodes/facts.js';
import type { NodeMessage } from '../../../core/nodes/messages.js';

type FactMessage = Extract<NodeMessage, { kind: 'fact' | 'facts' }>;

describe('shared facts', () => {
  let told: NodeMessage[];
  let facts: SharedFacts;
  beforeEach(() => {
    told = [];
    facts = new SharedFacts((message) => told.push(message));
  });

  /** Another node that hears what this one says. */
  const hearer = (messages: Iterable<NodeMessage>): SharedFacts => {
    const other = new SharedFacts(() => {});
    for (const message of messages) other.hear('a', message as FactMessage);
    return other;
  };

  it('tells what it sets, and once what it unsets', () => {
    facts.set('device', 'd', 7);
    facts.unset('device', 'd');
    facts.unset('device', 'd');
    facts.unset('owner', 'd');
    expect(told.map((message) => ({ ...message }))).to.deep.equal([
      { kind: 'fact', of: 'device', key: 'd', value: 7 },
      { kind: 'fact', of: 'device', key: 'd' },
    ]);
    expect(facts.own('device', 'd')).to.equal(undefined);
  });

  it('what is set is its own and nobody else’s', () => {
    facts.set('device', 'd', 7);
    expect(facts.own('device', 'd')).to.equal(7);
    expect(facts.elsewhere('device', 'd')).to.equal(undefined);
    expect(facts.own('transfer', 'd')).to.equal(undefined);
  });

  it('of several nodes the one with the greatest value counts, whichever spoke last', () => {
    for (const [node, value] of [
      ['a', 5],
      ['b', 9],
      ['c', 7],
    ] as const)
      facts.hear(node, { kind: 'fact', of: 'device', key: 'd', value });
    expect(facts.elsewhere('device', 'd')).to.deep.equal({ node: 'b', value: 9 });
    facts.hear('aa', { kind: 'fact', of: 'device', key: 'd', value: 9 });
    expect(facts.elsewhere('device', 'd'), 'then by name').to.deep.equal({ node: 'b', value: 9 });
    facts.hear('bb', { kind: 'fact', of: 'device', key: 'd', value: 9 });
    expect(facts.elsewhere('device', 'd'), 'then by name').to.deep.equal({ node: 'bb', value: 9 });
    for (const node of ['aa', 'b', 'bb']) facts.hear(node, { kind: 'fact', of: 'device', key: 'd' });
    expect(facts.elsewhere('device', 'd')).to.deep.equal({ node: 'c', value: 7 });
  });

  it('a value of 0 is a value', () => {
    facts.hear('a', { kind: 'fact', of: 'transfer', key: 'd', value: 0 });
    expect(facts.elsewhere('transfer', 'd')).to.deep.equal({ node: 'a', value: 0 });
  });

  it('all it has to say fits into messages of at most 2000 facts, and is what it knows', () => {
    for (let i = 0; i < 4001; i++) facts.set('device', `d${i}`, i);
    facts.set('owner', 'o', 2);
    const messages = [...facts.told()] as Extract<NodeMessage, { kind: 'facts' }>[];
    expect(messages.map(({ of, first, entries }) => [of, first, entries.length])).to.deep.equal([
      ['device', true, 2000],
      ['device', false, 2000],
      ['device', false, 1],
      ['owner', true, 1],
      ['transfer', true, 0],
    ]);
    const other = hearer(messages);
    for (const i of [0, 1999, 2000, 4000])
      expect(other.elsewhere('device', `d${i}`)).to.deep.equal({ node: 'a', value: i });
    expect(other.elsewhere('owner', 'o')).to.deep.equal({ node: 'a', value: 2 });
  });

  it('what it does not say any more is void', () => {
    facts.set('device', 'old', 1);
    facts.set('owner', 'old', 1);
    const other = hearer(facts.told());
    facts.unset('device', 'old');
    facts.unset('owner', 'old');
    facts.set('device', 'new', 2);
    for (const message of facts.told()) other.hear('a', message as FactMessage);
    expect(other.elsewhere('device', 'old')).to.equal(undefined);
    expect(other.elsewhere('owner', 'old')).to.equal(undefined);
    expect(other.elsewhere('device', 'new')?.value).to.equal(2);
  });

  it('forgets a node, and gives back what it said last', () => {
    facts.hear('a', { kind: 'fact', of: 'device', key: 'd', value: 3 });
    facts.hear('a', { kind: 'fact', of: 'owner', key: 'o', value: 2 });
    facts.hear('b', { kind: 'fact', of: 'device', key: 'e', value: 4 });
    const last = facts.forget('a');
    expect([...last.device]).to.deep.equal([['d', 3]]);
    expect([...last.owner]).to.deep.equal([['o', 2]]);
    expect(facts.elsewhere('device', 'd')).to.equal(undefined);
    expect(facts.elsewhere('device', 'e')?.node).to.equal('b');
    expect(facts.forget('nobody').device.size).to.equal(0);
  });
});
