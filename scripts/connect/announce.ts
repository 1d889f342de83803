import type { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import { Bonjour, type ServiceConfig } from 'bonjour-service';
import type { Log } from '../../core/ports.js';

/** What devices find by `_thinx._tcp` (RFC 6763): the HTTP port, and in TXT where MQTT is. */
export interface Announcement {
  readonly httpPort: number;
  readonly mqttPort: number;
}

/** The service as it is announced; its host name ends in `.local`, which is how devices resolve it (RFC 6762). */
export function serviceOf({ httpPort, mqttPort }: Announcement, host = hostname()): ServiceConfig {
  const [label = host] = host.split('.');
  return {
    name: `Firmwire gateway on ${label}`,
    type: 'thinx',
    protocol: 'tcp',
    host: `${label}.local`,
    port: httpPort,
    txt: { mqtt: String(mqttPort), http: String(httpPort) },
    // There is one gateway of this name: nothing to ask the network before, and devices find it at once.
    probe: false,
  };
}

/**
 * Announces the gateway by multicast DNS until it is closed. Where that is not possible the log says so, and devices
 * have to know the address.
 * @param address of the interface to announce it on; all of them without it
 */
export class MdnsAnnouncer {
  readonly #bonjour: Bonjour;

  constructor(announcement: Announcement, log: Log, address?: string) {
    let told = false;
    const failed = (err: unknown): void => {
      // Every few seconds it is tried again.
      if (!told) log.warn({ err }, 'the gateway cannot be announced by mDNS');
      told = true;
    };
    // Bound to one address, a socket would hear no multicast.
    const options: Partial<ServiceConfig> & { bind: string; interface?: string } = {
      bind: '0.0.0.0',
      ...(address !== undefined && { interface: address }),
    };
    this.#bonjour = new Bonjour(options, failed);
    // The library lets errors of its socket end the process; there is no other way to them.
    const { mdns }: { mdns: EventEmitter } = this.#bonjour['server'];
    mdns.on('error', failed);
    mdns.on('warning', failed);
    this.#bonjour.publish(serviceOf(announcement));
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#bonjour.unpublishAll(() => resolve()));
    await new Promise<void>((resolve) => this.#bonjour.destroy(() => resolve()));
  }
}
