import { expect } from 'chai';
import fc from 'fast-check';
import semver from 'semver';
import { compareVersions, readVersion, sameVersion } from '../../core/version.js';

const number = fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 999_999_999 }));
const identifier = fc.stringMatching(/^(0|[1-9][0-9]{0,5}|[0-9]{0,3}[a-zA-Z-][0-9A-Za-z-]{0,5})$/);
const suffix = fc.array(identifier, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const semantic = fc
  .tuple(number, number, number, fc.option(suffix), fc.option(suffix))
  .map(([a, b, c, pre, build]) => `${a}.${b}.${c}${pre ? `-${pre}` : ''}${build ? `+${build}` : ''}`);
/** Whatever devices and owners might write, versions among it. */
const anyText = fc.oneof(
  semantic,
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.stringMatching(/^[0-9A-Za-z.+_:-]{1,64}$/),
  fc.constantFrom('', 'v1.2', 'app:1.2.0', '1.2.3.4', '5', 'latest', '1..2', '1.2.0-', ':', '1.0.0-01'),
);

describe('versions (wire.md 7)', () => {
  const written: [text: string, version: string, fourth: number][] = [
    ['1.2.0', '1.2.0', 0],
    ['v1.2', '1.2.0', 0],
    ['V1.2.3', '1.2.3', 0],
    ['app:1.2.0', '1.2.0', 0],
    ['my-app:v1.2.0', '1.2.0', 0],
    ['1.2.3.4', '1.2.3', 4],
    ['5', '5.0.0', 0],
    [' 1.2.0 ', '1.2.0', 0],
    ['1.2.0-rc.1', '1.2.0-rc.1', 0],
    ['1.2.0-rc.1+build.7', '1.2.0-rc.1', 0],
    ['01.002.0', '1.2.0', 0],
  ];
  for (const [text, version, fourth] of written) {
    it(`reads "${text}" as ${version}${fourth ? ` and ${fourth}` : ''}`, () => {
      const read = readVersion(text);
      expect(read?.base.version).to.equal(version);
      expect(read?.fourth).to.equal(fourth);
    });
  }

  for (const text of ['', 'latest', 'v', 'app:', '1.2.x', '-1', '1.2.3.4.5', '\0']) {
    it(`knows that ${JSON.stringify(text)} is no version`, () => {
      expect(readVersion(text)).to.equal(undefined);
    });
  }

  it('reads any text without throwing', () => {
    fc.assert(fc.property(anyText, (text) => void readVersion(text)));
  });

  it('reads a long hostile text quickly', () => {
    const started = process.hrtime.bigint();
    for (const text of [':'.repeat(1e6), '1.'.repeat(1e6), ' '.repeat(1e6), `1-${'-'.repeat(1e6)}!`])
      readVersion(text);
    expect(Number(process.hrtime.bigint() - started) / 1e6).to.be.below(2000);
  });
});

describe('the order of versions', () => {
  const ladder = [
    'nonsense',
    '0.9',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    'v1',
    '1.0.0.1',
    'app:1.0.1',
    '1.2',
    '1.10.0',
    '5',
    '10.0.0',
  ];
  for (const [i, older] of ladder.entries()) {
    for (const newer of ladder.slice(i + 1)) {
      it(`puts ${older} before ${newer}`, () => {
        expect(compareVersions(older, newer)).to.be.below(0);
        expect(compareVersions(newer, older)).to.be.above(0);
      });
    }
  }

  for (const [a, b] of [
    ['v1.2', '1.2.0'],
    ['app:1.2.0', '1.2.0.0'],
    ['1.2.0+a', '1.2.0+b'],
  ] as const) {
    it(`takes ${a} and ${b} for the same version`, () => expect(sameVersion(a, b)).to.equal(true));
  }

  it('is semantic version precedence', () => {
    fc.assert(
      fc.property(semantic, semantic, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).to.equal(semver.compare(a, b));
      }),
    );
  });

  // A build number made of a time is common: 1.0.1718000000, 1.0.20240610120000.
  for (const [older, newer] of [
    ['1.0.1718000000', '1.0.1718000001'],
    ['1.0.0', '1.0.1718000000'],
    ['1.0.20240610120000', '1.1.0'],
    ['1.0.9', '1.1.20240610120000'],
  ] as const) {
    it(`is semantic version precedence for long numbers: ${older} before ${newer}`, () => {
      expect(Math.sign(compareVersions(older, newer))).to.equal(semver.compare(older, newer));
    });
  }

  it('is a total order on any texts', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).to.equal(0);
        const [low, middle, high] = [a, b, c].sort(compareVersions);
        expect(compareVersions(low ?? '', middle ?? '')).to.be.at.most(0);
        expect(compareVersions(middle ?? '', high ?? '')).to.be.at.most(0);
        expect(compareVersions(low ?? '', high ?? '')).to.be.at.most(0);
      }),
    );
  });

  it('takes two unreadable texts for the same version only if they are the same text', () => {
    const unreadable = anyText.filter((text) => readVersion(text) === undefined);
    const near = unreadable.map((text) => [text, `${text}\u200b`] as const);
    fc.assert(
      fc.property(fc.oneof(near, fc.tuple(unreadable, unreadable)), ([a, b]) => {
        fc.pre(readVersion(b) === undefined);
        expect(sameVersion(a, b)).to.equal(a === b);
      }),
    );
  });
});
