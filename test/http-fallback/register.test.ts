import { expect } from 'chai';
import { OTHER_UDID, UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  checkInBody,
  type HttpApp,
  post,
  publish,
  startHttpApp,
} from '../support/http-app.js';

describe('POST /device/register', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp();
  });
  afterEach(() => http.close());

  const failure = async (payload: string | object, headers?: Record<string, string>): Promise<string> => {
    const answer = await post(http, '/device/register', payload, headers);
    expect(answer.headers['content-type']).to.match(/^application\/json/);
    const { success, response } = answer.json();
    expect(success).to.equal(false);
    return `${answer.statusCode} ${response}`;
  };

  const broken: [what: string, body: string, expected: string][] = [
    ['no body', '', '400 no_body'],
    ['blanks only', ' \r\n', '400 no_body'],
    ['text that is not JSON', 'owner', '400 request_invalid'],
    ['cut JSON', '{"registration":{"mac":"5C', '400 request_invalid'],
    ['an array', '[1]', '400 request_invalid'],
    ['null', 'null', '400 request_invalid'],
    ['no registration', '{"mac":"5CCF7F1A2B3C"}', '400 request_invalid'],
    ['an empty registration', '{"registration":{}}', '400 request_invalid'],
    ['a registration that is text', '{"registration":"x"}', '400 request_invalid'],
    ['a registration that is an array', '{"registration":["x"]}', '400 request_invalid'],
    ['a registration that is null', '{"registration":null}', '400 request_invalid'],
    ['only a prototype', '{"__proto__":{"registration":{"mac":"5CCF7F1A2B3C"}}}', '400 request_invalid'],
  ];
  for (const [what, body, expected] of broken)
    it(`${what}: ${expected}`, async () => expect(await failure(body)).to.equal(expected));

  it('tells who is not known from who may not', async () => {
    const { owner, ownerKey } = http.credentials;
    const other = await http.domain.accounts.createOwner('other');
    const named = (name: string) => checkInBody(http, { owner: name });
    expect(await failure(named(owner), {})).to.equal('401 authentication_error');
    expect(await failure(named(owner), { authentication: ' ' })).to.equal('401 authentication_error');
    expect(await failure(named(owner), { authentication: 'f0'.repeat(32) })).to.equal('403 apikey_not_found');
    expect(await failure(named(owner), { authentication: 'nonsense' })).to.equal('403 apikey_not_found');
    expect(await failure(named(other.owner))).to.equal('403 owner_found_but_no_key');
    expect(await failure(named('ab'.repeat(32)))).to.equal('403 invalid owner');
    expect(await failure(named('<script>'))).to.equal('403 invalid owner');
    const asOwnerKey = await post(http, '/device/register', named(owner), { authentication: ownerKey });
    expect(asOwnerKey.statusCode).to.equal(200);
  });

  it('a key bound to a device lets that device in, new or known, and no other', async () => {
    const { owner } = http.credentials;
    const wish = { alias: 'one', scope: 'device', device: UDID } as const;
    const { secret: authentication } = await http.domain.accounts.addKey(owner, wish);
    await post(http, '/device/register', checkInBody(http, { udid: OTHER_UDID, mac: '5CCF7F000001' }));
    const bound = { authentication };
    const firstTime = checkInBody(http, { udid: undefined });
    const answer = await post(http, '/device/register', firstTime, bound);
    expect(answer.json().registration.udid).to.equal(UDID);
    const others = { udid: OTHER_UDID, mac: '5CCF7F000001' };
    for (const change of [others, { ...others, mac: undefined }, { ...others, udid: undefined }])
      expect(await failure(checkInBody(http, change), bound)).to.equal('403 key_of_other_device');
    const again = await post(http, '/device/register', checkInBody(http, { udid: UDID }), bound);
    expect(again.statusCode).to.equal(200);
  });

  it('keys for publishing and for reading are no devices', async () => {
    for (const scope of ['publish', 'read'] as const) {
      const wish = { alias: 'x', scope };
      const { secret } = await http.domain.accounts.addKey(http.credentials.owner, wish);
      expect(await failure(checkInBody(http), { authentication: secret })).to.equal('403 apikey_not_found');
    }
  });

  it('a body that is nested too deeply is not parsed', async () => {
    const deep = { ...checkInBody(http) } as Record<string, unknown>;
    const body = JSON.stringify(deep).replace(/}$/, `,"x":${'['.repeat(20)}${']'.repeat(20)}}`);
    expect(await failure(body)).to.equal('400 body_invalid');
    expect(http.telemetry.counts['limit depth']).to.equal(1);
  });

  it('an owner with as many devices as may be gets no more, and those there are go on', async () => {
    await http.close();
    http = await startHttpApp({ settings: { limits: { devicesPerOwner: 1 } } });
    await post(http, '/device/register', checkInBody(http));
    const other = checkInBody(http, { udid: OTHER_UDID, mac: '5CCF7F000001' });
    expect(await failure(other)).to.equal('403 too_many_devices');
    expect((await post(http, '/device/register', checkInBody(http))).statusCode).to.equal(200);
  });

  it('never echoes the owner that was sent', async () => {
    const answer = await post(http, '/device/register', checkInBody(http, { owner: 'evil-owner' }));
    expect(answer.body).to.equal('{"success":false,"response":"invalid owner"}');
  });

  it('takes the key from Authorization: Bearer, too', async () => {
    const { deviceKey } = http.credentials;
    for (const authorization of [`Bearer ${deviceKey}`, `bearer  ${deviceKey}`]) {
      const answer = await post(http, '/device/register', checkInBody(http), { authorization });
      expect(answer.json().registration.status).to.equal('OK');
    }
    expect(await failure(checkInBody(http), { authorization: `Basic ${deviceKey}` })).to.equal(
      '401 authentication_error',
    );
  });

  const types = ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'garbage', ';;', ''];
  for (const type of types) {
    it(`reads the body whatever its Content-Type: "${type}"`, async () => {
      const authentication = http.credentials.deviceKey;
      const body = JSON.stringify(checkInBody(http));
      const answer = await post(http, '/device/register', body, { authentication, 'content-type': type });
      expect(answer.statusCode, answer.body).to.equal(200);
    });
  }

  it('answers OK to the letter', async () => {
    const answer = await post(http, '/device/register', checkInBody(http));
    const { owner } = http.credentials;
    expect(answer.body).to.equal(
      `{"registration":{"success":true,"status":"OK","auto_update":true,"owner":"${owner}",` +
        `"alias":"${answer.json().registration.alias}","udid":"${UDID}","timestamp":1750000000}}`,
    );
    expect(answer.json().registration.alias).to.match(/^\S+$/);
  });

  it('makes up an identity for a device that has none', async () => {
    const { udid, auto_update, alias } = await checkIn(http, {
      udid: '',
      alias: 'unnamed',
      auto_update: undefined,
    });
    expect(udid).to.match(/^[0-9a-f-]{36}$/);
    expect(auto_update).to.equal(false);
    expect(alias).to.be.a('string').that.is.not.oneOf(['', 'unnamed']);
  });

  it('knows a device again by its MAC, however it is written', async () => {
    await checkIn(http, { mac: '5CCF7F1A2B3C' });
    for (const mac of ['5c:cf:7f:1a:2b:3c', '5C-CF-7F-1A-2B-3C', '5ccf7f1a2b3c'])
      expect((await checkIn(http, { mac, udid: '' }))['udid']).to.equal(UDID);
  });

  it('never touches the record of another owner', async () => {
    await checkIn(http, { version: '1.0.0' });
    const { owner, deviceKey } = await http.domain.accounts.createOwner('other');
    const theirs = await post(http, '/device/register', checkInBody(http, { owner, version: '9.9.9' }), {
      authentication: deviceKey,
    });
    expect(theirs.json().registration.udid).to.not.equal(UDID);
    expect((await asOwner(http, 'GET', `/devices/${UDID}`)).json().device.version).to.equal('1.0.0');
  });

  it('offers with the outer flag only if the check-in had fcid', async () => {
    await publish(http, anImage());
    const withFcid = await post(http, '/device/register', checkInBody(http));
    expect(withFcid.body).to.match(/^\{"FIRMWARE_UPDATE":true,"registration":\{"status":"FIRMWARE_UPDATE",/);
    const without = await post(http, '/device/register', checkInBody(http, { fcid: undefined }));
    const { ott, url, ...rest } = without.json().registration;
    expect(without.body).to.match(/^\{"registration":\{"status":"FIRMWARE_UPDATE","auto_update":true,/);
    expect(rest).to.deep.equal({
      status: 'FIRMWARE_UPDATE',
      auto_update: true,
      udid: UDID,
      version: '1.1.0',
    });
    expect(ott).to.match(/^[A-Za-z0-9_-]{43}$/);
    expect(url).to.equal(`/device/firmware?ott=${ott}`);
  });

  it('gives each check-in a new token', async () => {
    await publish(http, anImage());
    expect((await checkIn(http))['ott']).to.not.equal((await checkIn(http))['ott']);
  });

  it('offers nothing without consent and asks the owner', async () => {
    await publish(http, anImage());
    expect((await checkIn(http, { auto_update: undefined }))['status']).to.equal('OK');
    const { notices } = (await asOwner(http, 'GET', '/notices')).json();
    expect(notices).to.have.length(1);
    await asOwner(http, 'POST', `/notices/${UDID}/reply`, { response: true });
    expect((await checkIn(http))['status']).to.equal('FIRMWARE_UPDATE');
  });

  it('takes a withdrawn offer back once, from a device without fcid', async () => {
    const id = await publish(http, anImage());
    await checkIn(http);
    await asOwner(http, 'DELETE', `/firmware/${id}`);
    expect((await checkIn(http))['status'], 'with fcid').to.equal('OK');
    const cancel = await post(http, '/device/register', checkInBody(http, { fcid: undefined }));
    expect(cancel.body).to.equal(
      `{"registration":{"status":"FIRMWARE_UPDATE","auto_update":true,"udid":"${UDID}","version":"1.1.0","url":"","ott":""}}`,
    );
    expect((await checkIn(http, { fcid: undefined }))['status'], 'once').to.equal('OK');
  });

  it('refuses new devices while admission is closed', async () => {
    const closed = await startHttpApp({ settings: { devices: { admission: 'closed' } } });
    const answer = await post(closed, '/device/register', checkInBody(closed, { udid: OTHER_UDID }));
    expect(`${answer.statusCode} ${answer.body}`).to.equal(
      '403 {"success":false,"response":"admission_closed"}',
    );
    await closed.close();
  });

  it('refuses a body past the limit', async () => {
    expect(await failure(checkInBody(http, { alias: 'x'.repeat(20_000) }))).to.equal('413 body_too_large');
  });
});
