/** Something a person can put right and that is no failure of the server: a missing file, a field that makes no sense. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
}

/**
 * The server's refusal: `{"error":{"code","message"}}`. `status` is the HTTP status; 0 with the code `unreachable`
 * means that no answer came at all, and `bad_answer` that what came is not Firmwire's.
 */
export class ApiError extends ClientError {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
