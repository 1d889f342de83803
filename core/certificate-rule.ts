import type { Principal } from './account.js';
import { FirmwireError } from './errors.js';

/** What certificates of devices are worth, where an authority for them is set (mutual TLS). */
export interface CertificateRule {
  /** True: a device without one is refused. Owners are known by their keys. */
  readonly required: boolean;
  /** The UDID in a verified certificate of this connection; undefined if there is none. */
  nameOf(connection: object): string | undefined;
}

/**
 * Binds who speaks as a device to the certificate of the connection, as to a key that is bound to one device.
 * @throws FirmwireError `certificate_required`; `certificate_of_other_device` if the key is bound to another one
 */
export function boundBy(
  principal: Principal,
  rule: CertificateRule | undefined,
  connection: object,
): Principal {
  const name = rule?.nameOf(connection);
  if (name === undefined) {
    if (rule?.required) throw new FirmwireError('certificate_required');
    return principal;
  }
  if (principal.device !== undefined && principal.device !== name)
    throw new FirmwireError('certificate_of_other_device');
  return { ...principal, device: name };
}
