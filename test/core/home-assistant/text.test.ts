import { expect } from 'chai';
import fc from 'fast-check';
import { cut, linkIn } from '../../../core/home-assistant/text.js';

describe('a release summary', () => {
  it('of 255 characters stays, a longer one ends with an ellipsis', () => {
    expect(cut('x'.repeat(255))).to.equal('x'.repeat(255));
    expect(cut('x'.repeat(256))).to.equal(`${'x'.repeat(254)}…`);
    expect(cut('')).to.equal('');
  });

  it('is never cut within a character', () => {
    for (let before = 250; before < 256; before++) {
      const short = cut(`${'x'.repeat(before)}${'🚀'.repeat(9)}`);
      expect(short.isWellFormed(), String(before)).to.equal(true);
      expect(short.length).to.be.at.most(255);
    }
  });

  it('is well formed and short enough, whatever the text, and its beginning', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const short = cut(text);
        expect(short.length).to.be.at.most(255);
        expect(short.isWellFormed()).to.equal(true);
        expect(text.toWellFormed().startsWith(short.replace(/…$/, ''))).to.equal(true);
      }),
    );
  });
});

describe('the address in release notes', () => {
  for (const [notes, expected] of [
    ['https://example.com/a', 'https://example.com/a'],
    ['(see http://example.com/a?b=1#c).', 'http://example.com/a?b=1#c'],
    ['<https://example.com>', 'https://example.com/'],
    ['HTTPS://EXAMPLE.com/A first, https://example.org second', 'https://example.com/A'],
    ['no address', undefined],
    ['xhttps://example.com', undefined],
    ['https://', undefined],
    ['http://[', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const)
    it(`${notes}: ${expected}`, () => expect(linkIn(notes)).to.equal(expected));
});
