import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { openBlobs } from '../../broker/storage/blobs.js';
import { openEmbedded } from '../../broker/storage/embedded/index.js';
import type { BlobStore, Clock, Log, Stores, TokenStore } from '../../core/ports.js';
import type { Credentials } from '../../core/services/accounts.js';
import { buildApp } from '../../http-fallback/app.js';
import { Transmitter } from '../../http-fallback/device/transmitter.js';
import type { NotReady } from '../../http-fallback/operations.js';
import { Relays } from '../../http-fallback/relay/relays.js';
import { Throttle } from '../../http-fallback/throttle.js';
import { loadSettings } from '../../scripts/config/load.js';
import type { DeepPartial, Settings } from '../../scripts/config/schema.js';
import { buildDomain, type Domain } from '../../scripts/server/domain.js';
import { loneNode } from '../../scripts/server/nodes.js';
import { aCheckInBody, NOW } from './builders.js';
import { CountingTelemetry } from './counting-telemetry.js';
import { type Part, upload } from './multipart.js';
import { watched, watchForSecrets } from './secrets.js';

const SECOND = 1000;

export interface HttpAppOptions {
  readonly settings?: DeepPartial<Settings>;
  /** Milliseconds; settings count in seconds, which is too long for a test. */
  readonly requestMs?: number;
  readonly idleMs?: number;
  /** Ends the attempts of gateways that do not move. */
  readonly relayClock?: Clock;
  /** How often the pace of a download is looked at. */
  readonly paceMs?: number;
  readonly wrapTokens?: (tokens: TokenStore) => TokenStore;
  readonly wrapBlobs?: (blobs: BlobStore) => BlobStore;
  /** Where the owner's page lies; without it there is none. */
  readonly pageFolder?: string;
}

/** The HTTP side as scripts/server/firmwire.ts builds it: real domain, real store, nothing listening to MQTT. */
export interface HttpApp {
  readonly app: FastifyInstance;
  readonly domain: Domain;
  readonly stores: Stores;
  readonly credentials: Credentials;
  /** What `Clock.now` says; to be moved at will. */
  readonly clock: Clock & { time: number };
  state: 'starting' | 'open' | 'draining';
  /** False: there are too many new connections. */
  mayConnect: boolean;
  /** What `/ready` says; undefined: what follows from `state`. */
  readiness: 'ready' | NotReady | undefined;
  readonly telemetry: CountingTelemetry;
  /** Every answer that was counted. */
  readonly answered: [method: string, route: string, status: number, ms: number][];
  /** One line of JSON for each call of the log. */
  readonly logs: string[];
  /** What was published to owners: the parsed payloads of `rtm/events`. */
  readonly events: Record<string, unknown>[];
  /** MQTT byte streams that arrived over WebSocket. */
  readonly streams: Duplex[];
  readonly cut: string[];
  /** Every file below the folder of firmware bytes. */
  storedFiles(): Promise<string[]>;
  /** @returns the port, on 127.0.0.1 */
  listen(): Promise<number>;
  close(): Promise<void>;
}

