import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Aedes } from 'aedes';
import type { FastifyInstance } from 'fastify';
import { type Attached, attach } from '../../broker/attach.js';
import { accept, MqttListener } from '../../broker/listener.js';
import { BrokerOutbox } from '../../broker/outbox.js';
import { FirmwireRetained } from '../../broker/retained-source.js';
import { Sessions } from '../../broker/sessions.js';
import { openBlobs } from '../../broker/storage/blobs.js';
import { type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import type { BlobStore, Log } from '../../core/ports.js';
import type { Credentials } from '../../core/services/accounts.js';
import { buildApp } from '../../http-fallback/app.js';
import { Transmitter } from '../../http-fallback/device/transmitter.js';
import { Throttle } from '../../http-fallback/throttle.js';
import { Authentication } from '../../plugins/authentication.js';
import { Availability } from '../../plugins/availability.js';
import { inOrder } from '../../plugins/index.js';
import { OncePerSession } from '../../plugins/once-per-session.js';
import { OwnerReplies } from '../../plugins/owner-replies.js';
import { TopicRights } from '../../plugins/topic-rights.js';
import type { Settings } from '../config/schema.js';
import { closeBroker, createBroker } from './broker.js';
import { buildDomain, type Domain } from './domain.js';
import { ensureFirstOwner } from './first-owner.js';
import { listenAnywhere } from './listen.js';
import { endedBadly, removeRuntime, writeRuntime } from './state-files.js';
import { systemClock } from './system-clock.js';

const SECOND = 1000;

/** A running server. */
export interface Firmwire {
  /** Absent when the plugins work on a broker of yours: its ports are yours, too. */
  readonly mqttPort: number | undefined;
  readonly httpPort: number;
  /** The first owner, if this start made one. */
  readonly firstOwner: Credentials | undefined;
  /**
   * Ends it: new work is refused, downloads under way may finish within `shutdown.drainSeconds`, then all is closed.
   * May be called more than once.
   */
  close(): Promise<void>;
}

/**
 * The composition root: builds everything and starts it.
 * @param ownBroker an Aedes broker of yours, listening and without clients yet; the plugins become its law
 * @throws Error if a port is taken or the store cannot be opened; nothing stays open then
 */
export async function startFirmwire(settings: Settings, log: Log, ownBroker?: Aedes): Promise<Firmwire> {
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
    undo.length = 0;
  };
  try {
    await mkdir(settings.data, { recursive: true, mode: 0o700 });
    const stores = await openEmbedded(join(settings.data, 'store'));
    undo.push(() => stores.close());
    const blobs = await openBlobs(join(settings.data, 'firmware'), settings.downloads.cacheBytes, 0);
    const broker = ownBroker ?? (await createBroker(settings, log));
    let attached: Attached | undefined;
    undo.push(async () => {
      // The sessions are gone by now; what follows from that is still to be written.
      await setImmediate();
      await attached?.settled();
    });
    if (!ownBroker) undo.push(() => closeBroker(broker));

    const sessions = new Sessions();
    // On a broker of somebody's own, their program may listen without a session.
    const isHeard = (owner: string): boolean => ownBroker !== undefined || sessions.isHeard(owner);
    const outbox = new BrokerOutbox(broker, log, isHeard);
    const domain = buildDomain({
      settings,
      stores,
      blobs,
      outbox,
      presence: sessions,
      clock: systemClock,
      log,
      onKeyRevoked: (owner, keyId) => sessions.cutKey(owner, keyId),
    });
    attached = attach(broker, pluginsOf(settings, domain, sessions), {
      log,
      hookMs: settings.mqtt.hookSeconds * SECOND,
      retained: new FirmwireRetained(stores.retained, stores.devices, domain.feed),
    });
    const firstOwner = await ensureFirstOwner(settings.data, stores.accounts, domain.accounts);

    const crashed = await endedBadly(settings.data);
    if (crashed) await domain.housekeeping.removeOrphans();
    const server = new Running(settings, domain);
    undo.push(() => domain.housekeeping.stop());
    const app = await appOf(settings, { domain, stores, blobs, broker, sessions, log, server });
    undo.push(() => app.close());
    const httpPort = await listenAnywhere(settings.http.host, async (host) => {
      await app.listen({ port: settings.http.port, host });
      return (app.server.address() as AddressInfo).port;
    });
    const listener = ownBroker ? undefined : new MqttListener(broker, packetLimits(settings), log);
    if (listener) undo.push(() => listener.close());
    const mqttPort = await listener?.listen(settings.mqtt.port, settings.mqtt.host);

    // Before the sessions end: nobody is left to hear that they did.
    undo.push(() => outbox.close());

    await writeRuntime(settings.data, { pid: process.pid, mqttPort: mqttPort ?? 0, httpPort });
    undo.push(() => removeRuntime(settings.data));
    domain.housekeeping.start(settings.housekeeping.sweepSeconds * SECOND);
    server.state = 'open';
    if (crashed) domain.housekeeping.recover().catch((err: unknown) => log.error({ err }, 'recovery failed'));
    return { mqttPort, httpPort, firstOwner, close: () => server.close(listener, unwind) };
  } catch (error) {
    await unwind();
    throw error;
  }
}

