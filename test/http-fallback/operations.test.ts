import { expect } from 'chai';
import type { LightMyRequestResponse } from 'fastify';
import { checkIn, type HttpApp, offeredToken, startHttpApp } from '../support/http-app.js';

const TOKEN = 'only-for-prometheus';

describe('what whoever runs the server asks over HTTP', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp({ settings: { metrics: { token: TOKEN } } });
  });
  afterEach(() => http.close());

  const get = (url: string, headers = {}, remoteAddress = '127.0.0.1'): Promise<LightMyRequestResponse> =>
    http.app.inject({ method: 'GET', url, headers, remoteAddress });

  for (const [state, status] of [
    ['starting', 'starting'],
    ['open', 'ok'],
    ['draining', 'draining'],
  ] as const)
    it(`/health answers 200 while the process is ${state}`, async () => {
      http.state = state;
      const answer = await get('/health?from=balancer');
      expect(`${answer.statusCode} ${answer.body}`).to.equal(`200 {"status":"${status}"}`);
      expect(answer.headers['cache-control']).to.equal('no-store');
    });

  it('/ready answers 200 only while work is taken, and says why not', async () => {
    const ready = await get('/ready');
    expect(`${ready.statusCode} ${ready.body}`).to.equal('200 {"status":"ready"}');
    for (const reason of ['starting', 'draining', 'store_unavailable', 'store_emptied'] as const) {
      http.readiness = reason;
      const answer = await get('/ready');
      expect(`${answer.statusCode} ${answer.body}`).to.equal(
        `503 {"status":"not_ready","reason":"${reason}"}`,
      );
      expect(answer.headers['cache-control']).to.equal('no-store');
    }
  });

  it('/ready says that it drains, although nothing else is answered then', async () => {
    http.state = 'draining';
    expect((await get('/ready')).json()).to.deep.equal({ status: 'not_ready', reason: 'draining' });
    expect((await get('/metrics')).statusCode).to.equal(200);
    expect((await get('/healthy')).json().error.code).to.equal('draining');
  });

  describe('/metrics', () => {
    for (const address of ['127.0.0.1', '127.9.8.7', '::1', '::ffff:127.0.0.1'])
      it(`is open to ${address}`, async () => {
        const answer = await get('/metrics', {}, address);
        expect(`${answer.statusCode} ${answer.body}`).to.equal('200 firmwire_info 1\n');
        expect(answer.headers['content-type']).to.equal('text/plain; version=0.0.4');
      });

    const refused: [string, Record<string, string>, string][] = [
      ['another address', {}, '192.0.2.1'],
      ['another address in IPv6', {}, '2001:db8::1'],
      ['another address in the IPv6 form of IPv4', {}, '::ffff:192.0.2.1'],
      ['a proxy on this machine', { 'x-forwarded-for': '127.0.0.1' }, '127.0.0.1'],
      ['a proxy that says Forwarded', { forwarded: 'for=127.0.0.1' }, '::1'],
      ['a wrong token', { authorization: `Bearer ${TOKEN}x` }, '192.0.2.1'],
      ['the token in another scheme', { authorization: `Basic ${TOKEN}` }, '192.0.2.1'],
      ['the token in a header of devices', { authentication: TOKEN }, '192.0.2.1'],
    ];
    for (const [who, headers, address] of refused)
      it(`is refused to ${who}`, async () => {
        const answer = await get('/metrics', headers, address);
        expect(answer.statusCode).to.equal(401);
        expect(answer.json().error.code).to.equal('unauthorized');
        expect(answer.headers['www-authenticate']).to.equal('Bearer');
      });

    it('is open to who sends the token, from wherever', async () => {
      const headers = { authorization: `Bearer ${TOKEN}`, 'x-forwarded-for': '192.0.2.7' };
      expect((await get('/metrics', headers, '192.0.2.1')).statusCode).to.equal(200);
    });

    it('is refused to an owner, whose key is no token', async () => {
      const headers = { authorization: `Bearer ${http.credentials.ownerKey}` };
      expect((await get('/metrics', headers, '192.0.2.1')).statusCode).to.equal(401);
    });
  });

  it('/metrics is closed to all others while there is no token', async () => {
    const other = await startHttpApp();
    const inject = (headers: Record<string, string>) =>
      other.app.inject({ url: '/metrics', headers, remoteAddress: '192.0.2.1' });
    expect((await inject({ authorization: 'Bearer x' })).statusCode).to.equal(401);
    expect((await inject({ authorization: 'Bearer ' })).statusCode).to.equal(401);
    expect((await inject({})).statusCode).to.equal(401);
    await other.close();
  });

  it('counts answers by the pattern of their address, never by the address', async () => {
    await checkIn(http);
    await get('/api/v1/devices/11111111-2222-3333-4444-555555555555');
    await get('/secret-path-of-nobody');
    const told = http.answered.map(([method, route, status]) => `${method} ${route} ${status}`);
    expect(told).to.deep.equal([
      'POST /device/register 200',
      'GET /api/v1/devices/:udid 401',
      'GET none 404',
    ]);
    for (const [, , , ms] of http.answered) expect(ms).to.be.above(0).and.below(10_000);
  });

  it('counts a download with its answer', async () => {
    const token = await offeredToken(http, Buffer.alloc(300_000, 1).fill(0xe9, 0, 1));
    const port = await http.listen();
    http.answered.length = 0;
    const answer = await fetch(`http://127.0.0.1:${port}/device/firmware?ott=${token}`);
    expect((await answer.arrayBuffer()).byteLength).to.equal(300_000);
    await http.domain.transfers.idle();
    expect(http.telemetry.bytes).to.equal(300_000);
    expect(http.telemetry.counts).to.deep.include({
      'token issued': 1,
      'token redeemed': 1,
      'token completed': 1,
      'download completed': 1,
    });
    expect(http.answered.map(([method, route, status]) => `${method} ${route} ${status}`)).to.deep.equal([
      'GET /device/firmware 200',
    ]);
  });
});
