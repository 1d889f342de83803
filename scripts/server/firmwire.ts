import type { AddressInfo } from 'node:net';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Aedes } from 'aedes';
import { type Attached, attach } from '../../broker/attach.js';
import { MqttListener } from '../../broker/listener.js';
import { redisMqtt } from '../../broker/nodes/redis-mqtt.js';
import { BrokerOutbox } from '../../broker/outbox.js';
import { FirmwireRetained } from '../../broker/retained-source.js';
import { Sessions } from '../../broker/sessions.js';
import { redisOptions } from '../../broker/storage/redis/url.js';
import { Headcount } from '../../core/headcount.js';
import type { Log } from '../../core/ports.js';
import type { Credentials } from '../../core/services/accounts.js';
import { readVersion } from '../cli/version.js';
import type { Settings } from '../config/schema.js';
import { appOf } from './app.js';
import { closeBroker, createBroker } from './broker.js';
import { ConnectGate } from './connect-gate.js';
import { buildDomain, type Domain } from './domain.js';
import { every } from './every.js';
import { openFirmwareBytes } from './firmware-bytes.js';
import { ensureFirstOwner } from './first-owner.js';
import { expectOwner, joinOthers } from './join.js';
import { listenAnywhere } from './listen.js';
import { Metrics } from './metrics.js';
import { loneNode, redisNode } from './nodes.js';
import { packetLimits } from './packet-limits.js';
import { plainRule } from './plain.js';
import { pluginsOf } from './plugins.js';
import { Running } from './running.js';
import { endedBadly, removeRuntime, writeRuntime } from './state-files.js';
import { openStores } from './stores.js';
import { systemClock } from './system-clock.js';
import { openCertificate, SecurePorts } from './tls/ports.js';

const SECOND = 1000;

/** How often keys are looked at that may have ended: sessions end at most so much later. */
const KEYS_MS = 500;

/** How long the sessions of one of several nodes may take to end. */
const LAST_WORDS_MS = 2000;

/** A running server. */
export interface Firmwire {
  /** Absent when the plugins work on a broker of yours: its ports are yours, too. */
  readonly mqttPort: number | undefined;
  readonly httpPort: number;
  /** Where TLS is spoken; absent without a certificate. */
  readonly mqttsPort: number | undefined;
  readonly httpsPort: number | undefined;
  /** The first owner, if this start made one. */
  readonly firstOwner: Credentials | undefined;
  /**
   * Ends it: new work is refused, downloads under way may finish within `shutdown.drainSeconds`, then all is closed.
   * May be called more than once.
   */
  close(): Promise<void>;
  /** Reads the TLS certificate anew, if there is one. Never rejects: what is wrong is logged. */
  reload(): Promise<void>;
}

/**
 * The composition root: builds everything and starts it.
 * @param ownBroker an Aedes broker of yours, listening and without clients yet; the plugins become its law
 * @throws Error if a port is taken or the store cannot be opened; nothing stays open then
 */
