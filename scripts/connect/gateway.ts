import { join } from 'node:path';
import type { Clock, Log } from '../../core/ports.js';
import { listenAnywhere } from '../server/listen.js';
import { MdnsAnnouncer } from './announce.js';
import { Bodies } from './bodies.js';
import { Carrier } from './carrier.js';
import { Delivering } from './delivering.js';
import { HttpPort } from './http-port.js';
import { LIMITS, type Limits } from './limits.js';
import { Link } from './link.js';
import { MqttPort } from './mqtt-port.js';
import { Offline } from './offline.js';
import { Seen } from './seen.js';
import { SeenFile } from './seen-file.js';
import { Dial } from './tls-dial.js';
import { Uplink } from './uplink.js';

/** A host and a port of the server. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface GatewayOptions {
  readonly https: Place;
  readonly mqtts: Place;
  /** Trusted authorities, PEM; without it those of Node. */
  readonly ca?: string | undefined;
  readonly host: string;
  /** 0: any free port. */
  readonly httpPort: number;
  readonly mqttPort: number;
  /** A folder of this gateway alone. */
  readonly cache: string;
  readonly cacheBytes: number;
  /** Where to announce it: the address of an interface, or all; undefined: nowhere. */
  readonly announce?: { readonly address?: string | undefined } | undefined;
  readonly limits?: Partial<Limits>;
}

export interface Gateway {
  readonly httpPort: number;
  readonly mqttPort: number;
  /** Why the server cannot be reached for HTTP and for MQTT; undefined where it can. */
  readonly trouble: { readonly https: string | undefined; readonly mqtts: string | undefined };
  /** Requests under way may end within `Limits.drainMs`; then all is closed. */
  close(): Promise<void>;
}

/** Starts a gateway. @throws Error if a port is taken or the folder cannot be used; nothing stays open then */
export async function startGateway(options: GatewayOptions, clock: Clock, log: Log): Promise<Gateway> {
  const limits = { ...LIMITS, ...options.limits };
  const { ca, host } = options;
  const { answerMs, pauseMs, retryMs, saveMs, drainMs } = limits;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const bodies = await Bodies.open(options.cache, options.cacheBytes, limits, log);
    undo.push(() => bodies.settled());
    const seen = new Seen(limits.devices);
    const path = join(options.cache, 'devices.json');
    const file = await SeenFile.open({ path, seen, saveMs, clock, log });
    undo.push(() => file.close());

    const uplink = new Uplink({ ...options.https, ca, answerMs, pauseMs });
    undo.push(() => uplink.close());
    const dial = new Dial({ ...options.mqtts, ca, answerMs });
    const http = new Link({ name: 'http', check: () => uplink.check(), retryMs, clock, log });
    const mqtt = new Link({ name: 'mqtt', check: () => dial.check(), retryMs, clock, log });
    undo.push(() => [http, mqtt].map((link) => link.close()));
    await Promise.all([http.look(), mqtt.look()]);

    const offline = new Offline(seen, clock);
    const delivering = new Delivering({ bodies, limits, clock, log });
    const carrier = new Carrier({ uplink, link: http, delivering, offline, limits, log });
    const httpSide = new HttpPort(carrier, http, limits, log);
    undo.push(() => httpSide.close());
    const httpPort = await listenAnywhere(host, (at) => httpSide.listen(options.httpPort, at));
    const mqttSide = new MqttPort(dial, mqtt, limits, log);
    undo.push(() => mqttSide.close());
    const mqttPort = await listenAnywhere(host, (at) => mqttSide.listen(options.mqttPort, at));

    const { announce } = options;
    const announcer = announce && new MdnsAnnouncer({ httpPort, mqttPort }, log, announce.address);
    undo.push(() => announcer?.close());
    return {
      httpPort,
      mqttPort,
      trouble: { https: http.reason, mqtts: mqtt.reason },
      close: async () => {
        const late = new Promise<void>((resolve) => undo.push(clock.after(drainMs, resolve)));
        await Promise.race([httpSide.drain(), late]);
        await unwind();
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}