const packetLimits = ({ mqtt }: Settings) => ({ first: mqtt.maxConnectBytes, later: mqtt.maxPacketBytes });

function pluginsOf(settings: Settings, domain: Domain, sessions: Sessions) {
  const { accounts, announcer, consent, conversation, conversations, registry } = domain;
  return inOrder({
    authentication: new Authentication(accounts, registry, settings.throttle.loginFailuresPerMinute),
    topicRights: new TopicRights(registry),
    availability: new Availability(sessions, conversations, announcer, conversation),
    ownerReplies: new OwnerReplies(consent, announcer),
    oncePerSession: new OncePerSession(),
  });
}

interface AppWorld {
  readonly domain: Domain;
  readonly stores: EmbeddedStores;
  readonly blobs: BlobStore;
  readonly broker: Aedes;
  readonly sessions: Sessions;
  readonly log: Log;
  readonly server: Running;
}

function appOf(
  settings: Settings,
  { domain, stores, blobs, broker, sessions, log, server }: AppWorld,
): Promise<FastifyInstance> {
  const {
    accounts,
    announcer,
    catalog,
    consent,
    desk,
    downloads,
    feed,
    orders,
    publisher,
    records,
    registry,
  } = domain;
  const { http, throttle } = settings;
  const requestMs = http.requestSeconds * SECOND;
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
        log,
        idleMs: settings.downloads.idleSeconds * SECOND,
      }),
      throttle: new Throttle({
        subjectFailures: throttle.subjectFailuresPerMinute,
        addressFailures: throttle.addressFailuresPerMinute,
      }),
      requestMs,
      log,
    },
    api: {
      accounts,
      devices: stores.devices,
      records,
      registry,
      orders,
      announcer,
      feed,
      catalog,
      publisher,
      consent,
      maxUploadBytes: http.maxUploadBytes,
      cutDevice: (udid) => sessions.cutDevice(udid),
      requestMs,
      log,
    },
    webSocket: {
      accept: (conn) => accept(broker, conn, packetLimits(settings), log),
      allowedOrigins: http.allowedOrigins,
      maxPacketBytes: settings.mqtt.maxPacketBytes,
    },
    state: () => server.state,
    log,
    maxBodyBytes: http.maxBodyBytes,
    requestMs,
  });
}

/** The server's life: starting, open, draining, closed. */
class Running {
  state: 'starting' | 'open' | 'draining' = 'starting';
  readonly #settings: Settings;
  readonly #domain: Domain;
  #closing: Promise<void> | undefined;

  constructor(settings: Settings, domain: Domain) {
    this.#settings = settings;
    this.#domain = domain;
  }

  close(listener: MqttListener | undefined, unwind: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#drain(listener).then(unwind);
    return this.#closing;
  }

  async #drain(listener: MqttListener | undefined): Promise<void> {
    this.state = 'draining';
    listener?.stop();
    const patience = new AbortController();
    const ms = this.#settings.shutdown.drainSeconds * SECOND;
    const tooLong = delay(ms, undefined, { signal: patience.signal }).catch(() => {});
    await Promise.race([this.#domain.transfers.idle(), tooLong]);
    patience.abort();
  }
}
