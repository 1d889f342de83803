import { expect } from 'chai';
import { Transfers } from '../../../core/services/transfers.js';
import { Running, type RunningParts } from '../../../scripts/server/running.js';
import { CollectingLog } from '../../support/collecting-log.js';
import { FakeClock } from '../../support/fake-clock.js';
import { aLoneNode } from '../../support/lone.js';

const DRAIN_MS = 30_000;

describe('the end of a server', () => {
  let clock: FakeClock;
  let transfers: Transfers;
  let cut: { id: number; at: number }[];
  let steps: string[];
  beforeEach(() => {
    [clock, transfers, cut, steps] = [new FakeClock(), new Transfers(aLoneNode().peers), [], []];
  });

  const begin = (
    count: number,
    change: Partial<RunningParts> = {},
  ): { running: Running; over: Promise<void> } => {
    const begun = clock.now();
    const sessions = Array.from({ length: count }, (_, id) => ({
      close: () => void cut.push({ id, at: clock.now() - begun }),
    }));
    const running = new Running({
      clock,
      log: new CollectingLog(),
      drainMs: DRAIN_MS,
      transfers,
      sessions: { all: () => sessions },
      hasPeers: () => true,
      random: Math.random,
      ...change,
    });
    running.state = 'open';
    const over = running.close(
      () => steps.push(`stop ${running.state}`),
      async () => void steps.push('end'),
    );
    return { running, over };
  };
  /** Lets everything that waits for nothing but its turn have it. */
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const download = () => {
    const transfer = { udid: 'u', progress: 0, abort: () => {} };
    transfers.begin(transfer);
    return () => transfers.end(transfer);
  };

  it('without downloads and other nodes it comes at once, and cuts nobody before', async () => {
    const { running, over } = begin(500, { hasPeers: () => false });
    expect(running.state).to.equal('draining');
    await over;
    expect(steps).to.deep.equal(['stop draining', 'end']);
    expect(cut).to.deep.equal([]);
    expect(clock.pending).to.equal(0);
  });

  it('a single session need not be moved gently', async () => {
    await begin(1).over;
    expect(cut).to.deep.equal([]);
  });

  it('without time for it nobody is moved, and nothing waited for', async () => {
    download();
    const { over } = begin(10, { drainMs: 0 });
    clock.advance(0);
    await over;
    expect(cut).to.deep.equal([]);
  });

  it('sessions leave one after the other, a hundred a second while that is fast enough', async () => {
    const { over } = begin(300);
    clock.advance(1500);
    await turn();
    expect(cut.length).to.be.within(145, 151);
    expect(steps).to.deep.equal(['stop draining']);
    clock.advance(1500);
    await over;
    expect(cut).to.have.length(300);
    for (let second = 0; second < 3; second++) {
      const within = cut.filter(({ at }) => Math.floor(at / 1000) === second);
      expect(within.length, `second ${second}`).to.be.within(90, 110);
    }
    expect(clock.pending, 'no timer is left').to.equal(0);
  });

  it('many sessions are spread over the time there is, and are gone before it is over', async () => {
    const { over } = begin(9000);
    clock.advance(DRAIN_MS - 1);
    await over;
    expect(cut).to.have.length(9000);
    expect(Math.max(...cut.map(({ at }) => at))).to.be.within(25_000, 28_000);
    // Never so many at once that it would be felt: 333 a second are 17 in a step.
    const byStep = new Map<number, number>();
    for (const { at } of cut) byStep.set(at, (byStep.get(at) ?? 0) + 1);
    expect(Math.max(...byStep.values())).to.be.at.most(20);
  });

  it('the order is random, and nobody is forgotten or cut twice', async () => {
    const { over } = begin(200);
    clock.advance(DRAIN_MS);
    await over;
    const order = cut.map(({ id }) => id);
    const sorted = Array.from({ length: 200 }, (_, id) => id);
    expect(order).not.to.deep.equal(sorted);
    expect([...order].sort((a, b) => a - b)).to.deep.equal(sorted);
  });

  it('a download goes on to its end', async () => {
    const end = download();
    const { over } = begin(2);
    clock.advance(DRAIN_MS - 1);
    await turn();
    expect(steps).to.deep.equal(['stop draining']);
    end();
    await over;
    expect(clock.pending).to.equal(0);
  });

  it('a download that does not end in time is not waited for', async () => {
    download();
    const { over } = begin(0);
    clock.advance(DRAIN_MS);
    await over;
    expect(steps.at(-1)).to.equal('end');
  });

  it('more calls wait for the first', async () => {
    const end = download();
    const { running, over } = begin(0);
    const again = running.close(
      () => steps.push('again'),
      async () => void steps.push('again'),
    );
    end();
    await Promise.all([over, again]);
    expect(steps).to.deep.equal(['stop draining', 'end']);
  });
});
