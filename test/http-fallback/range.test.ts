import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { anImage, type HttpApp, offeredToken, startHttpApp } from '../support/http-app.js';
import { exchange, type RawAnswer, rawGet } from '../support/raw-tcp.js';

const SIZE = 2000;

describe('Range and If-Range (RFC 9110, 13.1.5 and 14)', () => {
  const image = anImage(SIZE);
  const tag = `"${createHash('sha256').update(image).digest('hex')}"`;
  let http: HttpApp;
  let get: (headers: Record<string, string>) => Promise<RawAnswer>;

  beforeEach(async () => {
    http = await startHttpApp();
    const token = await offeredToken(http, image);
    const port = await http.listen();
    get = (headers) => exchange(port, rawGet(`/device/firmware?ott=${token}`, headers, '1.1'));
  });
  afterEach(() => http.close());

  const partial: [range: string, first: number, last: number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=0-499', 0, 499],
    ['bytes=500-', 500, 1999],
    ['bytes=1999-', 1999, 1999],
    ['bytes=500-999999', 500, 1999],
    ['bytes=-1', 1999, 1999],
    ['bytes=-500', 1500, 1999],
    ['bytes=-2000', 0, 1999],
    ['bytes=-2001', 0, 1999],
    ['bytes=-999999999', 0, 1999],
    ['bytes=0-', 0, 1999],
  ];
  for (const [range, first, last] of partial) {
    it(`${range}: 206 with bytes ${first} to ${last}`, async () => {
      const answer = await get({ Range: range });
      expect(answer.status).to.equal(206);
      expect(answer.header('Content-Range')).to.deep.equal([`bytes ${first}-${last}/${SIZE}`]);
      expect(answer.header('Content-Length')).to.deep.equal([String(last - first + 1)]);
      expect(answer.header('ETag')).to.deep.equal([tag]);
      expect(answer.body.equals(image.subarray(first, last + 1))).to.equal(true);
    });
  }

  for (const range of ['bytes=2000-', 'bytes=2000-2001', 'bytes=99999999999999999999-', 'bytes=-0']) {
    it(`${range}: 416 with the size, and the token lives`, async () => {
      const answer = await get({ Range: range });
      expect(answer.status).to.equal(416);
      expect(answer.header('Content-Range')).to.deep.equal([`bytes */${SIZE}`]);
      expect(answer.header('Connection')).to.deep.equal(['close']);
      expect((await get({})).status).to.equal(200);
    });
  }

  const ignored: [range: string, why: string][] = [
    ['bytes=0-1,5-6', 'several ranges'],
    ['bytes=0-1,0-1', 'several ranges'],
    ['items=0-1', 'another unit'],
    ['items=5000-', 'another unit, whose numbers are not ours to judge'],
    ['bytes=5-2', 'the last position before the first: invalid'],
    ['bytes=a-b', 'malformed'],
    ['bytes=1', 'malformed'],
    ['bytes', 'malformed'],
    ['bytes=-', 'malformed'],
    ['bytes=', 'malformed'],
    ['bytes=0x1-2', 'malformed'],
    ['bytes=1.5-2', 'malformed'],
    ['bytes=--1', 'malformed'],
  ];
  for (const [range, why] of ignored) {
    it(`${range} (${why}): the whole body`, async () => {
      const answer = await get({ Range: range });
      expect(answer.status).to.equal(200);
      expect(answer.header('Content-Range')).to.deep.equal([]);
      expect(answer.body.equals(image)).to.equal(true);
    });
  }

  const conditions: [ifRange: string, status: number][] = [
    [tag, 206],
    [`W/${tag}`, 200],
    [tag.slice(1, -1), 200],
    ['"other"', 200],
    ['*', 200],
    ['Mon, 23 Nov 2026 12:00:00 GMT', 200],
  ];
  for (const [ifRange, status] of conditions) {
    it(`If-Range: ${ifRange.slice(0, 30)}: ${status}`, async () => {
      const answer = await get({ Range: 'bytes=0-9', 'If-Range': ifRange });
      expect(answer.status).to.equal(status);
      expect(answer.body.length).to.equal(status === 206 ? 10 : SIZE);
    });
  }

  it('If-Range that does not match sends the whole body even if the range cannot be satisfied', async () => {
    expect((await get({ Range: 'bytes=9999-', 'If-Range': '"other"' })).status).to.equal(200);
  });

  it('If-Range without Range means nothing', async () => {
    expect((await get({ 'If-Range': tag })).status).to.equal(200);
  });
});
