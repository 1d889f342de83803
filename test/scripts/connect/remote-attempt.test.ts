import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import type { UplinkRequest } from '../../../scripts/connect/channel.js';
import { RemoteAttempt } from '../../../scripts/connect/remote-attempt.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { FakeClock } from '../../support/fake-clock.js';

const ATTEMPT = 'a'.repeat(43);
const IDLE_MS = 60_000;

/** An answer of the server, read to its end. */
function answered(statusCode: number, headers: Record<string, string> = {}): IncomingMessage {
  const message = Object.assign(new IncomingMessage(new Socket()), { statusCode, headers, complete: true });
  message.push(null);
  return message;
}

describe('an attempt that a gateway carries out', () => {
  let asked: string[];
  let respond: (request: UplinkRequest) => Promise<IncomingMessage>;
  let clock: FakeClock;
  let cuts: number;
  let attempt: RemoteAttempt;

  beforeEach(() => {
    asked = [];
    respond = async () => answered(204);
    clock = new FakeClock();
    cuts = 0;
    attempt = new RemoteAttempt({
      ticket: {
        attempt: ATTEMPT,
        status: 200,
        headers: {},
        sha256: '0'.repeat(64),
        size: 1000,
        span: [0, 1000],
        idleMs: IDLE_MS,
      },
      channel: {
        ask: (request) => {
          const path = request.path.replace(`/relay/${ATTEMPT}/`, '');
          asked.push(
            [request.method, path, ...request.headers, request.body?.toString() ?? ''].join(' ').trim(),
          );
          return respond(request);
        },
      },
      clock,
      log: new CollectingLog(),
      cut: () => {
        cuts += 1;
      },
    });
  });

  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('tells of every tenth, and of nothing between', async () => {
    for (const left of [50, 99, 100, 150, 199, 350]) {
      attempt.progress(left);
      await settle();
    }
    expect(asked).to.deep.equal(['POST progress {"sent":100}', 'POST progress {"sent":350}']);
  });

  it('tells of less where the device is slow: the server must not take it for still', async () => {
    attempt.progress(10);
    clock.advance(IDLE_MS / 3);
    attempt.progress(20);
    await settle();
    attempt.progress(30);
    await settle();
    expect(asked).to.deep.equal(['POST progress {"sent":20}']);
  });

  it('does not hold up the device for that, nor pile it up', async () => {
    let release = (): void => {};
    respond = () =>
      new Promise((resolve) => {
        release = () => resolve(answered(204));
      });
    for (const left of [100, 200, 300]) expect(attempt.progress(left)).to.equal(undefined);
    expect(asked).to.have.length(1);
    release();
    await settle();
    attempt.progress(400);
    expect(asked.at(-1)).to.equal('POST progress {"sent":400}');
    release();
  });

  it('asks before the last piece, and says how it ended', async () => {
    expect(await attempt.beforeLastPiece()).to.equal(true);
    await attempt.end([0, 1000], true);
    expect(asked).to.deep.equal(['POST last {}', 'POST end {"sent":1000,"whole":true}']);
    expect(cuts).to.equal(0);
  });

  it('is cut where the server says that it is over, and says nothing more', async () => {
    respond = async () => answered(409);
    attempt.progress(100);
    await settle();
    expect(cuts).to.equal(1);
    expect(await attempt.beforeLastPiece()).to.equal(false);
    await attempt.end([0, 100], false);
    expect(asked).to.deep.equal(['POST progress {"sent":100}']);
    expect(await attempt.body(0).catch((error: Error) => error.message)).to.equal('the attempt is over');
  });

  it('hands over no last piece while the server cannot be asked, and ends without it', async () => {
    respond = async () => {
      throw new Error('the uplink is lost');
    };
    attempt.progress(100);
    expect(await attempt.beforeLastPiece()).to.equal(false);
    await attempt.end([0, 100], false);
    expect(asked).to.deep.equal([
      'POST progress {"sent":100}',
      'POST last {}',
      'POST end {"sent":100,"whole":false}',
    ]);
  });

  it('has the body, or its rest, and takes no other for it', async () => {
    respond = async () => answered(200);
    expect((await attempt.body(0)).statusCode).to.equal(200);
    respond = async () => answered(206, { 'content-range': 'bytes 7-999/1000' });
    expect((await attempt.body(7)).statusCode).to.equal(206);
    expect(asked).to.deep.equal(['GET body', 'GET body Range bytes=7-']);
    expect(await attempt.body(8).catch((error: Error) => error.message)).to.equal(
      'the server gave no body: 206',
    );
    expect(await attempt.body(0).catch((error: Error) => error.message)).to.equal(
      'the server gave no body: 206',
    );
    respond = async () => answered(200);
    expect(await attempt.body(7).catch((error: Error) => error.message)).to.equal(
      'the server gave no body: 200',
    );
  });
});
