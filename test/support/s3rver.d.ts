/** The part of s3rver that tests use; the package has no types of its own. */
declare module 's3rver' {
  import type { Server } from 'node:http';
  import type { AddressInfo } from 'node:net';

  interface Options {
    readonly address: string;
    readonly port: number;
    readonly directory: string;
    readonly silent: boolean;
    readonly configureBuckets: readonly { readonly name: string }[];
  }

  interface StoredObject {
    readonly bucket: string;
    readonly key: string;
  }

  export default class S3rver {
    constructor(options: Options);
    /** Set once it runs. */
    readonly httpServer: Server;
    readonly store: {
      putObject(object: StoredObject): Promise<{ readonly size: number; readonly md5: string }>;
      getResourcePath(bucket: string, key: string, resource: string): string;
    };
    run(): Promise<AddressInfo>;
    close(): Promise<void>;
  }
}
