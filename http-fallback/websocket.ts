import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createWebSocketStream } from 'ws';

export interface WebSocketParts {
  /** Takes an MQTT byte stream, and the request that opened it. */
  readonly accept: (conn: Duplex, upgraded: IncomingMessage) => void;
  /** Pages of these origins may connect, beside those of the server itself. */
  readonly allowedOrigins: readonly string[];
  readonly maxPacketBytes: number;
  /** False while there are too many new connections, of all or from this address. */
  readonly mayConnect: (address: string) => boolean;
}

const SUBPROTOCOL = 'mqtt';
/** RFC 6455, 7.4.1: a kind of data that cannot be accepted. MQTT 3.1.1, 6: packets come in binary frames. */
const UNSUPPORTED_DATA = 1003;

/** MQTT over WebSocket at `/mqtt` (MQTT 3.1.1, 6): Origin, subprotocol and binary frames are all checked. */
export async function mqttOverWebSocket(app: FastifyInstance, parts: WebSocketParts): Promise<void> {
  await app.register(websocket, {
    options: {
      // One frame may carry several packets; each packet is bounded where the bytes are read.
      maxPayload: parts.maxPacketBytes * 2,
      handleProtocols: (protocols: Set<string>) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    },
  });
  app.get(
    '/mqtt',
    {
      websocket: true,
      preValidation: async (request, reply) => {
        if (!mayConnect(request, parts.allowedOrigins)) return reply.code(403).send();
        if (!offersMqtt(request)) return reply.code(400).send();
        if (!parts.mayConnect(request.ip)) return reply.code(503).header('Retry-After', '10').send();
      },
    },
    (socket, request) => {
      const stream = createWebSocketStream(socket);
      const push = stream.push.bind(stream);
      let refused = false;
      // Asked before the stream's own listener, so that nothing of a text frame reaches MQTT.
      socket.prependListener('message', (_data, isBinary) => {
        if (isBinary || refused) return;
        refused = true;
        socket.close(UNSUPPORTED_DATA);
      });
      stream.push = (chunk: unknown) => refused || push(chunk);
      stream.on('error', () => socket.terminate());
      parts.accept(stream, request.raw);
    },
  );
}

/** Programs send no Origin; pages do, and only ours may speak for an owner who is logged in. */
function mayConnect({ headers }: FastifyRequest, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return origin === `http://${host}` || origin === `https://${host}`;
}

const offersMqtt = ({ headers }: FastifyRequest): boolean =>
  (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .includes(SUBPROTOCOL);
