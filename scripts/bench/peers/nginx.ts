import { mkdir, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { freePort } from '../port.js';
import { ServerProcess } from '../server-process.js';

/** One process without a master: what serves is the same, and there is no child that could be left behind. */
const configFor = (folder: string, port: number): string => `
daemon off;
master_process off;
user ${userInfo().username};
pid ${folder}/pid;
error_log /dev/null crit;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  open_file_cache max=10;
  client_body_temp_path ${folder}/tmp;
  proxy_temp_path ${folder}/tmp;
  fastcgi_temp_path ${folder}/tmp;
  uwsgi_temp_path ${folder}/tmp;
  scgi_temp_path ${folder}/tmp;
  server { listen 127.0.0.1:${port} backlog=4096; root ${folder}/www; }
}
`;

/** Debian's nginx, serving one file at `/image.bin` with sendfile; nothing is logged. */
export class NginxServer {
  private constructor(
    readonly process: ServerProcess,
    readonly httpPort: number,
    private readonly folder: string,
  ) {}

  static async start(bench: Bench, image: Uint8Array): Promise<NginxServer> {
    const folder = await bench.newFolder('nginx');
    try {
      const port = await freePort();
      const config = join(folder, 'nginx.conf');
      await Promise.all([mkdir(join(folder, 'www')), mkdir(join(folder, 'tmp'))]);
      await writeFile(join(folder, 'www', 'image.bin'), image);
      await writeFile(config, configFor(folder, port));
      const server = await ServerProcess.start(bench, {
        command: ['nginx', '-e', '/dev/null', '-p', folder, '-c', config],
        ready: port,
      });
      return new NginxServer(server, port, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
