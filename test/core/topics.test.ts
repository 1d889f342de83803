import { expect } from 'chai';
import fc from 'fast-check';
import {
  deviceTopic,
  eventsTopic,
  filterMatches,
  filterReaches,
  isUdid,
  literalPrefix,
  noticeTopic,
  readTopic,
  serverTopic,
  stateTopic,
  statusTopic,
  type TopicMeaning,
} from '../../core/topics.js';
import { OWNER, UDID } from '../support/builders.js';

const HOSTILE = ['__proto__', 'constructor', '+#$%/\0[]*?', '\uD800', '$SYS', '..', ' ', ''];
const level = fc.oneof(
  fc.constantFrom('a', 'b', '', '$a', OWNER, UDID, 'rtm', 'status'),
  fc.constantFrom(...HOSTILE),
);
const plainLevel = fc.constantFrom('a', 'b', '', 'ab', '$a');
const topic = fc.array(plainLevel, { minLength: 1, maxLength: 5 });
const filter = fc
  .tuple(fc.array(fc.oneof(plainLevel, fc.constant('+')), { maxLength: 5 }), fc.boolean())
  .map(([levels, open]) => (open || levels.length === 0 ? [...levels, '#'] : levels));

/** MQTT 3.1.1, 4.7, by recursion over levels. */
function matches(pattern: readonly string[], levels: readonly string[]): boolean {
  const [part, ...otherParts] = pattern;
  const [first, ...otherLevels] = levels;
  if (part === '#') return true;
  if (part === undefined || first === undefined) return part === first;
  return (part === '+' || part === first) && matches(otherParts, otherLevels);
}

const modelMatches = (pattern: readonly string[], levels: readonly string[]): boolean =>
  !(levels[0]?.startsWith('$') && (pattern[0] === '+' || pattern[0] === '#')) && matches(pattern, levels);

describe('the topic table (wire.md 1)', () => {
  const rows: [string, TopicMeaning][] = [
    [deviceTopic(OWNER, UDID), { kind: 'device', owner: OWNER, udid: UDID }],
    [statusTopic(OWNER, UDID), { kind: 'status', owner: OWNER, udid: UDID }],
    [`/${OWNER}/${UDID}/sensors/1`, { kind: 'application', owner: OWNER, udid: UDID }],
    [`/${OWNER}/${UDID}/status/x`, { kind: 'application', owner: OWNER, udid: UDID }],
    [`/${OWNER}/${UDID}/`, { kind: 'application', owner: OWNER, udid: UDID }],
    [`/${OWNER}/shared/lights/all`, { kind: 'shared', owner: OWNER }],
    [stateTopic(OWNER, UDID), { kind: 'rtm', owner: OWNER }],
    [noticeTopic(OWNER, UDID), { kind: 'rtm', owner: OWNER }],
    [eventsTopic(OWNER), { kind: 'rtm', owner: OWNER }],
    [serverTopic(OWNER), { kind: 'rtm', owner: OWNER }],
    [`${noticeTopic(OWNER, UDID)}/reply`, { kind: 'reply', owner: OWNER, nid: UDID }],
    [`${noticeTopic(OWNER, UDID)}/reply/x`, { kind: 'rtm', owner: OWNER }],
    [`${stateTopic(OWNER, UDID)}/reply`, { kind: 'rtm', owner: OWNER }],
    ['/lwt', { kind: 'other' }],
    ['', { kind: 'other' }],
    ['/', { kind: 'other' }],
    [`/${OWNER}`, { kind: 'other' }],
    [`/${OWNER}/`, { kind: 'other' }],
    [`//${UDID}`, { kind: 'other' }],
    [`${OWNER}/${UDID}`, { kind: 'other' }],
    [`x/${OWNER}/${UDID}`, { kind: 'other' }],
    [`/${OWNER}/${UDID.slice(1)}`, { kind: 'other' }],
    [`/${OWNER}/${UDID}0`, { kind: 'other' }],
    [`/${OWNER}/${UDID} `, { kind: 'other' }],
    ['$SYS/broker/new/clients', { kind: 'other' }],
    [`$SYS/${OWNER}/${UDID}`, { kind: 'other' }],
  ];
  for (const [name, meaning] of rows) {
    const shown = name.replaceAll(OWNER, '<owner>').replaceAll(UDID, '<udid>');
    it(`"${shown}" is ${meaning.kind}`, () => expect(readTopic(name)).to.deep.equal(meaning));
  }

  it('writes the topics as the table says', () => {
    expect(deviceTopic('o', 'u')).to.equal('/o/u');
    expect(statusTopic('o', 'u')).to.equal('/o/u/status');
    expect(stateTopic('o', 'u')).to.equal('/o/rtm/devices/u');
    expect(noticeTopic('o', 'n')).to.equal('/o/rtm/notices/n');
    expect(eventsTopic('o')).to.equal('/o/rtm/events');
  });

  it('takes 36 characters of [0-9a-fA-F-] for a UDID and nothing else', () => {
    for (const text of [UDID, UDID.toUpperCase(), '-'.repeat(36)]) expect(isUdid(text)).to.equal(true);
    for (const text of [
      '',
      UDID.slice(1),
      `${UDID}0`,
      `g${UDID.slice(1)}`,
      `${UDID}\n`,
      `${UDID.slice(1)}\n`,
    ])
      expect(isUdid(text)).to.equal(false);
  });

  it('reads any name without throwing, and gives a topic only to the owner it names', () => {
    const name = fc.oneof(
      fc.string(),
      fc.array(level, { maxLength: 8 }).map((levels) => `/${levels.join('/')}`),
    );
    fc.assert(
      fc.property(name, (text) => {
        const meaning = readTopic(text);
        if (meaning.kind === 'other') return;
        expect(text.startsWith(`/${meaning.owner}/`)).to.equal(true);
        expect(meaning.owner).to.not.equal('');
        if ('udid' in meaning) expect(text.startsWith(`/${meaning.owner}/${meaning.udid}`)).to.equal(true);
      }),
    );
  });

  for (const name of HOSTILE) {
    it(`does not throw at ${JSON.stringify(name)}`, () => {
      for (const text of [
        name,
        `/${name}`,
        `/${name}/${UDID}`,
        `/${OWNER}/${name}`,
        `/${OWNER}/rtm/notices/${name}/reply`,
      ])
        expect(() => [
          readTopic(text),
          filterMatches(text, text),
          literalPrefix(text),
          filterReaches(text, ['', text]),
        ]).to.not.throw();
    });
  }
});

