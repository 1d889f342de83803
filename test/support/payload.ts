import { expect } from 'chai';
import { at } from './json.js';

/** A payload of wire.md 3, as a device understands it. */
export interface Payload {
  readonly kind: 'ok' | 'update' | 'cancel';
  /** It began with the outer FIRMWARE_UPDATE. */
  readonly flagged: boolean;
  readonly registration: Record<string, unknown>;
}

const FLAGGED = '{"FIRMWARE_UPDATE":true,"registration":';
const PLAIN = '{"registration":';

/** What the device's parser needs of memory for an object, bytes (wire.md 3). */
const weight = (object: Record<string, unknown>): number =>
  Object.entries(object).reduce(
    (sum, [key, value]) =>
      sum +
      16 +
      Buffer.byteLength(key) +
      1 +
      (typeof value === 'string' ? Buffer.byteLength(value) + 1 : 0) +
      (typeof value === 'object' && value !== null ? weight(value as Record<string, unknown>) : 0),
    0,
  );

/** Reads a payload and asserts everything that wire.md 3 asks of each of them. */
export function readPayload(text: string): Payload {
  const flagged = text.startsWith(FLAGGED);
  expect(flagged || text.startsWith(PLAIN), `the beginning of ${text}`).to.equal(true);
  expect(text.indexOf('}}'), `the only }} of ${text}`).to.equal(text.length - 2);
  expect(Buffer.byteLength(text)).to.be.at.most(400);
  const body: unknown = JSON.parse(text);
  expect(JSON.stringify(body), 'compact').to.equal(text);
  expect(weight(body as Record<string, unknown>)).to.be.at.most(512);
  const registration = at(body, 'registration') as Record<string, unknown>;
  for (const value of Object.values(registration)) expect(value).not.to.be.an('object');
  if (registration['status'] === 'OK') {
    expect(flagged).to.equal(false);
    expect(registration).to.have.all.keys(
      'success',
      'status',
      'auto_update',
      'owner',
      'alias',
      'udid',
      'timestamp',
    );
    expect(registration['success']).to.equal(true);
    expect(registration['auto_update']).to.be.a('boolean');
    expect(registration['owner']).to.match(/^[0-9a-z]{64,}$/);
    expect(registration['alias']).to.be.a('string').that.is.not.equal('');
    expect(Number(registration['timestamp'])).to.be.closeTo(Date.now() / 1000, 30);
    return { kind: 'ok', flagged, registration };
  }
  expect(registration).to.have.all.keys('status', 'auto_update', 'udid', 'version', 'url', 'ott');
  expect(registration['status']).to.equal('FIRMWARE_UPDATE');
  if (registration['url'] === '') {
    expect(registration['ott']).to.equal('');
    expect(flagged).to.equal(false);
    return { kind: 'cancel', flagged, registration };
  }
  expect(registration['auto_update']).to.equal(true);
  expect(registration['ott']).to.match(/^[A-Za-z0-9_-]{43}$/);
  expect(registration['url']).to.equal(`/device/firmware?ott=${registration['ott']}`);
  return { kind: 'update', flagged, registration };
}
