import { expect } from 'chai';
import fc from 'fast-check';
import { compareVersions as byServer } from '../../core/version.js';
import { groupQuestions } from '../../rtm/src/model/questions.js';
import { compareVersions } from '../../rtm/src/model/version.js';
import { aNoticeOf } from '../support/views.js';

describe('the open questions', () => {
  it('are grouped by version, the newest first, in the order in which they came', () => {
    const asked = [
      ['a', '1.9.0'],
      ['b', '1.10.0'],
      ['c', '1.9.0'],
      ['d', '1.10.0-rc.1'],
      ['e', '1.10.0'],
      ['f', '1.10.0-rc.2'],
    ] as const;
    const groups = groupQuestions(asked.map(([nid, version]) => aNoticeOf(nid, version)));
    expect(
      groups.map(({ version, notices }) => `${version}: ${notices.map(({ nid }) => nid).join(' ')}`),
    ).to.deep.equal(['1.10.0: b e', '1.10.0-rc.2: f', '1.10.0-rc.1: d', '1.9.0: a c']);
  });

  it('are each in one group', () => {
    expect(groupQuestions([])).to.deep.equal([]);
    const version = fc.constantFrom('1.0.0', '1.0', '2.0.0', 'v2.0.0');
    fc.assert(
      fc.property(fc.array(version), (versions) => {
        const notices = versions.map((each, i) => aNoticeOf(`n${i}`, each));
        const groups = groupQuestions(notices);
        expect(groups.flatMap((group) => group.notices)).to.have.members(notices);
        expect(groups.map((group) => group.version)).to.have.members([...new Set(versions)]);
        for (const group of groups)
          for (const notice of group.notices) expect(notice.version).to.equal(group.version);
      }),
    );
  });
});

describe('versions on the page', () => {
  const order = [
    '',
    '0.9',
    '1.0.0-alpha.1',
    '1.0.0-rc.2',
    '1.0.0-rc.10',
    '1.0.0',
    '1.0.0.1',
    '1.2.0',
    '1.10.0',
  ];
  for (const [i, older] of order.entries())
    for (const newer of order.slice(i + 1))
      it(`"${older}" is older than "${newer}"`, () => {
        expect(compareVersions(older, newer)).to.be.below(0);
        expect(compareVersions(newer, older)).to.be.above(0);
      });

  it('are the same however they are prefixed', () => {
    for (const version of ['v1.2.0', 'V1.2.0', 'app:1.2.0', 'my:app: v1.2.0', '1.2.0+build.7'])
      expect(compareVersions(version, '1.2.0'), version).to.equal(0);
  });

  it('stand in the order in which the server sees them', () => {
    const number = fc.integer({ min: 0, max: 30 });
    const pre = fc.oneof(
      fc.constant(''),
      number.map((n) => `-rc.${n}`),
      fc.constant('-beta.1'),
    );
    const version = fc
      .tuple(fc.constantFrom('', 'v', 'app:'), number, number, number, pre)
      .map(([prefix, a, b, c, end]) => `${prefix}${a}.${b}.${c}${end}`);
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).to.equal(Math.sign(byServer(a, b)));
      }),
      { numRuns: 1000 },
    );
  });
});
