import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { LightMyRequestResponse } from 'fastify';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { exchange, rawGet } from '../support/raw-tcp.js';

const INDEX = '<!doctype html><title>Firmwire</title>';
const SCRIPT = 'console.log("the page")';
const SCRIPT_URL = '/rtm/assets/main-abc123.js';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';

const expectSecured = ({ headers }: LightMyRequestResponse): void => {
  expect(headers['content-security-policy']).to.match(/^default-src 'none'; script-src 'self';/);
  expect(headers['content-security-policy']).to.contain("frame-ancestors 'none'");
  expect(headers).to.include({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
  });
  expect(headers).to.have.property('permissions-policy');
};

const expectNotFound = (answer: LightMyRequestResponse): void => {
  expect(answer.statusCode).to.equal(404);
  expect(answer.json().error).to.have.keys('code', 'message');
  expect(answer.json().error.code).to.equal('not_found');
};

describe("the owner's page over HTTP", () => {
  let outside: string;
  let http: HttpApp;

  before(async () => {
    // A folder `assets` above the page must not make the page itself immutable.
    outside = await mkdtemp(join(tmpdir(), 'firmwire-page-'));
    const page = join(outside, 'assets', 'page');
    await mkdir(join(page, 'assets'), { recursive: true });
    await writeFile(join(outside, 'assets', 'secret.txt'), 'not for you');
    for (const [name, text] of [
      ['index.html', INDEX],
      ['icon.svg', '<svg/>'],
      ['assets/main-abc123.js', SCRIPT],
    ] as const) {
      await writeFile(join(page, name), text);
      await writeFile(join(page, `${name}.gz`), gzipSync(text));
    }
    await writeFile(join(page, 'assets', 'plain-abc123.js'), SCRIPT);
    http = await startHttpApp({ pageFolder: page });
  });
  after(async () => {
    await http.close();
    await rm(outside, { recursive: true });
  });
  afterEach(() => {
    http.state = 'open';
  });

  const ask = (url: string, headers: Record<string, string> = {}, method: Method = 'GET') =>
    http.app.inject({ method, url, headers });

  for (const url of ['/', '/rtm'])
    for (const method of ['GET', 'HEAD'] as const)
      it(`${method} ${url} leads to /rtm/`, async () => {
        const answer = await ask(url, {}, method);
        expect(answer.statusCode).to.equal(302);
        expect(answer.headers.location).to.equal('/rtm/');
        expectSecured(answer);
      });

  it('is asked for each time, and protected', async () => {
    for (const url of ['/rtm/', '/rtm/?x=1', '/rtm/index.html']) {
      const answer = await ask(url);
      expect(`${answer.statusCode} ${answer.body}`).to.equal(`200 ${INDEX}`);
      expect(answer.headers['content-type']).to.equal('text/html; charset=utf-8');
      expect(answer.headers['cache-control']).to.equal('no-cache');
      expectSecured(answer);
    }
  });

  it('is not sent again while it is the same', async () => {
    const { headers } = await ask('/rtm/');
    const again = await ask('/rtm/', { 'if-none-match': String(headers.etag) });
    expect(`${again.statusCode} ${again.body}`).to.equal('304 ');
    expectSecured(again);
  });

  it('has files that never change, for they carry a digest, and others that may', async () => {
    const script = await ask(SCRIPT_URL);
    expect(script.body).to.equal(SCRIPT);
    expect(script.headers['content-type']).to.match(/^text\/javascript|^application\/javascript/);
    expect(script.headers['cache-control']).to.equal('public, max-age=31536000, immutable');
    expectSecured(script);
    const icon = await ask('/rtm/icon.svg');
    expect(icon.headers['content-type']).to.match(/^image\/svg\+xml/);
    expect(icon.headers['cache-control']).to.equal('no-cache');
  });

  for (const [url, text, type] of [
    ['/rtm/', INDEX, /^text\/html/],
    [SCRIPT_URL, SCRIPT, /javascript/],
  ] as const)
    it(`${url} is compressed for who can read it, and caches know`, async () => {
      for (const accepted of ['gzip', 'br, gzip', 'deflate, gzip, br, zstd', '*']) {
        const answer = await ask(url, { 'accept-encoding': accepted });
        expect(answer.headers['content-encoding'], accepted).to.equal('gzip');
        expect(answer.headers.vary).to.equal('accept-encoding');
        expect(answer.headers['content-type']).to.match(type);
        expect(gunzipSync(answer.rawPayload).toString()).to.equal(text);
      }
      for (const accepted of ['identity', 'br', 'gzip;q=0', 'deflate', '']) {
        const answer = await ask(url, { 'accept-encoding': accepted });
        expect(answer.headers, accepted).not.to.have.property('content-encoding');
        expect(answer.headers.vary).to.equal('accept-encoding');
        expect(answer.body).to.equal(text);
      }
      const plain = await ask('/rtm/assets/plain-abc123.js', { 'accept-encoding': 'gzip' });
      expect(plain.headers).not.to.have.property('content-encoding');
      expect(plain.body).to.equal(SCRIPT);
    });

  it('answers HEAD with the head alone', async () => {
    const answer = await ask(SCRIPT_URL, {}, 'HEAD');
    expect(`${answer.statusCode} ${answer.body}`).to.equal('200 ');
    expect(answer.headers['content-length']).to.equal(String(SCRIPT.length));
    expectSecured(answer);
  });

  it('has nothing else, and says so as the API does', async () => {
    for (const url of ['/rtm/none', '/rtm/assets', '/rtm/assets/', '/rtm/assets/none.js', '/rtm/a/b'])
      for (const encoding of ['gzip', 'identity']) {
        const answer = await ask(url, { 'accept-encoding': encoding });
        expectNotFound(answer);
        expectSecured(answer);
        expect(answer.headers).not.to.have.property('cache-control');
      }
    expectNotFound(await ask('/rtmx'));
    const unreadable = await ask('/rtm/%00');
    expect(`${unreadable.statusCode} ${unreadable.json().error.code}`).to.equal('400 body_invalid');
    expectSecured(unreadable);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'] as const)
    it(`knows no ${method}`, async () => {
      for (const url of ['/rtm/', SCRIPT_URL]) {
        const answer = await ask(url, {}, method);
        expectNotFound(answer);
        expectSecured(answer);
      }
      expectNotFound(await ask('/', {}, method));
    });

  it('hands out nothing from beside its folder', async () => {
    const port = await http.listen();
    for (const path of [
      '/rtm/../secret.txt',
      '/rtm/%2e%2e/secret.txt',
      '/rtm/..%2fsecret.txt',
      '/rtm/assets/../../secret.txt',
      '/rtm/assets/..%2f..%2fsecret.txt',
      '/rtm/..%5csecret.txt',
      '/rtm//../secret.txt',
      '/rtm/%252e%252e/secret.txt',
    ]) {
      // As it is: who builds an address tidies it up.
      const answer = await exchange(port, rawGet(path));
      expect(answer.status, path).to.be.oneOf([400, 403, 404]);
      expect(answer.body.toString(), path).not.to.contain('not for you');
    }
  });

  it('drains like all else', async () => {
    http.state = 'draining';
    for (const url of ['/', '/rtm', '/rtm/', SCRIPT_URL, '/rtm/none']) {
      const answer = await ask(url);
      expect(answer.statusCode, url).to.equal(503);
      expect(answer.json().error.code).to.equal('draining');
      expect(answer.headers['retry-after']).to.equal('5');
      expectSecured(answer);
    }
  });

  it('is counted under few names, whatever is asked for', async () => {
    http.answered.length = 0;
    for (const url of ['/', '/rtm', '/rtm/', SCRIPT_URL, '/rtm/none-1', '/rtm/none-2']) await ask(url);
    const counted = http.answered.map(([method, route, status]) => `${method} ${route} ${status}`);
    expect(counted).to.deep.equal([
      'GET / 302',
      'GET /rtm 302',
      'GET /rtm/* 200',
      'GET /rtm/* 200',
      'GET none 404',
      'GET none 404',
    ]);
  });

  it('leaves the headers of the API as they are', async () => {
    for (const url of ['/health', '/api/v1/devices', '/none'])
      expect((await ask(url)).headers, url).not.to.have.property('content-security-policy');
  });
});

describe("the owner's page where it was not built", () => {
  let folder: string;
  let http: HttpApp;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-page-'));
    http = await startHttpApp({ pageFolder: join(folder, 'rtm', 'page') });
  });
  after(async () => {
    await http.close();
    await rm(folder, { recursive: true });
  });

  it('says how it is made, with and without compression', async () => {
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      const answer = await http.app.inject({ method: 'GET', url: '/rtm/?a', headers });
      expectNotFound(answer);
      expect(answer.json().error.message).to.contain('npm run build');
      expectSecured(answer);
    }
    const other = await http.app.inject({ method: 'GET', url: '/rtm/icon.svg' });
    expect(other.json().error.message).not.to.contain('npm run build');
  });

  it('is there as soon as it is built', async () => {
    await mkdir(join(folder, 'rtm', 'page'), { recursive: true });
    await writeFile(join(folder, 'rtm', 'page', 'index.html'), INDEX);
    const answer = await http.app.inject({ method: 'GET', url: '/rtm/' });
    expect(`${answer.statusCode} ${answer.body}`).to.equal(`200 ${INDEX}`);
  });
});

describe('a server without a page', () => {
  it('has nothing there', async () => {
    const http = await startHttpApp();
    for (const url of ['/', '/rtm', '/rtm/']) expectNotFound(await http.app.inject({ method: 'GET', url }));
    await http.close();
  });
});
