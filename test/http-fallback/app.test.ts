import { expect } from 'chai';
import { ERROR_TEXTS } from '../../core/errors.js';
import { HTTP_STATUS } from '../../http-fallback/status.js';
import { checkIn, checkInBody, type HttpApp, post, startHttpApp } from '../support/http-app.js';

describe('the HTTP side as a whole', () => {
  let http: HttpApp;

  beforeEach(async () => {
    http = await startHttpApp();
  });
  afterEach(() => http.close());

  const get = (url: string) => http.app.inject({ method: 'GET', url });

  it('has an HTTP status for every error code, and for nothing else', () => {
    expect(Object.keys(HTTP_STATUS)).to.have.members(Object.keys(ERROR_TEXTS));
    for (const status of Object.values(HTTP_STATUS)) expect(status).to.be.within(400, 507);
  });

  it('answers an address that is none with 404 in JSON', async () => {
    for (const url of [
      '/',
      '/nothing',
      '/api/v1/nothing',
      '/api/v2/devices',
      '//device/firmware',
      '/%00',
      '/..%2f..%2fetc/passwd',
    ]) {
      const answer = await get(url);
      expect(answer.statusCode, url).to.equal(404);
      expect(answer.json().error.code, url).to.equal('not_found');
    }
  });

  it('answers an address that cannot be read with 400 in JSON', async () => {
    const answer = await get('/%zz');
    expect(answer.statusCode).to.equal(400);
    expect(answer.json().error.code).to.be.a('string');
  });

  it('answers a body that is no JSON with 400 in JSON', async () => {
    const headers = {
      authorization: `Bearer ${http.credentials.ownerKey}`,
      'content-type': 'application/json',
    };
    for (const payload of ['{', '{"__proto__":{}}', '']) {
      const answer = await http.app.inject({ method: 'POST', url: '/api/v1/keys', headers, payload });
      expect(answer.statusCode).to.equal(400);
      expect(answer.json().error.code).to.equal('body_invalid');
    }
  });

  it('refuses new work while it drains', async () => {
    http.state = 'draining';
    for (const url of ['/api/v1/devices', '/device/firmware?ott=x', '/nothing']) {
      const answer = await get(url);
      expect(answer.statusCode).to.equal(503);
      expect(answer.headers['retry-after']).to.match(/^\d+$/);
      expect(answer.headers['connection']).to.equal('close');
    }
  });

  it('describes every route below /api/v1, and what devices use', async () => {
    const { paths } = (await get('/api/docs/json')).json();
    const routes = Object.entries<Record<string, unknown>>(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes).to.include.members([
      'get /api/v1/devices',
      'get /api/v1/devices/{udid}',
      'patch /api/v1/devices/{udid}',
      'delete /api/v1/devices/{udid}',
      'post /api/v1/devices/{udid}/update',
      'get /api/v1/firmware',
      'post /api/v1/firmware',
      'get /api/v1/firmware/{id}',
      'delete /api/v1/firmware/{id}',
      'get /api/v1/notices',
      'post /api/v1/notices/{nid}/reply',
      'get /api/v1/keys',
      'post /api/v1/keys',
      'delete /api/v1/keys/{id}',
      'post /device/register',
      'post /device/firmware',
      'get /device/firmware',
    ]);
  });

  it('describes the upload with its fields', async () => {
    const { paths } = (await get('/api/docs/json')).json();
    const { content } = paths['/api/v1/firmware'].post.requestBody ?? {};
    expect(content?.['multipart/form-data']?.schema?.properties).to.include.keys(
      'version',
      'platform',
      'file',
    );
  });

  it('shows the description as a page', async () => {
    const answer = await get('/api/docs');
    expect(answer.statusCode).to.be.oneOf([200, 302]);
  });

  it('says nothing of what broke inside, except to its log', async () => {
    await checkIn(http);
    http.domain.records.change = () => Promise.reject(new Error('secret detail'));
    const answer = await post(http, '/device/register', checkInBody(http));
    expect(`${answer.statusCode} ${answer.body}`).to.equal('500 {"success":false,"response":"internal"}');
    expect(http.logs.join()).to.include('secret detail');
  });
});
