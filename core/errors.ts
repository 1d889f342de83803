/**
 * Every failure Firmwire names, with the sentence a person reads when nothing more exact is known.
 * The codes are a public interface: they go over the wire (wire.md section 4), into the API and the docs,
 * and never change their meaning. Codes in odd spellings are the ones devices in the field already know.
 */
export const ERROR_TEXTS = {
  // Device protocol, POST /device/register
  no_body: 'The request has no body.',
  request_invalid: 'The body has no "registration" object with at least one field.',
  authentication_error: 'No API key was sent in the Authentication header.',
  apikey_not_found: 'This API key is not known.',
  owner_found_but_no_key: 'This owner has no such API key.',
  key_of_other_device: 'This API key is bound to another device.',
  'invalid owner': 'This is not an owner id.',
  certificate_required: 'A device has to show a certificate that this server trusts.',
  certificate_of_other_device: 'The certificate is that of another device.',
  admission_closed: 'New devices are not admitted; the owner has to register them.',
  // Device protocol, /device/firmware
  authentication: 'No valid API key was sent in the Authentication header.',
  missing_mac: 'The request names no MAC address.',
  no_such_device: 'There is no such device.',
  UPDATE_NOT_FOUND: 'There is no firmware for this device.',
  OTT_MISSING: 'The request carries no one-time token.',
  OTT_UPDATE_NOT_FOUND: 'This one-time token is unknown, expired or used.',
  not_enough_space: 'The image is larger than the free space the device reports.',
  range_not_satisfiable: 'The requested range lies outside the firmware.',
  too_many_devices: 'This owner has as many devices as the server admits.',
  too_many_downloads: 'Too many downloads are under way; try again in a moment.',
  throttled: 'Too many failed requests; try again later.',
  // The local gateway (docs/gateway.md)
  attempt_over: 'This attempt to hand over a firmware is over, or there never was one of this name.',
  uplink_down: 'The gateway cannot reach its server; try again in a moment.',
  proxy_refused: 'This gateway carries requests to its own server only.',
  gateway_busy: 'The gateway has as many devices as it can serve; try again in a moment.',
  // Owner API
  unauthorized: 'An owner key is needed: Authorization: Bearer <ownerKey>.',
  forbidden: 'The scope of this key does not allow this; an owner key does.',
  firmware_not_found: 'There is no such firmware.',
  notice_not_found: 'There is no open question with this id.',
  key_not_found: 'There is no such API key.',
  key_in_use: 'This is the last owner key that does not expire; make another one first.',
  not_newer:
    'This firmware is not newer than what the device runs; send "forced" to install it all the same.',
  wrong_target: 'This firmware is not meant for this device.',
  version_exists: 'This version exists already for the same target with other bytes.',
  rollout_not_found: 'There is no such rollout.',
  rollout_state: 'This cannot be done to a rollout in this state.',
  rollout_exists: 'This firmware is being rolled out already.',
  already_released: 'This firmware is offered to every device already; publish it with rollout=none.',
  image_empty: 'The firmware file is empty.',
  image_refused: 'The updater of this platform would refuse this image.',
  image_too_large: 'The firmware is larger than the server accepts (http.maxUploadBytes).',
  field_invalid: 'A field is missing or has a value that is not allowed.',
  upload_invalid: 'The upload is not well-formed multipart/form-data with fields before files.',
  // Signed firmware
  signature_required: 'This server takes signed firmware only; publish it with a manifest.',
  signature_invalid: 'The signature does not belong to this manifest: it was changed after it was signed.',
  signer_unknown: 'The key that signed this is not one that the owner trusts.',
  signer_exists: 'The owner trusts this key already.',
  signers_full: 'The owner trusts 32 keys, and no more; remove one first.',
  signer_not_found: 'The owner trusts no such key.',
  manifest_malformed: 'The manifest cannot be read.',
  manifest_mismatch: 'The manifest is about something else than what was uploaded.',
  manifest_expired: 'The manifest has expired; sign the firmware anew.',
  sequence_too_low:
    'A manifest with this sequence or a higher one has been published before; sign anew with a higher one.',
  // Backup and restore
  backup_invalid: 'The file is damaged or is not a backup of Firmwire.',
  backup_newer: 'The backup was made by a newer version of Firmwire.',
  firmware_damaged: 'The bytes of a firmware are missing or are not what they were.',
  store_not_empty: 'The store is not empty.',
  store_restoring: 'A restore into this store has not ended; repeat it with firmwire restore --force.',
  store_damaged: 'The store is damaged; put a backup in its place with firmwire restore.',
  store_lost: 'The store is gone; put a backup in its place with firmwire restore.',
  server_running: 'A server is running on this data folder; stop it first.',
  // Everywhere
  not_found: 'There is nothing at this address.',
  url_invalid: 'The address cannot be read.',
  body_invalid: 'The body cannot be read.',
  body_too_large: 'The body is larger than this address accepts.',
  store_unavailable: 'The store cannot be reached; try again in a moment.',
  store_emptied: 'The store has been emptied; whoever runs the server has to restore it.',
  storage_full: 'The disk of the server is full; whoever runs it has to make room.',
  draining: 'The server is shutting down; try again in a moment.',
  tls_required: 'This server is spoken to over TLS only.',
  config_invalid: 'The configuration is not valid.',
  internal: 'Something went wrong on the server; its log says what.',
} as const;

/** A stable name for a kind of failure. */
export type ErrorCode = keyof typeof ERROR_TEXTS;

/** A failure that the caller may be told: its code is stable, its message is for a person. */
export class FirmwireError extends Error {
  override readonly name = 'FirmwireError';

  constructor(
    readonly code: ErrorCode,
    message: string = ERROR_TEXTS[code],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const PASSING: ReadonlySet<ErrorCode> = new Set(['store_unavailable', 'store_emptied', 'storage_full']);

/** True for a failure of the store that will pass: the same may be tried again. */
export const isStoreFailure = (error: unknown): boolean =>
  error instanceof FirmwireError && PASSING.has(error.code);
