import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FirmwireProcess } from './firmwire-process.js';
import { assertNoSecrets, watchForSecrets } from './secrets.js';
import { newDataFolder } from './server-process.js';

/** Where a gateway finds its server. */
export interface Upstream {
  readonly httpsPort: number;
  readonly mqttsPort: number;
}

/** One running `firmwire connect`. */
export class GatewayProcess extends FirmwireProcess {
  httpPort = 0;
  mqttPort = 0;

  private constructor(
    readonly folder: string,
    args: readonly string[],
  ) {
    super(['connect', ...args], folder, { PATH: process.env['PATH'] });
  }

  /**
   * Starts a gateway on free ports of 127.0.0.1, to `localhost`, without mDNS; resolves once it says that it is ready.
   * @param ca the authority to trust, PEM
   * @param folder with the cache of a gateway before
   */
  static async before(
    upstream: Upstream,
    ca: string,
    more: readonly string[] = ['--no-mdns'],
    folder?: string,
  ): Promise<GatewayProcess> {
    const dir = folder ?? (await newDataFolder());
    const file = join(dir, 'ca.pem');
    await writeFile(file, ca);
    const places = [
      '--to',
      `https://localhost:${upstream.httpsPort}`,
      '--mqtts',
      `localhost:${upstream.mqttsPort}`,
    ];
    const ports = ['--host', '127.0.0.1', '--http-port', '0', '--mqtt-port', '0'];
    const gateway = new GatewayProcess(dir, [...places, ...ports, '--ca', file, ...more]);
    try {
      await gateway.said(more.includes('--no-mdns') ? 'MQTT goes to' : 'by mDNS');
    } catch (error) {
      await (folder === undefined ? gateway.dispose() : gateway.kill());
      throw error;
    }
    const [, http, mqtt] = /HTTP on port (\d+), MQTT on port (\d+)/.exec(gateway.out) ?? [];
    gateway.httpPort = Number(http);
    gateway.mqttPort = Number(mqtt);
    return gateway;
  }

  /** Ends it, however it is, and removes its folder. @throws Error if a secret has turned up */
  async dispose(): Promise<void> {
    await this.kill();
    watchForSecrets('the output of the gateway', this.out);
    watchForSecrets('the log of the gateway', this.err);
    const known = await readFile(join(this.folder, 'gateway', 'devices.json'), 'utf8').catch(() => '');
    watchForSecrets('what the gateway knows of devices', known);
    assertNoSecrets();
    await rm(this.folder, { recursive: true, force: true });
  }
}
