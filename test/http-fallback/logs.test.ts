import { expect } from 'chai';
import { UDID } from '../support/builders.js';
import {
  anImage,
  asOwner,
  checkIn,
  checkInBody,
  type HttpApp,
  offeredToken,
  post,
  publish,
  startHttpApp,
} from '../support/http-app.js';
import { exchange, getRequest } from '../support/raw-http.js';

describe('what the HTTP side logs', () => {
  let http: HttpApp;
  beforeEach(async () => {
    http = await startHttpApp();
  });
  afterEach(() => http.close());

  const lines = (message: string): Record<string, unknown>[] =>
    http.logs.map((line) => JSON.parse(line)).filter((line) => line.message === message);

  it('every request of an owner has an id of its own, which the answer names', async () => {
    const answers = [await asOwner(http, 'GET', '/devices'), await asOwner(http, 'GET', '/devices/nobody')];
    const ids = answers.map(({ headers }) => String(headers['x-request-id']));
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{8}-[0-9a-z]+$/);
    expect(new Set(ids).size).to.equal(2);
    expect(lines('a request was refused').map(({ req }) => req)).to.deep.equal([ids[1]]);
  });

  it('an id that the client invents is not taken over', async () => {
    const { ownerKey } = http.credentials;
    const headers = { authorization: `Bearer ${ownerKey}`, 'x-request-id': 'mine', 'request-id': 'mine' };
    const answer = await http.app.inject({ method: 'GET', url: '/api/v1/devices', headers });
    expect(answer.headers['x-request-id']).to.match(/^[0-9a-f]{8}-/);
  });

  it('devices get no such header', async () => {
    for (const answer of [
      await post(http, '/device/register', checkInBody(http)),
      await post(http, '/device/register', '{'),
      await http.app.inject('/device/firmware'),
    ])
      expect(Object.keys(answer.headers)).not.to.include('x-request-id');
  });

  it('a refusal is told with request, route, owner and device, where these are known', async () => {
    await asOwner(http, 'GET', `/devices/${UDID}`);
    expect(lines('a request was refused')[0]).to.deep.include({
      level: 'debug',
      route: 'GET /api/v1/devices/:udid',
      owner: http.credentials.owner.slice(0, 8),
      code: 'no_such_device',
    });
    await post(http, '/device/register', checkInBody(http), { authentication: 'a wrong key' });
    expect(lines('a request of a device was refused')[0]).to.deep.include({
      level: 'debug',
      route: 'POST /device/register',
      udid: UDID,
      code: 'apikey_not_found',
    });
  });

  it('what stands in the place of a UDID and is none is not told', async () => {
    await post(http, '/device/register', { registration: { udid: 'perhaps-a-key' } }, {});
    expect(lines('a request of a device was refused')).to.have.length(1);
    expect(http.logs.join()).not.to.include('perhaps-a-key');
  });

  it('a failure of the server is told as an error, with the same facts', async () => {
    await checkIn(http);
    http.domain.records.change = () => Promise.reject(new Error('broken'));
    await post(http, '/device/register', checkInBody(http));
    const [line] = lines('a request failed');
    expect(line).to.include({ level: 'error', route: 'POST /device/register', udid: UDID });
    expect(line?.['req']).to.be.a('string');
  });

  it('who publishes, withdraws and makes keys is told at info', async () => {
    const id = await publish(http, anImage());
    await asOwner(http, 'DELETE', `/firmware/${id}`);
    const made = await asOwner(http, 'POST', '/keys', { alias: 'phone', scope: 'owner' });
    const { key } = made.json();
    await asOwner(http, 'DELETE', `/keys/${key.id}`);
    const owner = http.credentials.owner.slice(0, 8);
    expect(lines('firmware published')[0]).to.include({
      level: 'info',
      owner,
      firmware: id,
      version: '1.1.0',
      size: 4000,
      created: true,
      offered: 0,
      asked: 0,
    });
    expect(lines('firmware withdrawn')[0]).to.include({ level: 'info', owner, firmware: id });
    expect(lines('an API key was made')[0]).to.include({ level: 'info', owner, id: key.id, scope: 'owner' });
    expect(lines('an API key was revoked')[0]).to.include({ level: 'info', owner, id: key.id });
    expect(http.logs.join()).not.to.include(key.secret);
  });

  it('a download is told at debug, with its device, when it ended and when it broke off', async () => {
    const port = await http.listen();
    const token = await offeredToken(http, anImage(12_000_000));
    const cut = exchange(port, getRequest(`/device/firmware?ott=${token}`));
    await cut.got(1000);
    cut.pause();
    cut.socket.destroy();
    await http.domain.transfers.idle();
    expect(lines('a download broke off')[0]).to.include({ level: 'debug', udid: UDID });
    await exchange(port, getRequest(`/device/firmware?ott=${token}`)).answer;
    await http.domain.transfers.idle();
    expect(lines('a download ended well')[0]).to.include({ level: 'debug', udid: UDID, left: 12_000_000 });
    expect(http.logs.join()).not.to.include(token);
    expect(http.telemetry.counts).to.include({ 'download broken': 1, 'download completed': 1 });
  });
});
