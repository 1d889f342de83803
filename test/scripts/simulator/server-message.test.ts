import { expect } from 'chai';
import { cancelPayload, okPayload, plainUpdatePayload, updatePayload } from '../../../core/payload.js';
import { payloadFault, readServerMessage } from '../../../scripts/simulator/server-message.js';
import { aDevice, NOW, OWNER, UDID } from '../../support/builders.js';

describe('what a simulated device understands', () => {
  const offer = { version: '1.1.0', path: '/device/firmware?ott=T' };

  it('OK, with the names to store', () => {
    expect(readServerMessage(okPayload(aDevice(), NOW))).to.deep.equal({
      kind: 'ok',
      owner: OWNER,
      alias: 'kitchen',
      udid: UDID,
    });
  });

  it('an offer, with and without the flag', () => {
    const common = { kind: 'offer', udid: UDID, offer };
    expect(readServerMessage(updatePayload(UDID, '1.1.0', 'T'))).to.deep.equal({ ...common, flagged: true });
    expect(readServerMessage(plainUpdatePayload(UDID, '1.1.0', 'T'))).to.deep.equal({
      ...common,
      flagged: false,
    });
  });

  it('an offer that has the token only', () => {
    const payload = `{"registration":{"status":"FIRMWARE_UPDATE","udid":"${UDID}","version":"1.1.0","ott":"T"}}`;
    expect(readServerMessage(payload)).to.deep.include({ kind: 'offer', offer });
  });

  it('an offer that is taken back', () => {
    expect(readServerMessage(cancelPayload(UDID, '1.1.0'))).to.deep.equal({ kind: 'cancel' });
  });

  for (const payload of [
    '',
    'owner',
    '{',
    '{"registration":{"status":',
    '{"registration":{"status":"X"}}',
    '[1]}}',
  ])
    it(`nothing of ${JSON.stringify(payload)}`, () => {
      expect(readServerMessage(payload)).to.deep.equal({ kind: 'unknown' });
    });

  it('complains about what the server never may send, and about nothing else', () => {
    const good = updatePayload(UDID, '1.1.0', 'T'.repeat(43));
    expect(payloadFault(good)).to.equal(undefined);
    expect(payloadFault(okPayload(aDevice(), NOW))).to.equal(undefined);
    expect(payloadFault(good.replace('1.1.0', '1'.repeat(400)))).to.match(/more than 400/);
    expect(payloadFault(` ${good}`)).to.match(/unknown payload/);
    expect(payloadFault(`${good}\n`)).to.match(/not at the end/);
    expect(payloadFault(good.replace('1.1.0', '}}'))).to.match(/not only there/);
  });
});
