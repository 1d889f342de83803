import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import type { Server } from '../../../scripts/client/credentials.js';
import { ClientError } from '../../../scripts/client/errors.js';
import { type SimulateOptions, simulate } from '../../../scripts/commands/simulate.js';
import { madeUpImage } from '../../../scripts/simulator/made-up-image.js';
import { httpAnswer } from '../simulator/fake-http.js';
import { TinyServer } from '../simulator/tiny-server.js';

const IMAGE = madeUpImage(20_000, 'test');

/** Collects what a command prints, and tells when a piece of text has been printed. */
class Printed {
  readonly stream = new PassThrough();
  text = '';

  constructor() {
    this.stream.on('data', (bytes) => {
      this.text += bytes;
    });
  }

  async has(part: string): Promise<void> {
    while (!this.text.includes(part)) await once(this.stream, 'data');
  }
}

describe('firmwire simulate', () => {
  let tiny: TinyServer;
  let server: Server;
  let out: Printed;
  let err: Printed;

  beforeEach(async () => {
    ({ tiny, server } = await TinyServer.start(IMAGE));
    out = new Printed();
    err = new Printed();
  });
  afterEach(() => tiny.close());

  function run(change: Partial<SimulateOptions> = {}, signal?: AbortSignal): Promise<number> {
    const options: SimulateOptions = {
      server,
      devices: 20,
      platform: 'arduino:esp8266',
      version: '1.0.0',
      autoUpdate: true,
      timeoutSeconds: 15,
      json: false,
      ...change,
    };
    return simulate(options, { out: out.stream, err: err.stream, ...(signal && { signal }) });
  }

  it('says what to do next, waits, and ends with 0 when all have installed', async () => {
    const ended = run();
    await out.has('npx firmwire publish FILE --version 1.1.0 --platform arduino:esp8266');
    await tiny.publish('1.1.0');
    expect(await ended).to.equal(0);
    expect(out.text).to.include('20 installed, 0 failed, 0 declined, 0 not settled, of 20 devices');
    expect(out.text).to.match(/from publish to installed: p50 \d+ ms, p99 \d+ ms\n/);
    expect(out.text).not.to.include('broke the wire contract');
    expect(tiny.http.requests).to.have.length(20);
  });

  it('prints nothing but JSON on stdout if asked to', async () => {
    const ended = run({ json: true });
    await err.has('npx firmwire publish');
    await tiny.publish('1.1.0');
    expect(await ended).to.equal(0);
    expect(JSON.parse(out.text)).to.include({ devices: 20, online: 20, installed: 20, failed: 0 });
    expect(JSON.parse(out.text)).to.include.keys('p50', 'p99', 'seconds');
  });

  it('approves for the owner', async () => {
    const ended = run({ autoUpdate: false, ownerSays: 'yes' });
    await out.has('npx firmwire publish');
    await tiny.publish('1.1.0');
    expect(await ended).to.equal(0);
    expect(out.text).to.include('20 installed, 0 failed');
  });

  it('declines for the owner, which settles too', async () => {
    const ended = run({ autoUpdate: false, ownerSays: 'no' });
    await out.has('npx firmwire publish');
    await tiny.publish('1.1.0');
    expect(await ended).to.equal(0);
    expect(out.text).to.include('0 installed, 0 failed, 20 declined');
    expect(tiny.http.requests).to.have.length(0);
  });

  it('ends with 1 when devices have failed', async () => {
    tiny.http.answer = () => httpAnswer(200, IMAGE, { 'x-MD5': '0'.repeat(32) });
    const ended = run({ devices: 3 });
    await out.has('npx firmwire publish');
    await tiny.publish('1.1.0');
    expect(await ended).to.equal(1);
    expect(out.text).to.include('0 installed, 3 failed');
  });

  it('says why devices cannot connect', async () => {
    tiny.broker.authenticate = (client, _user, _password, done) => done(null, client.id.startsWith('owner'));
    const interrupt = new AbortController();
    const ended = run({ devices: 3 }, interrupt.signal);
    await out.has('A device cannot connect or check in: Connection refused: Not authorized');
    interrupt.abort();
    expect(await ended).to.equal(1);
    expect(out.text).to.include('3 not settled');
    expect(out.text.split('A device cannot')).to.have.length(2);
  });

  it('ends with 1 when it is interrupted', async () => {
    const interrupt = new AbortController();
    const ended = run({}, interrupt.signal);
    await out.has('npx firmwire publish');
    interrupt.abort();
    expect(await ended).to.equal(1);
    expect(out.text).to.include('20 not settled');
  });

  it('says so when there is no server', async () => {
    const error = await run({ server: { ...server, mqttUrl: 'mqtt://127.0.0.1:1' } }).catch(
      (reason) => reason,
    );
    expect(error).to.be.instanceOf(ClientError);
    expect(error.message).to.match(/^No MQTT session with mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
  });
});
