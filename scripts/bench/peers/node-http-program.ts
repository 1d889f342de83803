/**
 * Bare node:http, for what Node itself costs; and bare Fastify, for what it adds. Arguments: `buffer <file>` or `stream
 * <file>`, answers every GET with it; `post`, answers every POST with an offer once its JSON is read and parsed;
 * `fastify`, the same by Fastify.
 */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { plainUpdatePayload } from '../../../core/payload.js';

/** As much as Firmwire reads at a time (broker/storage/blobs.ts). */
const READ_BYTES = 64 * 1024;

const [kind = '', argument = ''] = process.argv.slice(2);

function bodyListener(file: string, stream: boolean): RequestListener {
  const bytes = stream ? undefined : readFileSync(file);
  const head = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': statSync(file).size,
    Connection: 'close',
  };
  return (_request, response) => {
    response.writeHead(200, head);
    if (bytes) response.end(bytes);
    else createReadStream(file, { highWaterMark: READ_BYTES }).pipe(response);
  };
}

// What Firmwire says to a device with an update, to the byte but for the token.
const ANSWER = Buffer.from(plainUpdatePayload('0'.repeat(36), '1.1.0', 'A'.repeat(43)));
const HEAD = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': ANSWER.length,
  Connection: 'close',
};

interface Asked {
  readonly registration?: object;
}

function postListener(): RequestListener {
  return (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { registration } = JSON.parse(Buffer.concat(pieces).toString()) as Asked;
      response.writeHead(registration ? 200 : 400, HEAD);
      response.end(ANSWER);
    });
  };
}

async function fastifyListener(): Promise<RequestListener> {
  const app = Fastify();
  app.post<{ Body: Asked }>('*', (request, reply) => {
    reply.status(request.body.registration ? 200 : 400).headers(HEAD);
    reply.send(ANSWER);
  });
  await app.ready();
  return app.routing;
}

const listeners: Readonly<Record<string, () => RequestListener | Promise<RequestListener>>> = {
  post: postListener,
  fastify: fastifyListener,
  buffer: () => bodyListener(argument, false),
  stream: () => bodyListener(argument, true),
};

const listener = await listeners[kind]?.();
if (!listener) throw new Error(`Nobody knows how to answer with "${kind}".`);
const server = createServer(listener);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`);
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
