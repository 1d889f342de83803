import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Api, createApi } from '../../../scripts/client/api.js';
import { ApiError, ClientError } from '../../../scripts/client/errors.js';

const KEY = 'o'.repeat(64);

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('the client of the owner API', () => {
  let listener: Server;
  let api: Api;
  let folder: string;
  /** Per call: `METHOD path`, and the body. */
  let calls: { readonly line: string; readonly request: IncomingMessage; readonly body: Buffer }[];
  let answers: { readonly status: number; readonly body: string }[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-api-'));
    listener = createServer(async (request, response) => {
      calls.push({ line: `${request.method} ${request.url}`, request, body: await bodyOf(request) });
      const answer = answers.shift() ?? { status: 204, body: '' };
      response.writeHead(answer.status).end(answer.body);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    api = createApi(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`, KEY);
  });
  beforeEach(() => {
    calls = [];
    answers = [];
  });
  after(async () => {
    listener.closeAllConnections();
    listener.close();
    await rm(folder, { recursive: true });
  });

  const willAnswer = (body: unknown, status = 200) => answers.push({ status, body: JSON.stringify(body) });

  it('authorizes itself', async () => {
    willAnswer({ firmware: [] });
    expect(await api.firmware()).to.deep.equal([]);
    expect(calls[0]?.request.headers.authorization).to.equal(`Bearer ${KEY}`);
  });

  it('walks all pages of devices', async () => {
    willAnswer({ devices: [{ udid: 'a' }, { udid: 'b' }], next: 'b c' });
    willAnswer({ devices: [{ udid: 'c' }] });
    const udids: string[] = [];
    for await (const { udid } of api.devices(2)) udids.push(udid);
    expect(udids).to.deep.equal(['a', 'b', 'c']);
    expect(calls.map(({ line }) => line)).to.deep.equal([
      'GET /api/v1/devices?limit=2',
      'GET /api/v1/devices?limit=2&after=b+c',
    ]);
  });

  it('sends JSON and takes answers without a body', async () => {
    await api.reply('n/1', 'later');
    expect(calls[0]?.line).to.equal('POST /api/v1/notices/n%2F1/reply');
    expect(calls[0]?.body.toString()).to.equal('{"response":"later"}');
    expect(calls[0]?.request.headers['content-type']).to.equal('application/json');
  });

  it('uploads fields before files, of a known length, and tells how far it is', async () => {
    const path = join(folder, 'firmware.bin');
    const image = Buffer.alloc(300_000, 0xe9);
    await writeFile(path, image);
    willAnswer({ firmware: { id: '1' }, offered: 2, asked: 1 }, 201);
    const steps: (readonly [number, number])[] = [];
    const publication = { files: [path], version: '1.1.0', platform: 'arduino:esp8266', tags: ['a', 'b'] };
    const result = await api.publish(publication, (sent, total) => steps.push([sent, total]));
    expect(result).to.deep.equal({ firmware: { id: '1' }, offered: 2, asked: 1 });
    const { request, body } = calls[0] ?? {};
    expect(request?.headers['content-length']).to.equal(String(body?.length));
    const names = [...(body?.toString('latin1').matchAll(/ name="(\w+)"/g) ?? [])].map(([, name]) => name);
    expect(names).to.deep.equal(['version', 'platform', 'tags', 'file']);
    expect(body?.includes(image)).to.equal(true);
    expect(body?.includes('filename="firmware.bin"')).to.equal(true);
    expect(steps.at(-1)).to.deep.equal([body?.length, body?.length]);
    expect(steps.length).to.be.greaterThan(3);
  });

  it('uploads an empty file as empty', async () => {
    const path = join(folder, 'empty.bin');
    await writeFile(path, '');
    willAnswer({ error: { code: 'image_empty', message: 'The firmware file is empty.' } }, 400);
    const error = await api.publish({ files: [path], version: '1' }).catch((reason) => reason);
    expect(error).to.be.instanceOf(ApiError).and.include({ status: 400, code: 'image_empty' });
  });

  it('names the file that is not there', async () => {
    const error = await api.publish({ files: ['/no/such.bin'], version: '1' }).catch((reason) => reason);
    expect(error).to.be.instanceOf(ClientError);
    expect(error.message).to.equal('/no/such.bin: not found.');
    expect(calls).to.have.length(0);
  });

  it('throws the refusal that the server gives', async () => {
    willAnswer({ error: { code: 'forbidden', message: 'No.' } }, 403);
    const error = await api.keys().catch((reason) => reason);
    expect(error).to.be.instanceOf(ApiError).and.include({ status: 403, code: 'forbidden', message: 'No.' });
  });

  it('tells an answer that is not from Firmwire', async () => {
    answers.push({ status: 502, body: '<html>' });
    const error = await api.device('u').catch((reason) => reason);
    expect(error).to.be.instanceOf(ApiError).and.include({ status: 502, code: 'bad_answer' });
  });

  it('tells that nobody answers', async () => {
    const error = await createApi('http://127.0.0.1:1', KEY)
      .keys()
      .catch((reason) => reason);
    expect(error).to.be.instanceOf(ApiError).and.include({ status: 0, code: 'unreachable' });
  });
});
