import { expect } from 'chai';
import fc from 'fast-check';
import { cleanAlias, decline, generateAlias, normaliseMac } from '../../core/device.js';
import { aDevice, UDID } from '../support/builders.js';

describe('MAC addresses (wire.md 4)', () => {
  for (const text of [
    '5CCF7F1A2B3C',
    '5c:cf:7f:1a:2b:3c',
    '5C-CF-7F-1A-2B-3C',
    '5ccf.7f1a.2b3c',
    ' 5ccf7f 1a2b3c ',
  ]) {
    it(`${text} is 5CCF7F1A2B3C`, () => expect(normaliseMac(text)).to.equal('5CCF7F1A2B3C'));
  }

  it('have up to 14 digits on an ESP32', () => {
    expect(normaliseMac('5ccf7f1a2b3c4')).to.equal('5CCF7F1A2B3C4');
    expect(normaliseMac('5ccf7f1a2b3c4d')).to.equal('5CCF7F1A2B3C4D');
  });

  for (const text of [undefined, '', 'unknown', '5CCF7F1A2B3', '5CCF7F1A2B3G', '5C'.repeat(20)]) {
    it(`${JSON.stringify(text)} is none`, () => expect(normaliseMac(text)).to.equal(undefined));
  }
});

describe('aliases (wire.md 3)', () => {
  it('are kept if they are harmless', () => {
    for (const text of ['kitchen', 'Küche 1', '温室', '😀', 'a"b\\c'])
      expect(cleanAlias(text)).to.equal(text);
  });

  it('have at most 100 bytes in JSON, whole characters, no braces, no control characters, no blanks around', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 300 })),
        (text) => {
          const alias = cleanAlias(text);
          expect(Buffer.byteLength(JSON.stringify(alias)) - 2).to.be.at.most(100);
          expect(alias.isWellFormed()).to.equal(true);
          expect(alias).to.not.match(/[{}\p{Cc}]/u);
          expect(alias).to.equal(alias.trim());
          expect(cleanAlias(alias)).to.equal(alias);
        },
      ),
    );
  });

  it('are cut as late as can be', () => {
    expect(cleanAlias('x'.repeat(300))).to.equal('x'.repeat(100));
    expect(cleanAlias('é'.repeat(300))).to.equal('é'.repeat(50));
    expect(cleanAlias(`${'x'.repeat(98)}😀`)).to.equal('x'.repeat(98));
  });

  it('are cut quickly, however long the text', () => {
    const started = process.hrtime.bigint();
    cleanAlias('é'.repeat(20_000));
    expect(Number(process.hrtime.bigint() - started) / 1e6).to.be.below(2000);
  });

  for (const [platform, mac, alias] of [
    ['arduino:esp8266', '5CCF7F1A2B3C', 'esp8266-1a2b3c'],
    ['nodemcu', '5CCF7F1A2B3C', 'nodemcu-1a2b3c'],
    ['arduino:', undefined, 'device-28950e'],
    [undefined, undefined, 'device-28950e'],
  ] as const) {
    it(`are generated for ${platform}: ${alias}`, () => {
      expect(generateAlias(platform, mac, UDID)).to.equal(alias);
    });
  }

  it('are generated for any platform a device may report, never empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 256 }), (platform) => {
        const alias = generateAlias(platform, undefined, UDID);
        expect(alias).to.not.equal('');
        expect(cleanAlias(alias)).to.equal(alias);
      }),
    );
  });
});

describe('declined versions (wire.md 5)', () => {
  it('are remembered once each', () => {
    const device = decline(decline(decline(aDevice(), '1.1.0'), '1.2.0'), '1.1.0');
    expect([...device.declined].sort()).to.deep.equal(['1.1.0', '1.2.0']);
  });

  it('are bounded, the latest kept', () => {
    let device = aDevice();
    for (let i = 0; i < 1000; i++) device = decline(device, `1.${i}.0`);
    expect(device.declined.length).to.be.below(100);
    expect(device.declined).to.include('1.999.0');
  });
});
