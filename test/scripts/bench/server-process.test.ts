import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Bench } from '../../../scripts/bench/bench.js';
import { freePort } from '../../../scripts/bench/port.js';
import { ServerProcess } from '../../../scripts/bench/server-process.js';
import { newBench } from './harness.js';

const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it did not reject',
    (error: Error) => error.message,
  );

describe('bench: a server process', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = newBench();
  });
  afterEach(() => bench.close());

  const start = (script: string, ready: RegExp | number, env = {}): Promise<ServerProcess> =>
    ServerProcess.start(bench, { command: [process.execPath, '-e', script], ready, env });

  it('is ready with the line that says so, and keeps what that says', async () => {
    const script = "console.log('soon'); console.log('port', process.env.SOME); setInterval(() => {}, 1e6)";
    const server = await start(script, /^port (\d+)$/, { SOME: '7' });
    expect(server.said).to.deep.equal(['7']);
  });

  it('is ready when somebody listens on its port', async () => {
    const port = await freePort();
    const server = await start(`setTimeout(() => require('http').createServer().listen(${port}), 200)`, port);
    expect(server.said).to.deep.equal([]);
    await server.kill();
  });

  for (const [how, ready] of [
    ['a line', /^never$/],
    ['a port', 1],
  ] as const)
    it(`that ends instead of being ready with ${how} is told with what it wrote to stderr`, async () => {
      const told = await refusal(start("console.error('out of', 'luck'); process.exit(3)", ready));
      expect(told).to.include('ended before it was ready:\nout of luck');
    });

  it('that is not installed is told by its name', async () => {
    const told = await refusal(ServerProcess.start(bench, { command: ['no-such-server'], ready: 1 }));
    expect(told).to.match(/^no-such-server ended before it was ready:\n.*no-such-server/);
  });

  it('runs on the core of the server and no other', async () => {
    const server = await start("console.log('ready'); setInterval(() => {}, 1e6)", /^ready$/);
    expect(readFileSync(`/proc/${server.pid}/status`, 'utf8')).to.match(
      new RegExp(`^Cpus_allowed_list:\\s+${bench.cores.server}$`, 'm'),
    );
  });

  it('answers what it is asked, as often as it is asked', async () => {
    const echo = "process.on('message', (m) => process.send(m + m)); console.log('ready')";
    const server = await start(echo, /^ready$/);
    expect(await server.ask<string>('a')).to.equal('aa');
    expect(await server.ask<string>('b')).to.equal('bb');
  });

  it('that ends instead of answering is told', async () => {
    const server = await start(
      "process.on('message', () => process.exit()); console.log('ready')",
      /^ready$/,
    );
    expect(await refusal(server.ask('?'))).to.equal('The server ended instead of answering.');
  });

  it('is gone once it is killed, and can be killed again', async () => {
    const server = await start("console.log('ready'); setInterval(() => {}, 1e6)", /^ready$/);
    await server.kill();
    expect(() => process.kill(server.pid, 0)).to.throw('ESRCH');
    await server.kill();
  });

  it('may finish what it does if it is ended by SIGTERM', async () => {
    const script = `process.on('SIGTERM', () => setTimeout(() => process.exit(), 300)); console.log('ready');
      setInterval(() => {}, 1e6)`;
    const server = await start(script, /^ready$/);
    const begun = Date.now();
    await server.kill('SIGTERM');
    expect(Date.now() - begun).to.be.at.least(290);
  });
});
