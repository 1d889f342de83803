import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import type { FirmwireError } from '../../../core/errors.js';
import type { Log } from '../../../core/ports.js';
import { isDigest, READ_BYTES } from '../blob-files.js';
import { asFailure, describe, isNoObject } from './failures.js';

/** Where a bucket is and how to get in. */
export interface BucketOptions {
  readonly bucket: string;
  /** Empty: the one that AWS has for the region. */
  readonly endpoint: string;
  readonly region: string;
  /** What the name of every object begins with. */
  readonly prefix: string;
  /** Both empty: what the environment, the shared files of AWS or the machine's role give. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The bucket's name stands in the path, not in the host name. */
  readonly pathStyle: boolean;
}

/** How long a store may take, in ms. */
export interface Patience {
  readonly connectMs: number;
  /** Without a single byte. */
  readonly silentMs: number;
  /** Until an answer begins, all tries together. */
  readonly answerMs: number;
}

const PATIENCE: Patience = { connectMs: 2000, silentMs: 5000, answerMs: 5000 };

/** The first try, and one more: the connection that was kept open may have been closed by the other side. */
const TRIES = 2;

/** Bytes a ms. A store that is slower than this counts as away, or a drop now and then would hold a download for ever. */
const SLOWEST = 256;

/** A store that is away is told to the log this often, in ms: every download would say it. */
const TELL_EVERY_MS = 10_000;

/** An object as a listing shows it. */
export interface ObjectFacts {
  readonly size: number;
  /** ms since the epoch, by the store's clock; NaN, which is neither fresh nor old, if it does not say. */
  readonly modifiedAt: number;
}

/** Bytes on their way from the store; whoever does not read them to the end destroys `body`. */
export interface Incoming {
  readonly size: number;
  readonly body: Readable;
}

/**
 * The objects of one bucket that are named by a SHA-256. Everything rejects with FirmwireError `store_unavailable` if
 * the store is away, slow or refuses; its `cause` says why, and never holds a secret.
 */
export class FirmwareBucket {
  /** For a person. */
  readonly place: string;
  readonly #client: S3Client;
  readonly #options: BucketOptions;
  readonly #patience: Patience;
  readonly #log: Log;
  #toldAt = 0;

  constructor(options: BucketOptions, log: Log, patience: Patience = PATIENCE) {
    this.#options = options;
    this.#log = log;
    this.#patience = patience;
    this.#client = new S3Client(clientConfig(options, patience));
    const at = options.endpoint || `AWS in ${options.region}`;
    this.place = `S3 bucket "${options.bucket}" at ${at}`;
  }

