import { fileURLToPath } from 'node:url';
import type { Aedes } from 'aedes';
import type { FastifyInstance } from 'fastify';
import { accept } from '../../broker/listener.js';
import type { Sessions } from '../../broker/sessions.js';
import type { LinkState } from '../../broker/storage/redis/link.js';
import type { BlobStore, Log } from '../../core/ports.js';
import { buildApp } from '../../http-fallback/app.js';
import { Transmitter } from '../../http-fallback/device/transmitter.js';
import { Relays } from '../../http-fallback/relay/relays.js';
import { Throttle } from '../../http-fallback/throttle.js';
import type { Settings } from '../config/schema.js';
import type { ConnectGate } from './connect-gate.js';
import type { Domain } from './domain.js';
import type { Metrics } from './metrics.js';
import type { Nodes } from './nodes.js';
import { packetLimits } from './packet-limits.js';
import type { Running } from './running.js';
import type { OpenStores } from './stores.js';
import { systemClock } from './system-clock.js';
import { certificateRule } from './tls/client-certificates.js';

const SECOND = 1000;

/** How often the pace of a download is looked at. */
const PACE_MS = 15 * SECOND;

/** The owner's page as Vite has built it, beside the compiled server. */
const PAGE = fileURLToPath(new URL('../../rtm/page', import.meta.url));

/** What the HTTP side works with. */
export interface AppWorld {
  readonly domain: Domain;
  readonly stores: OpenStores;
  readonly nodes: Nodes;
  readonly blobs: BlobStore;
  readonly broker: Aedes;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly server: Running;
  /** False where a client at this address has to use TLS. */
  readonly mayBePlain: (address: string | undefined) => boolean;
  readonly gate: ConnectGate;
}

/** Builds the HTTP side; it listens to nothing yet. */
export function appOf(
  settings: Settings,
  { domain, nodes, stores, blobs, broker, sessions, metrics, log, server, mayBePlain, gate }: AppWorld,
): Promise<FastifyInstance> {
  const {
    accounts,
    announcer,
    catalog,
    consent,
    desk,
    downloads,
    feed,
    history,
    orders,
    publisher,
    records,
    registry,
    rollback,
    rollouts,
    signers,
  } = domain;
  const { http, throttle } = settings;
  const requestMs = http.requestSeconds * SECOND;
  const idleMs = settings.downloads.idleSeconds * SECOND;
  const limits = {
    isFull: () => domain.transfers.count >= settings.limits.downloads,
    bytesPerSecond: settings.limits.downloadBytesPerSecond,
    everyMs: PACE_MS,
    watch: domain.watch,
  };
  const relays = new Relays(systemClock, idleMs, limits, log);
  const refusing = {
    throttle: new Throttle({
      subjectFailures: throttle.subjectFailuresPerMinute,
      addressFailures: throttle.addressFailuresPerMinute,
    }),
    log,
  };
  return buildApp({
    device: {
      accounts,
      registry,
      records,
      desk,
      clock: systemClock,
      transmitter: new Transmitter({
        downloads,
        blobs,
        telemetry: metrics,
        log,
        idleMs,
        relays,
        limits,
      }),
      requestMs,
      json: domain.json,
      certificates: certificateRule(settings),
      ...refusing,
    },
    relay: { relays, blobs, telemetry: metrics, requestMs, json: domain.json, ...refusing },
    api: {
      accounts,
      devices: stores.devices,
      records,
      registry,
      orders,
      announcer,
      feed,
      history,
      catalog,
      publisher,
      rollouts,
      rollback,
      signers,
      consent,
      maxUploadBytes: http.maxUploadBytes,
      cutDevice: (udid) => {
        sessions.cutDevice(udid);
        nodes.peers.tell({ kind: 'cut-device', udid });
      },
      requestMs,
      json: domain.json,
      log,
    },
    webSocket: {
      mayConnect: (address) => gate.admits(address),
      accept: (conn, upgraded) => accept(broker, conn, packetLimits(settings, domain.watch), log, upgraded),
      allowedOrigins: http.allowedOrigins,
      maxPacketBytes: settings.mqtt.maxPacketBytes,
    },
    operations: {
      state: () => server.state,
      readiness: () => readinessOf(server.state, stores.link?.state),
      metrics,
      metricsToken: settings.metrics.token,
    },
    pageFolder: PAGE,
    mayBePlain,
    meter: metrics,
    log,
    maxBodyBytes: http.maxBodyBytes,
    requestMs,
  });
}

/** The first thing that keeps the server from doing its work. */
function readinessOf(state: Running['state'], store: LinkState | undefined) {
  if (state !== 'open') return state;
  if (store === 'away') return 'store_unavailable';
  return store === 'emptied' ? 'store_emptied' : 'ready';
}
