import { FirmwireError } from '../../../core/errors.js';
import { bytesGone } from '../blob-files.js';

/** What an error of the SDK says, as far as it says it. */
interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** A store that is busy says one of these; nothing is wrong with what it was asked. */
const BUSY = new Set([408, 425, 429]);

/** What a store did not do for us, in words; holds nothing of the request, whose headers carry credentials. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';

  constructor(
    message: string,
    /** It was reached and will say so again: the bucket or the credentials are wrong. */
    readonly refused: boolean,
  ) {
    super(message);
  }
}

/** True if the store answered that there is no such object. */
export function isNoObject(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return name === 'NoSuchKey' || (name === 'NotFound' && $metadata?.httpStatusCode === 404);
}

/** Says what went wrong at `place`, and keeps nothing else of the SDK's error. */
export function describe(error: unknown, place: string): StoreFailure {
  const { name = 'Error', code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const refused =
    name === 'CredentialsProviderError' ||
    (status !== undefined && status >= 300 && status < 500 && !BUSY.has(status));
  const said = error instanceof Error ? error.message : '';
  const words = [name === 'Error' ? undefined : name, code, status, said].filter((word) => word);
  return new StoreFailure(`${place}: ${words.join(', ')}`, refused);
}

/** What a caller is told of an error of the SDK: the object is gone, or the store cannot be reached. */
export function asFailure(error: unknown, place: string): FirmwireError {
  if (error instanceof FirmwireError) return error;
  const cause = describe(error, place);
  return isNoObject(error) ? bytesGone(cause) : new FirmwireError('store_unavailable', undefined, { cause });
}
