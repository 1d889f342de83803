import type { FastifyInstance } from 'fastify';
import type { MqttListener, TlsPort } from '../../../broker/listener.js';
import { FirmwireError } from '../../../core/errors.js';
import type { Clock, Log } from '../../../core/ports.js';
import { SecurePort } from '../../../http-fallback/secure-port.js';
import type { Settings } from '../../config/schema.js';
import { listenAnywhere } from '../listen.js';
import { Certificate } from './certificate.js';

const SECOND = 1000;

/**
 * The certificate that the settings name; undefined if they name none.
 * @throws FirmwireError `config_invalid` if one of the two files is missing or they cannot be used
 */
export async function openCertificate(
  { tls }: Settings,
  clock: Clock,
  log: Log,
): Promise<Certificate | undefined> {
  const { cert, key, clientCa, minVersion } = tls;
  if (tls.clients === 'required' && clientCa === '')
    throw new FirmwireError('config_invalid', 'tls.clientCa: missing; tls.clients is "required"');
  if (clientCa !== '' && cert === '')
    throw new FirmwireError('config_invalid', 'tls.cert: missing; tls.clientCa is for TLS');
  if (cert === '' && key === '') return undefined;
  if (cert === '' || key === '')
    throw new FirmwireError(
      'config_invalid',
      `${cert === '' ? 'tls.cert' : 'tls.key'}: missing; a certificate and its key go together`,
    );
  return Certificate.open({
    cert,
    key,
    clientCa,
    minVersion,
    handshakeMs: tls.handshakeSeconds * SECOND,
    checkMs: tls.checkSeconds * SECOND,
    clock,
    log,
  });
}

/** MQTTS and HTTPS, beside the plain ports. */
export class SecurePorts {
  readonly #settings: Settings;
  readonly #https: SecurePort;
  readonly #mqtts: MqttListener | undefined;

  /**
   * @param mqtts makes the MQTTS port; undefined on a broker of somebody's own, whose ports are theirs
   * @param failed a handshake has failed
   */
  constructor(
    settings: Settings,
    certificate: Certificate,
    app: FastifyInstance,
    mqtts: (tls: TlsPort) => MqttListener | undefined,
    failed: (error: Error) => void,
  ) {
    this.#settings = settings;
    const { options } = certificate;
    const { maxFragmentBytes } = settings.tls;
    const tls: TlsPort = { options, maxFragmentBytes, failed };
    this.#https = new SecurePort(app, tls);
    this.#mqtts = mqtts(tls);
    certificate.feed(this.#https.server);
    const server = this.#mqtts?.server;
    if (server && 'setSecureContext' in server) certificate.feed(server);
  }

  async listen(): Promise<{ mqttsPort: number | undefined; httpsPort: number }> {
    const { http, mqtt } = this.#settings;
    const httpsPort = await listenAnywhere(http.host, (host) => this.#https.listen(http.tlsPort, host));
    return { httpsPort, mqttsPort: await this.#mqtts?.listen(mqtt.tlsPort, mqtt.host) };
  }

  /** Takes no more MQTT connections; HTTP is answered until the end. */
  stop(): void {
    this.#mqtts?.stop();
  }

  async close(): Promise<void> {
    await Promise.all([this.#https.close(), this.#mqtts?.close()]);
  }
}