describe('topic filters (MQTT 3.1.1, 4.7)', () => {
  const cases: [filter: string, topic: string, matches: boolean][] = [
    ['/#', '/a/b', true],
    ['#', '/a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['/#', '$SYS/x', false],
    ['a/#', 'a', true],
    ['a/#', 'ab', false],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['+', '/a', false],
    ['+/+', '/a', true],
    ['a/+/c', 'a/b/c', true],
    ['a/b', 'a/b/c', false],
    ['A', 'a', false],
  ];
  for (const [pattern, name, expected] of cases) {
    it(`${pattern} ${expected ? 'matches' : 'does not match'} ${name}`, () => {
      expect(filterMatches(pattern, name)).to.equal(expected);
    });
  }

  it('match as a naive model does', () => {
    fc.assert(
      fc.property(filter, topic, (pattern, levels) => {
        expect(filterMatches(pattern.join('/'), levels.join('/'))).to.equal(modelMatches(pattern, levels));
      }),
      { numRuns: 2000 },
    );
  });

  it('reach a tree exactly if they match some topic that begins with its levels', () => {
    const tails = [[], [''], ['a'], ['b'], ['ab'], ['$a']].flatMap((t) => [
      t,
      [...t, 'x'],
      [...t, 'x', 'x'],
      [...t, 'x', 'x', 'x'],
    ]);
    fc.assert(
      fc.property(filter, fc.array(plainLevel, { maxLength: 2 }), (pattern, rest) => {
        const tree = ['', ...rest];
        // A witness: the filter's own levels behind the tree, wildcards filled in.
        const own = pattern
          .slice(tree.length)
          .filter((part) => part !== '#')
          .map((part) => (part === '+' ? 'x' : part));
        const some = [own, ...tails].some((tail) => modelMatches(pattern, [...tree, ...tail]));
        expect(filterReaches(pattern.join('/'), tree)).to.equal(some);
      }),
      { numRuns: 2000 },
    );
  });

  it('match only topics that begin with their literal prefix', () => {
    fc.assert(
      fc.property(filter, topic, (pattern, levels) => {
        fc.pre(modelMatches(pattern, levels));
        expect(levels.join('/').startsWith(literalPrefix(pattern.join('/')))).to.equal(true);
      }),
    );
  });

  for (const [pattern, prefix] of [
    ['/a/b', '/a/b'],
    ['/a/#', '/a'],
    ['/a/+/c', '/a/'],
    ['/#', ''],
    ['#', ''],
  ] as const) {
    it(`have the longest literal prefix: ${pattern}`, () => expect(literalPrefix(pattern)).to.equal(prefix));
  }
});
