import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { expect } from 'chai';
import { PROGRAM } from '../support/firmwire-process.js';
import { freePort, RedisServer } from '../support/redis-server.js';
import { newDataFolder } from '../support/server-process.js';

const SECRET = 'not-for-the-log';
/** A server that starts after all is ended by then; one that waits for Redis gives up after 10 s. */
const MOST_MS = 40_000;

interface Case {
  readonly name: string;
  readonly url: () => string;
  /** What the one line on stderr names, besides where Redis is. */
  readonly told: RegExp;
  readonly where?: () => string;
  readonly exitCode?: number;
}

const WAITS = /cannot be reached|replica/;

interface Outcome {
  readonly exitCode: unknown;
  readonly out: string;
  readonly err: string;
  readonly files: readonly string[];
}

/** `firmwire serve`, to its end. */
async function serve(url: string): Promise<Outcome> {
  const data = await newDataFolder();
  const env = {
    PATH: process.env['PATH'],
    FIRMWIRE_DATA: data,
    FIRMWIRE_MQTT_PORT: '0',
    FIRMWIRE_HTTP_PORT: '0',
    FIRMWIRE_STORAGE: 'redis',
    FIRMWIRE_REDIS_URL: url,
  };
  try {
    const ended = await new Promise<Omit<Outcome, 'files'>>((resolve) => {
      const options = { cwd: data, env, timeout: MOST_MS };
      execFile(process.execPath, [PROGRAM, 'serve'], options, (error, out, err) =>
        resolve({ exitCode: error ? (error.code ?? error.signal) : 0, out, err }),
      );
    });
    return { ...ended, files: await readdir(data) };
  } finally {
    await rm(data, { recursive: true });
  }
}

describe('firmwire serve with a Redis that cannot be used', function () {
  this.timeout(60_000);
  const servers: Record<string, RedisServer> = {};
  const at = (name: string): string => `127.0.0.1:${servers[name]?.port}`;
  let nowhere = 0;

  const CASES: readonly Case[] = [
    {
      name: 'a wrong password',
      url: () => `redis://:${SECRET}@${at('locked')}`,
      told: /WRONGPASS/,
      where: () => at('locked'),
    },
    { name: 'no password', url: () => `redis://${at('locked')}`, told: /NOAUTH/, where: () => at('locked') },
    {
      name: 'nobody there',
      url: () => `redis://:${SECRET}@127.0.0.1:${nowhere}`,
      told: /cannot be reached.*ECONNREFUSED/,
      where: () => `127.0.0.1:${nowhere}`,
    },
    {
      name: 'a host that does not exist',
      url: () => `redis://:${SECRET}@redis.invalid:6379`,
      told: /cannot be reached/,
      where: () => 'redis.invalid:6379',
    },
    {
      name: 'Sentinels that are not there',
      url: () => `redis+sentinel://:${SECRET}@127.0.0.1:${nowhere}/fleet`,
      told: /cannot be reached/,
      where: () => `127.0.0.1:${nowhere}`,
    },
    // Wrong use, as any setting that makes no sense: seen before anything is tried.
    { name: 'a cluster url', url: () => `cluster://:${SECRET}@${at('plain')}`, told: /Cluster/, exitCode: 2 },
    {
      name: 'a Redis in cluster mode',
      url: () => `redis://${at('cluster')}`,
      told: /Cluster/,
      where: () => at('cluster'),
    },
    {
      name: 'a replica',
      url: () => `redis://${at('replica')}`,
      told: /replica/,
      where: () => at('replica'),
    },
    {
      name: 'a newer format',
      url: () => `redis://${at('newer')}`,
      told: /newer version.*99/,
      where: () => at('newer'),
    },
    {
      name: "another program's key",
      url: () => `redis://${at('foreign')}`,
      told: /another program/,
      where: () => at('foreign'),
    },
  ];
  const running = new Map<string, Promise<Outcome>>();

  before(async () => {
    nowhere = await freePort();
    servers['plain'] = await RedisServer.start();
    servers['newer'] = await RedisServer.start();
    servers['foreign'] = await RedisServer.start();
    servers['locked'] = await RedisServer.start({ args: ['--requirepass', 'right'] });
    servers['cluster'] = await RedisServer.start({ args: ['--cluster-enabled', 'yes'] });
    const args = ['--replicaof', '127.0.0.1', `${servers['plain'].port}`];
    servers['replica'] = await RedisServer.start({ args });
    await servers['newer'].command('HSET', 'firmwire', 'format', 'firmwire', 'version', '99', 'id', 'x');
    await servers['foreign'].command('SET', 'firmwire', 'mine');
    // Those that wait for Redis for 10 s wait together, while the others take their turns.
    let before: Promise<unknown> = Promise.resolve();
    for (const { name, url, told } of CASES) {
      const outcome = WAITS.test(told.source) ? serve(url()) : before.then(() => serve(url()));
      if (!WAITS.test(told.source)) before = outcome;
      running.set(name, outcome);
    }
  });
  after(() => Promise.all(Object.values(servers).map((server) => server.dispose())));

  for (const { name, told, where, exitCode = 1 } of CASES)
    it(`${name}: ends with one line that says so and shows no password`, async () => {
      const outcome = await running.get(name);
      // Besides the log, which is JSON.
      expect(outcome?.err.replace(/^\{.*\n/gm, ''))
        .to.match(/^firmwire: [^\n]+\n$/)
        .and.to.match(told);
      if (where) expect(outcome?.err).to.include(where());
      expect(`${outcome?.err}${outcome?.out}`).not.to.include(SECRET);
      expect(outcome?.exitCode).to.equal(exitCode);
      expect(outcome?.out).to.equal('');
      expect(outcome?.files, 'what was made of the data folder').to.deep.equal([]);
    });
});
