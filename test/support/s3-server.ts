import { mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import S3rver from 's3rver';

const BUCKET = 'firmware';
/** The only key pair that s3rver knows. */
const KEY = 'S3RVER';

/** A real S3 server on a free port of this machine, with one bucket in a folder of its own. */
export class S3Server {
  /** `GET /firmware/<key>`, in the order in which they came. */
  readonly requests: string[] = [];
  /** With which digest of its body each request was signed. */
  readonly signed: unknown[] = [];
  readonly #folder: string;
  /** Called with the method of each request, before it is answered. */
  onRequest: (method: string) => void = () => {};
  #server: S3rver | undefined;
  #port = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await mkdtemp(join(tmpdir(), 'firmwire-s3-')));
    await server.run();
    return server;
  }

  /** How to reach it, as `openS3` wants it. */
  where(prefix: string) {
    return {
      bucket: BUCKET,
      endpoint: `http://127.0.0.1:${this.#port}`,
      region: 'us-east-1',
      prefix,
      accessKeyId: KEY,
      secretAccessKey: KEY,
      pathStyle: true,
    };
  }

  /** Starts it, also again after `stop`, on the same port and with the same objects. */
  async run(): Promise<void> {
    const server = new S3rver({
      address: '127.0.0.1',
      port: this.#port,
      directory: this.#folder,
      silent: true,
      configureBuckets: [{ name: BUCKET }],
    });
    // s3rver answers a PUT before all of it is in its file; S3 does not.
    const put = server.store.putObject.bind(server.store);
    server.store.putObject = async (object) => {
      const done = await put(object);
      const path = server.store.getResourcePath(object.bucket, object.key, 'object');
      while ((await stat(path)).size < done.size) await setImmediate();
      return done;
    };
    this.#port = (await server.run()).port;
    server.httpServer.on('request', ({ method, url, headers }) => {
      this.requests.push(`${method} ${url}`);
      this.signed.push(headers['x-amz-content-sha256']);
      this.onRequest(`${method}`);
    });
    this.#server = server;
  }

  /** Nobody answers any more; connections are cut. */
  async stop(): Promise<void> {
    const closing = this.#server?.close();
    this.#server?.httpServer.closeAllConnections();
    this.#server = undefined;
    await closing;
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true });
  }

  /** The file in which an object lies. */
  path(key: string): string {
    return join(this.#folder, BUCKET, `${key}._S3rver_object`);
  }

  /** The keys of all objects in a folder, without its name. */
  async keys(folder: string): Promise<string[]> {
    const names = await readdir(join(this.#folder, BUCKET, folder)).catch(() => []);
    return names.flatMap((name) => /^(.*)\._S3rver_object$/.exec(name)?.[1] ?? []);
  }

  /** Makes an object look stored so long ago. */
  async age(key: string, ms: number): Promise<void> {
    const then = new Date(Date.now() - ms);
    await utimes(this.path(key), then, then);
  }

  /** How often this was asked for one object. */
  count(method: string, key: string): number {
    return this.requests.filter((line) => line.startsWith(`${method} /${BUCKET}/${key}`)).length;
  }
}