export async function startFirmwire(settings: Settings, log: Log, ownBroker?: Aedes): Promise<Firmwire> {
  const version = readVersion();
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
    undo.length = 0;
  };
  try {
    // Before anything is opened: a mistake in a setting is told at once.
    const mayBePlain = plainRule(settings);
    const certificate = await openCertificate(settings, systemClock, log);
    undo.push(() => certificate?.close());
    const stores = await openStores(settings, log, 'serve');
    undo.push(() => stores.close());
    let built: Domain | undefined;
    // What happens up to the end is still to be written down.
    undo.push(() => built?.history.close());
    const { link } = stores;
    const redis = link && redisOptions(settings.redis.url);
    const commandMs = settings.redis.commandSeconds * SECOND;
    const nodes = redis
      ? await redisNode(link, redis, settings.nodes.heartbeatSeconds * SECOND, systemClock, log)
      : loneNode(systemClock, log);
    undo.push(() => nodes.close());
    const blobs = await openFirmwareBytes(settings, log, stores.room);
    const mqtt = redis && !ownBroker ? await redisMqtt(link, redis, commandMs, log) : undefined;
    if (mqtt) undo.push(() => mqtt.close());
    const broker = ownBroker ?? (await createBroker(settings, log, mqtt));
    let attached: Attached | undefined;
    let mqttPort: number | undefined;
    undo.push(async () => {
      // The sessions are gone by now; what follows from that is still to be written.
      await setImmediate();
      await attached?.settled();
    });
    if (!ownBroker) undo.push(() => closeBroker(broker));

    const sessions = new Sessions(nodes.peers.facts, nodes.whereabouts);
    // On a broker of somebody's own, their program may listen without a session.
    const isHeard = (owner: string): boolean => ownBroker !== undefined || sessions.isHeard(owner);
    const outbox = new BrokerOutbox(broker, log, isHeard);
    const metrics = new Metrics(
      { version, storage: settings.storage, node: link ? nodes.id : broker.id },
      {
        connectedDevices: () => sessions.devices,
        connectedOwners: () => sessions.owners,
        mqttConnections: () => broker.connectedClients,
        activeDownloads: () => domain.transfers.count,
        outboxQueue: () => outbox.waiting,
        storeIsOpen: () => (link?.state ?? 'open') === 'open' && stores.room.isHeld,
        certificateEnd: () => certificate?.notAfter,
      },
    );
    undo.push(() => metrics.close());
    const domain: Domain = buildDomain({
      settings,
      stores,
      blobs,
      outbox,
      presence: sessions,
      clock: systemClock,
      telemetry: metrics,
      log,
      nodes,
      keyWatch: {
        revoked: (owner, keyId) => {
          sessions.cutKey(owner, keyId);
          nodes.peers.tell({ kind: 'cut-key', owner, keyId });
        },
        ends: (owner, keyId, at) => {
          sessions.keyEnds(owner, keyId, at);
          nodes.peers.tell({ kind: 'key-ends', owner, keyId, at });
        },
      },
    });
    built = domain;
    undo.push(every(KEYS_MS, systemClock, () => sessions.cutEnded(systemClock.now())));
    attached = attach(broker, pluginsOf(settings, domain, sessions), {
      log,
      hookMs: settings.mqtt.hookSeconds * SECOND,
      retained: new FirmwireRetained(
        stores.retained,
        stores.devices,
        domain.feed,
        () => domain.errands.heardByAll(),
        () => ({
          version,
          mqttPort: mqttPort ?? null,
          maxUploadBytes: settings.http.maxUploadBytes,
          postponeHours: settings.notices.postponeHours,
        }),
        {
          kept: new Headcount(
            settings.limits.retainedPerOwner,
            (owner) => stores.retained.count(`/${owner}/`),
            systemClock,
          ),
          watch: domain.watch,
        },
      ),
      queue: {
        most: settings.limits.queuedPerClient,
        watch: domain.watch,
        ...(mqtt && { waiting: (clientId: string) => mqtt.waiting(clientId) }),
      },
      mayAcknowledge: () => (link?.state ?? 'open') === 'open' && (mqtt?.isReady() ?? true),
    });
    // Owners on other nodes hear of the sessions that end with this one.
    if (mqtt) {
      undo.push(async () => {
        // Aedes looks into Redis before it tells that a session has ended, and Redis may be away.
        await Promise.race([attached?.empty(), delay(LAST_WORDS_MS, undefined, { ref: false })]);
        await attached?.settled();
        await outbox.close();
      });
    }
    const crashed = await endedBadly(settings.data);
    const begin = async (): Promise<Credentials | undefined> => {
      if (crashed) await domain.housekeeping.removeOrphans();
      for (const client of (await mqtt?.persistentClients()) ?? []) expectOwner(sessions, client);
      return ensureFirstOwner(settings.data, stores.accounts, domain.accounts, nodes.lock);
    };
    const firstOwner = link && link.state !== 'open' ? undefined : await begin();
    const server = new Running({
      clock: systemClock,
      log,
      drainMs: settings.shutdown.drainSeconds * SECOND,
      transfers: domain.transfers,
      sessions,
      hasPeers: () => nodes.peers.count > 0,
      random: Math.random,
    });
    undo.push(() => domain.housekeeping.stop());
    const admits = (address: string | undefined): boolean => {
      const may = mayBePlain(address);
      if (!may) {
        metrics.refused('plain');
        log.debug({ address }, 'refused: no TLS (plain.allowed)');
      }
      return may;
    };
    const gate = new ConnectGate(settings, systemClock, domain.watch);
    const isCrowded = (address: string | undefined) => (gate.admits(address) ? undefined : 3);
    const packets = packetLimits(settings, domain.watch);
    const app = await appOf(settings, {
      mayBePlain: admits,
      gate,
      domain,
      nodes,
      stores,
      blobs,
      broker,
      sessions,
      metrics,
      log,
      server,
    });
    undo.push(() => app.close());
    const httpPort = await listenAnywhere(settings.http.host, async (host) => {
      await app.listen({ port: settings.http.port, host });
      return (app.server.address() as AddressInfo).port;
    });
    const listener = ownBroker
      ? undefined
      : new MqttListener(broker, packets, log, {
          refuses: (address) => (admits(address) ? isCrowded(address) : 5),
        });
    if (listener) undo.push(() => listener.close());
    mqttPort = await listener?.listen(settings.mqtt.port, settings.mqtt.host);
    const secure =
      certificate &&
      new SecurePorts(
        settings,
        certificate,
        app,
        (tls) =>
          ownBroker ? undefined : new MqttListener(broker, packets, log, { refuses: isCrowded, tls }),
        (err) => {
          metrics.refused('handshake');
          log.debug({ err }, 'TLS handshake failed');
        },
      );
    undo.push(() => secure?.close());
    const { mqttsPort, httpsPort } = (await secure?.listen()) ?? {};

    // Before the sessions end: nobody is left to hear that they did.
    if (!mqtt) undo.push(() => outbox.close());

    await writeRuntime(settings.data, {
      pid: process.pid,
      mqttPort: mqttPort ?? 0,
      httpPort,
      mqttsPort,
      httpsPort,
    });
    undo.push(() => removeRuntime(settings.data));
    undo.push(every(settings.rollouts.tickSeconds * SECOND, systemClock, () => void domain.rollouts.tick()));
    domain.housekeeping.start(settings.housekeeping.sweepSeconds * SECOND);
    const retell = async (): Promise<void> => attached?.retell();
    const canTell = async (): Promise<unknown> => mqtt?.ready();
    if (link) joinOthers(link, { domain, nodes, sessions, clock: systemClock, log, begin, canTell, retell });
    server.state = 'open';
    log.info(
      { mqttPort, httpPort, mqttsPort, httpsPort, storage: settings.storage, version, crashed },
      'ready',
    );
    if (crashed) domain.housekeeping.recover().catch((err: unknown) => log.error({ err }, 'recovery failed'));
    const stop = (): void => {
      listener?.stop();
      secure?.stop();
    };
    return {
      mqttPort,
      httpPort,
      mqttsPort,
      httpsPort,
      firstOwner,
      close: () => server.close(stop, unwind),
      reload: async () => certificate?.reload(),
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}
