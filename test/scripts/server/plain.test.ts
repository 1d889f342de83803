import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import { defaultSettings } from '../../../scripts/config/load.js';
import { plainRule } from '../../../scripts/server/plain.js';

const rule = (allowed: boolean, from?: string[]) => {
  const settings = defaultSettings();
  return plainRule({ ...settings, plain: { allowed, from: from ?? settings.plain.from } });
};

describe('who may do without TLS', () => {
  it('everybody, as long as nothing else is said', () => {
    expect(rule(true)('203.0.113.7')).to.equal(true);
    expect(rule(true)(undefined)).to.equal(true);
  });

  it('refused, only this machine, in every spelling of it', () => {
    const may = rule(false);
    for (const address of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(may(address), address).to.equal(true);
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', 'fd00::7', '', 'x', undefined])
      expect(may(address), String(address)).to.equal(false);
  });

  it('and whom the settings name, by address or by network', () => {
    const may = rule(false, ['192.168.1.10', '10.0.0.0/8', 'fd00::/8']);
    for (const address of ['192.168.1.10', '::ffff:192.168.1.10', '10.255.0.1', 'fdff::1'])
      expect(may(address), address).to.equal(true);
    for (const address of ['192.168.1.11', '11.0.0.1', 'fe80::1', '127.0.0.1'])
      expect(may(address), address).to.equal(false);
  });

  for (const entry of ['300.1.1.1', '10.0.0.0/33', '::/129', '1.2.3', ':'])
    it(`${entry} is no address, whether or not it would be needed`, () => {
      for (const allowed of [true, false])
        expect(() => rule(allowed, [entry]))
          .to.throw(FirmwireError, `plain.from: ${entry} is no address and no network`)
          .with.property('code', 'config_invalid');
    });
});
