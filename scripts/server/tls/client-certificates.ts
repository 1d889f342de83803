import { TLSSocket } from 'node:tls';
import type { CertificateRule } from '../../../core/certificate-rule.js';
import { isUdid } from '../../../core/topics.js';
import type { Settings } from '../../config/schema.js';

/** The rule of `tls.clientCa`; undefined where no authority for certificates of devices is set. */
export function certificateRule({ tls }: Settings): CertificateRule | undefined {
  if (tls.clientCa === '') return undefined;
  return {
    required: tls.clients === 'required',
    nameOf(connection) {
      if (!(connection instanceof TLSSocket) || !connection.authorized) return undefined;
      const name = connection.getPeerCertificate().subject?.CN;
      return typeof name === 'string' && isUdid(name) ? name : undefined;
    },
  };
}