  /** @throws StoreFailure if the bucket cannot be listed */
  async check(): Promise<void> {
    const { bucket, prefix } = this.#options;
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 });
    try {
      await this.#within(this.#patience.answerMs, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
    } catch (error) {
      throw describe(error, this.place);
    }
  }

  /** Undefined if there is no such object. */
  async head(sha256: string): Promise<ObjectFacts | undefined> {
    const command = new HeadObjectCommand(this.#at(sha256));
    try {
      const { ContentLength = 0, LastModified } = await this.#within(this.#patience.answerMs, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      return { size: ContentLength, modifiedAt: LastModified?.getTime() ?? Number.NaN };
    } catch (error) {
      if (isNoObject(error)) return undefined;
      throw this.failure(error);
    }
  }

  /** Durable once it resolves. The store refuses bytes on which the digest does not fit. */
  async put(sha256: string, path: string, size: number): Promise<void> {
    for (let turn = 1; ; turn += 1) {
      try {
        return await this.#put(sha256, path, size);
      } catch (error) {
        // The SDK does not send a stream twice.
        const final = turn === TRIES || isTooSlow(error) || describe(error, this.place).refused;
        if (final) throw this.failure(error);
      }
    }
  }

  /** @throws FirmwireError `firmware_not_found`; `body` may end with an error of any kind: see `failure` */
  async get(sha256: string, start?: number, end = 0): Promise<Incoming> {
    const range = start === undefined ? {} : { Range: `bytes=${start}-${end - 1}` };
    const command = new GetObjectCommand({ ...this.#at(sha256), ...range });
    try {
      const {
        Body,
        ContentLength: size = 0,
        ContentRange,
      } = await this.#within(this.#patience.answerMs, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      const body = Body as Readable;
      if (start !== undefined && !ContentRange?.startsWith(`bytes ${start}-`)) {
        body.destroy();
        throw new Error('it does not answer the range that it was asked for');
      }
      const late = setTimeout(() => body.destroy(tooSlow()), this.#msFor(size)).unref();
      return { size, body: body.once('close', () => clearTimeout(late)) };
    } catch (error) {
      throw this.failure(error);
    }
  }

  async remove(sha256: string): Promise<void> {
    const command = new DeleteObjectCommand(this.#at(sha256));
    try {
      await this.#within(this.#patience.answerMs, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
    } catch (error) {
      if (!isNoObject(error)) throw this.failure(error);
    }
  }

  /** Every object whose name is the prefix and a SHA-256, a page of 1000 at a time. */
  async *list(): AsyncIterable<ObjectFacts & { readonly sha256: string }> {
    const { bucket, prefix } = this.#options;
    let from: string | undefined;
    do {
      const token = from === undefined ? {} : { ContinuationToken: from };
      const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...token });
      const page = await this.#within(this.#patience.answerMs, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      ).catch((error: unknown) => {
        throw this.failure(error);
      });
      for (const { Key = '', Size: size = 0, LastModified } of page.Contents ?? []) {
        const sha256 = Key.slice(prefix.length);
        if (isDigest(sha256)) yield { sha256, size, modifiedAt: LastModified?.getTime() ?? Number.NaN };
      }
      from = page.NextContinuationToken;
    } while (from !== undefined);
  }

  /** What to tell a caller of an error, such as the one with which a body ended; why stands in the log, too. */
  failure(error: unknown): FirmwireError {
    const failure = asFailure(error, this.place);
    const now = Date.now();
    if (failure.code === 'store_unavailable' && now >= this.#toldAt + TELL_EVERY_MS) {
      this.#toldAt = now;
      this.#log.warn({ err: failure.cause }, 'the store of firmware bytes cannot be reached');
    }
    return failure;
  }

  async #put(sha256: string, path: string, size: number): Promise<void> {
    const body = createReadStream(path, { highWaterMark: READ_BYTES });
    const command = new PutObjectCommand({ ...this.#at(sha256), Body: body, ContentLength: size });
    // Signed with the request, and compared by the store with what arrived: every store knows this header, and
    // several refuse a request with those of the newer checksums.
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers['x-amz-content-sha256'] = sha256;
        return next(args);
      },
      { step: 'build' },
    );
    const broken = new Promise<never>((_, reject) => body.once('error', reject));
    try {
      await this.#within(this.#msFor(size), (abortSignal) =>
        Promise.race([broken, this.#client.send(command, { abortSignal })]),
      );
    } finally {
      body.destroy();
    }
  }

  #msFor(size: number): number {
    return this.#patience.answerMs + size / SLOWEST;
  }

  /** Ends what takes longer; a body that has begun is not concerned. */
  async #within<T>(ms: number, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const patience = new AbortController();
    const late = setTimeout(() => patience.abort(tooSlow()), ms);
    try {
      return await action(patience.signal);
    } catch (error) {
      throw patience.signal.aborted ? patience.signal.reason : error;
    } finally {
      clearTimeout(late);
    }
  }

  #at(sha256: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#options.prefix + sha256 };
  }
}

const TOO_SLOW = 'TooSlow';
const tooSlow = (): Error => Object.assign(new Error('it took too long'), { name: TOO_SLOW });
const isTooSlow = (error: unknown): boolean => error instanceof Error && error.name === TOO_SLOW;

/** The SDK would write to the console; what matters comes as an error. */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function clientConfig(options: BucketOptions, patience: Patience): S3ClientConfig {
  const { endpoint, region, accessKeyId, secretAccessKey, pathStyle } = options;
  return {
    region,
    logger: SILENT,
    forcePathStyle: pathStyle,
    maxAttempts: TRIES,
    // Some stores never answer it; what they would refuse is found out by the request before.
    expectContinueHeader: false,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: patience.connectMs, socketTimeout: patience.silentMs },
    ...(endpoint !== '' && { endpoint }),
    ...(accessKeyId !== '' && { credentials: { accessKeyId, secretAccessKey } }),
  };
}
