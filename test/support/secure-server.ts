import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Pair, type TestAuthority, testAuthority } from './certificates.js';
import { GatewayProcess } from './gateway-process.js';
import { newDataFolder, type Overrides, ServerProcess } from './server-process.js';

/** Starts a server; how its devices and owners speak to it is decided here. */
export type Start = (overrides?: Overrides) => Promise<ServerProcess>;

export const startPlain: Start = (overrides) => ServerProcess.start(overrides);

/** As `startPlain`; devices and owners of the tests speak TLS to it. */
export const startSecure: Start = async (overrides) => (await secureServer(overrides)).server;

/** As `startPlain`; devices and owners of the tests speak to a gateway that speaks TLS to it. */
export const startBehindGateway: Start = async (overrides) => {
  const { server, authority } = await secureServer(overrides);
  try {
    server.through = await GatewayProcess.before(server, authority.ca);
    server.ca = undefined;
    return server;
  } catch (error) {
    await server.dispose();
    throw error;
  }
};

/** A server with a certificate, and the authority that issued it. */
export interface SecureServer {
  readonly server: ServerProcess;
  readonly authority: TestAuthority;
  /** The files of its settings `tls.cert` and `tls.key`. */
  readonly cert: string;
  readonly key: string;
}

export async function secureServer(overrides: Overrides = {}): Promise<SecureServer> {
  const [data, authority] = await Promise.all([newDataFolder(), testAuthority()]);
  const [cert, key] = [join(data, 'cert.pem'), join(data, 'key.pem')];
  await writePair(await authority.server('localhost', '127.0.0.1'), cert, key);
  const server = await ServerProcess.start({ TLS_CERT: cert, TLS_KEY: key, ...overrides }, data);
  server.ca = authority.ca;
  return { server, authority, cert, key };
}

/** Writes a pair in the place of the one before. */
export async function writePair(pair: Pair, cert: string, key: string): Promise<void> {
  await writeFile(key, pair.key, { mode: 0o600 });
  await writeFile(cert, pair.cert);
}
