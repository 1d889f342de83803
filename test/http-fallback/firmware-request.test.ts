import { expect } from 'chai';
import { tokenHash } from '../../core/token.js';
import { OTHER_UDID, UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  type HttpApp,
  post,
  publish,
  publishParts,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, rawPost } from '../support/raw-tcp.js';

const MAC = '5CCF7F1A2B3C';

describe('POST /device/firmware', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp();
  });
  afterEach(() => http.close());

  const ask = async (
    payload: string | object,
    url = '/device/firmware',
    headers?: Record<string, string>,
  ): Promise<string> => {
    const answer = await post(http, url, payload, headers);
    return `${answer.statusCode} ${answer.body}`;
  };
  const failed = (status: number, code: string) => `${status} {"success":false,"response":"${code}"}`;

  /** Over a real socket: the body of a transfer, and its head. */
  const transfer = async (payload: object) =>
    exchange(
      await http.listen(),
      rawPost('/device/firmware', JSON.stringify(payload), { Authentication: http.credentials.deviceKey }),
    );

  it('with a key bound to another device gives no token', async () => {
    await checkIn(http);
    await publish(http, anImage());
    const wish = { alias: 'one', scope: 'device', device: OTHER_UDID } as const;
    const { secret } = await http.domain.accounts.addKey(http.credentials.owner, wish);
    const headers = { authentication: secret };
    expect(await ask({ mac: MAC, use: 'ott' }, '/device/firmware', headers)).to.equal(
      failed(403, 'key_of_other_device'),
    );
  });

  for (const url of ['/device/firmware', '/device/', '/device']) {
    it(`${url} names every failure`, async () => {
      expect(await ask({ mac: MAC }, url, {})).to.equal(failed(401, 'authentication'));
      expect(await ask({ mac: MAC }, url, { authentication: 'f0'.repeat(32) })).to.equal(
        failed(401, 'authentication'),
      );
      expect(await ask({ alias: 'x' }, url)).to.equal(failed(400, 'missing_mac'));
      expect(await ask({ mac: MAC }, url)).to.equal(failed(404, 'no_such_device'));
      await checkIn(http);
      expect(await ask({ mac: MAC }, url)).to.equal(failed(404, 'UPDATE_NOT_FOUND'));
      expect(await ask({ ott: 'x'.repeat(43) }, url, {})).to.equal(failed(404, 'OTT_UPDATE_NOT_FOUND'));
    });
  }

  for (const body of ['', 'garbage', '[]', 'null', '{"registration":null}', '{"__proto__":{"mac":"1"}}'])
    it(`reads no fields in ${body || 'an empty body'}`, async () =>
      expect(await ask(body)).to.equal(failed(400, 'missing_mac')));

  it('gives a token for fields that stand flat or inside registration, to either address', async () => {
    await checkIn(http);
    await publish(http, anImage());
    const fields = { mac: MAC, udid: UDID, use: 'ott' };
    for (const url of ['/device/firmware', '/device/'])
      for (const body of [fields, { registration: fields }, { use: 'ott', registration: { mac: MAC } }])
        expect(await ask(body, url)).to.match(/^200 \{"ott":"[A-Za-z0-9_-]{43}"\}$/);
  });

  it('knows a device by its UDID alone when it asks for a token', async () => {
    await checkIn(http);
    await publish(http, anImage());
    expect(await ask({ udid: UDID, use: 'ott' })).to.match(/^200 \{"ott"/);
    expect(await ask({ udid: UDID })).to.equal(failed(400, 'missing_mac'));
  });

  it('stores the parameters of the request with the token, and no token among them', async () => {
    await checkIn(http);
    await publish(http, anImage());
    const body = { mac: MAC, use: 'ott', ott: 'secret', alias: 'kitchen', unheard_of: 'x' };
    const { ott } = (await post(http, '/device/firmware', body)).json<{ ott: string }>();
    const stored = await http.stores.tokens.get(tokenHash(ott));
    expect(stored?.params).to.deep.equal({ mac: MAC, use: 'ott', alias: 'kitchen' });
    expect(JSON.stringify(stored)).to.not.include(ott);
  });

  it('has nothing for a device that runs the newest, or is newer', async () => {
    await checkIn(http, { version: '1.1.0' });
    await publish(http, anImage());
    expect(await ask({ mac: MAC })).to.equal('200 {"success":false,"status":"OK"}');
    expect(await ask({ mac: MAC, use: 'ott' })).to.equal('200 {"success":false,"status":"OK"}');
  });

  it('has nothing for a device whose owner has not consented, and asks', async () => {
    await publish(http, anImage());
    await checkIn(http, { auto_update: false, platform: 'unknown' });
    await http.domain.records.change(UDID, (device) => ({ ...device, platform: 'arduino:esp8266' }));
    expect((await asOwner(http, 'GET', '/notices')).json().notices, 'before').to.have.length(0);
    expect(await ask({ mac: MAC })).to.equal('200 {"success":false,"status":"OK"}');
    expect((await asOwner(http, 'GET', '/notices')).json().notices, 'after').to.have.length(1);
  });

  it('hands the firmware itself over, with the headers of a download', async () => {
    const image = anImage();
    await checkIn(http);
    await publish(http, image);
    const answer = await transfer({ registration: { mac: MAC } });
    expect(answer.status).to.equal(200);
    expect(answer.body.equals(image)).to.equal(true);
    expect(answer.header('x-MD5')).to.have.length(1);
    expect(answer.header('Content-Type')).to.deep.equal(['application/octet-stream']);
  });

  for (const forced of ['true', true]) {
    it(`forced: ${JSON.stringify(forced)} wins over version order and consent`, async () => {
      const image = anImage();
      await checkIn(http, { version: '9.0.0', auto_update: false });
      await publish(http, image);
      expect((await transfer({ mac: MAC, forced })).body.equals(image)).to.equal(true);
    });
  }
  for (const forced of ['1', 'yes', 'false', false, 1])
    it(`forced: ${JSON.stringify(forced)} forces nothing`, async () => {
      await checkIn(http, { version: '9.0.0' });
      await publish(http, anImage());
      expect(await ask({ mac: MAC, forced })).to.equal('200 {"success":false,"status":"OK"}');
    });

  it('ignores Range, which is defined for GET only (RFC 9110, 14.2)', async () => {
    await checkIn(http);
    const image = anImage();
    await publish(http, image);
    const headers = { Authentication: http.credentials.deviceKey, Range: 'bytes=0-9' };
    const request = rawPost('/device/firmware', JSON.stringify({ mac: MAC }), headers);
    const answer = await exchange(await http.listen(), request);
    expect(answer.status).to.equal(200);
    expect(answer.body.length).to.equal(image.length);
  });

  it('hands a set of files over as JSON, to the simple transfer and to a token', async () => {
    await checkIn(http, { platform: 'micropython' });
    const published = await publishParts(http, [
      { name: 'version', value: '1.1.0' },
      { name: 'platform', value: 'micropython' },
      { name: 'file', filename: 'boot.py', data: 'print("hé")\n' },
      { name: 'file', filename: 'lib/logo.bin', data: Buffer.from([0xff, 0xfe, 0]) },
    ]);
    expect(published.statusCode, published.body).to.equal(201);
    const answer = await transfer({ mac: MAC });
    expect(answer.header('Content-Type')).to.deep.equal(['application/json']);
    expect(answer.body.toString()).to.equal(
      '{"type":"file","files":[{"name":"boot.py","data":"print(\\"hé\\")\\n"},' +
        '{"name":"lib/logo.bin","data":"//4A","encoding":"base64"}]}',
    );
  });

  it('kills the token of before', async () => {
    await checkIn(http);
    await publish(http, anImage());
    const first = (await post(http, '/device/', { mac: MAC, use: 'ott' })).json<{ ott: string }>().ott;
    await post(http, '/device/', { mac: MAC, use: 'ott' });
    expect(await ask({ ott: first }, '/device/firmware', {})).to.equal(failed(404, 'OTT_UPDATE_NOT_FOUND'));
  });

  it('finds no device of another owner', async () => {
    await checkIn(http);
    await publish(http, anImage());
    const { deviceKey } = await http.domain.accounts.createOwner('other');
    const authentication = deviceKey;
    expect(await ask({ mac: MAC, udid: UDID, use: 'ott' }, '/device/', { authentication })).to.equal(
      failed(404, 'no_such_device'),
    );
  });
});