function collectingLog(lines: string[]): Log {
  const take =
    (level: string) =>
    (facts: object, message: string): void => {
      const err = 'err' in facts && facts.err instanceof Error ? facts.err.stack : undefined;
      const line = JSON.stringify({ level, message, ...facts, ...(err === undefined ? {} : { err }) });
      watchForSecrets('a line of the log', line);
      lines.push(line);
    };
  return { debug: take('debug'), info: take('info'), warn: take('warn'), error: take('error') };
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

export async function startHttpApp(options: HttpAppOptions = {}): Promise<HttpApp> {
  const settings = await loadSettings({ file: false, env: {}, overrides: options.settings ?? {} });
  const data = await mkdtemp(join(tmpdir(), 'firmwire-http-'));
  const opened = watched(await openEmbedded(join(data, 'store')));
  const stores = { ...opened, tokens: options.wrapTokens?.(opened.tokens) ?? opened.tokens };
  const files = await openBlobs(join(data, 'firmware'), settings.downloads.cacheBytes);
  const blobs = options.wrapBlobs?.(files) ?? files;
  const logs: string[] = [];
  const events: Record<string, unknown>[] = [];
  const streams: Duplex[] = [];
  const cut: string[] = [];
  const log = collectingLog(logs);
  const telemetry = new CountingTelemetry();
  const clock = { time: NOW, now: () => clock.time, after: () => () => {} };
  const domain = buildDomain({
    settings,
    stores,
    blobs,
    outbox: {
      isHeard: () => true,
      backlog: () => 0,
      toOwner: (_owner, topic, payload) => {
        watchForSecrets(`a message on ${topic}`, payload);
        if (topic.endsWith('/rtm/events')) events.push(JSON.parse(payload));
      },
    },
    presence: { isOnline: () => false },
    clock,
    telemetry,
    log,
    nodes: loneNode(clock, log),
    keyWatch: { revoked: (_owner, keyId) => cut.push(keyId), ends: () => {} },
  });
  const { downloads } = domain;
  const idleMs = options.idleMs ?? settings.downloads.idleSeconds * SECOND;
  const requestMs = options.requestMs ?? settings.http.requestSeconds * SECOND;
  const limits = {
    isFull: () => domain.transfers.count >= settings.limits.downloads,
    bytesPerSecond: settings.limits.downloadBytesPerSecond,
    everyMs: options.paceMs ?? 15 * SECOND,
    watch: domain.watch,
  };
  const relays = new Relays(options.relayClock ?? clock, idleMs, limits, log);
  const throttle = new Throttle({
    subjectFailures: settings.throttle.subjectFailuresPerMinute,
    addressFailures: settings.throttle.addressFailuresPerMinute,
  });
  const app = await buildApp({
    device: {
      ...domain,
      requestMs,
      clock,
      log,
      transmitter: new Transmitter({ downloads, blobs, telemetry, log, idleMs, relays, limits }),
      throttle,
    },
    relay: { relays, blobs, telemetry, requestMs, json: domain.json, throttle, log },
    api: {
      ...domain,
      requestMs,
      devices: stores.devices,
      maxUploadBytes: settings.http.maxUploadBytes,
      cutDevice: (udid) => cut.push(udid),
      log,
    },
    webSocket: {
      accept: (stream) => streams.push(stream),
      mayConnect: () => running.mayConnect,
      allowedOrigins: settings.http.allowedOrigins,
      maxPacketBytes: settings.mqtt.maxPacketBytes,
    },
    operations: {
      state: () => running.state,
      readiness: () => running.readiness ?? (running.state === 'open' ? 'ready' : running.state),
      metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'firmwire_info 1\n' },
      metricsToken: settings.metrics.token,
    },
    pageFolder: options.pageFolder,
    meter: {
      answered: (...answer) => {
        watchForSecrets('a metric', answer.join(' '));
        running.answered.push(answer);
      },
    },
    log,
    maxBodyBytes: settings.http.maxBodyBytes,
    requestMs,
  });
  watchRefusals(app);
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const running: HttpApp = {
    app,
    domain,
    stores,
    credentials: await domain.accounts.createOwner('owner'),
    clock,
    state: 'open',
    mayConnect: true,
    readiness: undefined,
    telemetry,
    answered: [],
    logs,
    events,
    streams,
    cut,
    storedFiles: () => filesBelow(join(data, 'firmware')),
    listen: async () => {
      await app.listen({ port: 0, host: '127.0.0.1' });
      return (app.server.address() as AddressInfo).port;
    },
    close: async () => {
      for (const stream of streams) stream.destroy();
      for (const socket of sockets) socket.destroy();
      await app.close();
      await domain.transfers.idle();
      await opened.close();
      await rm(data, { recursive: true });
    },
  };
  return running;
}

function watchRefusals(app: FastifyInstance): void {
  const inject = app.inject.bind(app) as (request: unknown) => Promise<LightMyRequestResponse>;
  const watching = async (request: unknown): Promise<LightMyRequestResponse> => {
    const answer = await inject(request);
    if (answer.statusCode >= 400)
      watchForSecrets('a refusal', `${answer.body} ${JSON.stringify(answer.headers)}`);
    return answer;
  };
  Object.assign(app, { inject: watching });
}

/** An ESP8266 image of so many random bytes. */
export function anImage(size = 4000): Buffer {
  const image = randomBytes(size);
  image[0] = 0xe9;
  return image;
}

/** Calls the owner's API with the owner key. */
export const asOwner = (
  { app, credentials }: HttpApp,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  payload?: object,
): Promise<LightMyRequestResponse> =>
  app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${credentials.ownerKey}` },
    ...(payload === undefined ? {} : { payload }),
  });

/** Uploads these parts with the owner key. */
export function publishParts(http: HttpApp, parts: readonly Part[]): Promise<LightMyRequestResponse> {
  const { headers, payload } = upload(parts);
  const authorization = `Bearer ${http.credentials.ownerKey}`;
  return http.app.inject({
    method: 'POST',
    url: '/api/v1/firmware',
    headers: { ...headers, authorization },
    payload,
  });
}

/** Publishes an image for every ESP8266 of the owner. */
export async function publish(http: HttpApp, image: Buffer, version = '1.1.0'): Promise<string> {
  const answer = await publishParts(http, [
    { name: 'version', value: version },
    { name: 'platform', value: 'arduino:esp8266' },
    { name: 'file', filename: 'firmware.bin', data: image },
  ]);
  if (answer.statusCode !== 201) throw new Error(answer.body);
  return answer.json<{ firmware: { id: string } }>().firmware.id;
}

/** Posts a body as a device does, with its key. */
export const post = (
  { app, credentials }: HttpApp,
  url: string,
  payload: string | object,
  headers: Record<string, string> = { authentication: credentials.deviceKey },
): Promise<LightMyRequestResponse> => app.inject({ method: 'POST', url, headers, payload });

/** The body of a check-in of the app's owner. */
export const checkInBody = (http: HttpApp, change: Record<string, unknown> = {}) =>
  aCheckInBody({ owner: http.credentials.owner, auto_update: true, ...change });

/** Checks in over HTTP; the answer's `registration`. */
export async function checkIn(
  http: HttpApp,
  change: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const answer = await post(http, '/device/register', checkInBody(http, change));
  return answer.json<{ registration: Record<string, unknown> }>().registration;
}

/** Publishes an image, checks a device in and returns the token that it is offered. */
export async function offeredToken(http: HttpApp, image: Buffer): Promise<string> {
  await publish(http, image);
  return String((await checkIn(http))['ott']);
}
