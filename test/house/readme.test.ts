import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { RedisServer } from '../support/redis-server.js';

const ROOT = new URL('../../../', import.meta.url);
const PROGRAM = fileURLToPath(new URL('../../scripts/firmwire.js', import.meta.url));

/** An ESP8266 image as far as an updater looks: magic, one segment, some bytes. */
const image = (seed: number): Buffer =>
  Buffer.concat([Buffer.from([0xe9, 1, 2, 0x40]), Buffer.alloc(40_000, seed)]);

const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, body = '']) => body,
  );

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Ends a child and what it started; it may have ended by itself. */
function endGroup(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    child.kill('SIGTERM');
  }
}

/** Resolves with the first line that matches; rejects when the program ends without one. */
async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  const seen: string[] = [];
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    seen.push(line);
    if (pattern.test(line)) return line;
  }
  throw new Error(`no line ${pattern} in:\n${seen.join('\n')}`);
}

describe('every README example runs', function () {
  this.timeout(60_000);
  let folder: string;
  let readme: string;
  let server: ChildProcess;
  let ports: { mqttPort: number; httpPort: number };
  const children: ChildProcess[] = [];

  /** Runs a block as a person would type it, with the ports of this test. */
  function run(script: string): ChildProcess {
    const local = script
      .replaceAll('localhost:7442', `127.0.0.1:${ports.httpPort}`)
      .replaceAll('-h localhost', `-h 127.0.0.1 -p ${ports.mqttPort}`)
      .replaceAll('curl ', 'curl --silent --show-error --fail ');
    const env = { ...process.env, PATH: `${folder}/bin${delimiter}${process.env['PATH']}` };
    const child = spawn('bash', ['-euc', local], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    children.push(child);
    return child;
  }

  async function output(child: ChildProcess): Promise<string> {
    const parts: string[] = [];
    child.stdout?.on('data', (chunk) => parts.push(String(chunk)));
    child.stderr?.on('data', (chunk) => parts.push(String(chunk)));
    const [code] = await once(child, 'close');
    expect(code, parts.join('')).to.equal(0);
    return parts.join('');
  }

  /** The block that contains this text. */
  function block(language: string, part: string): string {
    const found = blocksOf(readme, language).filter((body) => body.includes(part));
    expect(found, `blocks with ${part}`).to.have.length(1);
    return found[0] ?? '';
  }

  before(async () => {
    readme = await readFile(new URL('README.md', ROOT), 'utf8');
    folder = await mkdtemp(join(tmpdir(), 'firmwire-readme-'));
    await spawnShim();
    await writeFile(join(folder, 'firmware.bin'), image(1));
    await writeFile(join(folder, 'newer.bin'), image(2));
    const env = {
      ...process.env,
      FIRMWIRE_MQTT_PORT: '0',
      FIRMWIRE_HTTP_PORT: '0',
      FIRMWIRE_LOG_LEVEL: 'warn',
    };
    server = spawn(process.execPath, [PROGRAM, 'serve'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await lineOf(server, /Firmwire is ready/);
    ports = JSON.parse(await readFile(join(folder, 'data/runtime.json'), 'utf8'));
  });

  /** `npx firmwire` runs the program of this build. */
  async function spawnShim(): Promise<void> {
    await mkdir(join(folder, 'bin'));
    const shim = join(folder, 'bin/npx');
    await writeFile(shim, `#!/bin/sh\nshift\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
    await chmod(shim, 0o755);
  }

  after(async () => {
    for (const child of children) endGroup(child);
    const gone = once(server, 'exit');
    server.kill('SIGTERM');
    await gone;
    await rm(folder, { recursive: true, force: true });
  });

  it('names only npm scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8'));
    const named = blocksOf(readme, 'sh').flatMap((body) => [
      ...body.matchAll(/npm (?:run )?(start|test|demo)\b/g),
    ]);
    expect(named).to.have.length.greaterThan(2);
    for (const [, name = ''] of named) expect(scripts).to.have.property(name);
  });

  it('npm start ends the server when npm is told to end', async () => {
    const data = join(folder, 'started');
    const env = { ...process.env, FIRMWIRE_DATA: data, FIRMWIRE_MQTT_PORT: '0', FIRMWIRE_HTTP_PORT: '0' };
    const args = ['start', '--silent', '--ignore-scripts'];
    const npm = spawn('npm', args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    children.push(npm);
    await lineOf(npm, /Firmwire is ready/);
    const { pid } = JSON.parse(await readFile(join(data, 'runtime.json'), 'utf8'));
    npm.kill('SIGTERM');
    while (isAlive(pid)) await setImmediate();
    expect(await readdir(data)).to.not.include('runtime.json');
  });

  it('the ten minutes: devices appear, firmware is published, they install it', async () => {
    const simulate = run(block('sh', 'firmwire simulate'));
    await lineOf(simulate, /All are online/);
    const summary = lineOf(simulate, /5 installed, 0 failed/);
    expect(await output(run(block('sh', 'firmwire publish')))).to.match(/Published 1\.1\.0/);
    await summary;
  });

  it('the same over HTTP', async () => {
    const printed = await output(run(block('sh', 'curl -H')));
    expect(printed).to.include('"devices":').and.to.include('"version":"1.2.0"');
  });

  it('the same over MQTT', async () => {
    await lineOf(run(block('sh', 'mosquitto_sub')), /\/rtm\/devices\/.*"why":/);
  });

  for (const [file, part] of [
    ['README.md', 'Aedes.createBroker'],
    ['docs/library.md', 'firmwire.close()'],
  ] as const) {
    it(`the library example of ${file}`, async () => {
      const [example = ''] = blocksOf(await readFile(new URL(file, ROOT), 'utf8'), 'js').filter((b) =>
        b.includes(part),
      );
      expect(example.trim().split('\n').length).to.be.at.most(11);
      // Beside the build, so that 'firmwire' means this package.
      const path = fileURLToPath(new URL(`example-${process.pid}.mjs`, import.meta.url));
      await writeFile(path, example);
      try {
        const child = spawn(process.execPath, [path], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
        children.push(child);
        expect(await lineOf(child, /MQTT on/)).to.match(/MQTT on \d+, HTTP on \d+/);
        child.kill('SIGTERM');
      } finally {
        await rm(path, { force: true });
      }
    });
  }

  it('the sketch is no longer than it claims, and says what the wire wants', () => {
    const sketch = block('cpp', 'PubSubClient');
    expect(sketch.trim().split('\n').length).to.be.at.most(40);
    expect(sketch)
      .to.include('{ \\"status\\" : \\"disconnected\\" }')
      .and.to.include('/device/firmware?ott=');
  });

  it('a node on Redis', async () => {
    const redis = await RedisServer.start();
    try {
      const text = block('sh', 'FIRMWIRE_STORAGE=redis')
        .replace('db:6379', `127.0.0.1:${redis.port}`)
        .replace('/srv/firmware', join(folder, 'shared'));
      const node = run(
        `export FIRMWIRE_DATA=${join(folder, 'node')} FIRMWIRE_MQTT_PORT=0 FIRMWIRE_HTTP_PORT=0\n${text}`,
      );
      await lineOf(node, /Firmwire is ready/);
      expect(await redis.command('EXISTS', 'firmwire')).to.equal(1);
      const gone = once(node, 'close');
      endGroup(node);
      await gone;
    } finally {
      await redis.dispose();
    }
  });
});
