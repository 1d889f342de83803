import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Environment } from '../../broker/storage/embedded/environment.js';
import type { Table } from '../../broker/storage/embedded/table.js';
import { range } from './harness.js';

interface Opened {
  readonly environment: Environment;
  readonly table: Table<readonly number[]>;
}

describe('embedded: writes that share a transaction', () => {
  let dir: string;
  let here: Opened;
  /** The same file as another process sees it. */
  let there: Opened;

  const open = (): Promise<Opened> =>
    Environment.open(dir, (environment) => ({ environment, table: environment.table('numbers') }));
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-group-'));
    here = await open();
    there = await open();
  });
  afterEach(async () => {
    await there.environment.close();
    await here.environment.close();
    await rm(dir, { recursive: true });
  });

  /** Appends the number to one record and puts it into another of its own; those in `bad` throw after that. */
  const append = (n: number, bad: readonly number[] = []) => {
    const numbers = [...(here.table.get('all') ?? []), n];
    here.table.put('all', numbers);
    here.table.put(`${n}`, [n]);
    if (bad.includes(n)) throw new Error(`no ${n}`);
    return numbers;
  };
  const write = (n: number, lazy = false) => here.environment.write(() => append(n), lazy);

  for (const bad of [[0], [2], [7], [2, 3, 6], range(8)])
    it(`rejects ${bad.join(' and ')} of 8 with its own error, and stores the others in their order`, async () => {
      const outcomes = await Promise.allSettled(
        range(8).map((n) => here.environment.write(() => append(n, bad), n % 2 === 1)),
      );
      const good = range(8).filter((n) => !bad.includes(n));
      const results = outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message,
      );
      expect(results).to.deep.equal(
        range(8).map((n) => (bad.includes(n) ? `no ${n}` : good.filter((each) => each <= n))),
      );
      for (const { table } of [here, there]) {
        expect(table.get('all') ?? []).to.deep.equal(good);
        expect(range(8).filter((n) => table.get(`${n}`))).to.deep.equal(good);
      }
    });

  it('forgets what was read of a write that was taken back', async () => {
    await write(1);
    const step = here.environment.write(() => {
      append(2);
      expect(here.table.get('all')).to.deep.equal([1, 2]);
      throw new Error('half way');
    });
    expect(await step.catch((error: Error) => error.message)).to.equal('half way');
    expect(here.table.get('all')).to.deep.equal([1]);
  });

  it('goes on after a group that broke', async () => {
    await here.environment.write(() => append(1, [1])).catch(() => {});
    expect(await write(2)).to.deep.equal([2]);
    expect(await write(3, true)).to.deep.equal([2, 3]);
    expect(there.table.get('all')).to.deep.equal([2, 3]);
  });

  it('holds back what nobody waits for, and stores it in a while without any other write', async () => {
    const begun = performance.now();
    expect(await write(1, true)).to.deep.equal([1]);
    expect(performance.now() - begun).to.be.within(20, 2000);
    expect(there.table.get('all')).to.deep.equal([1]);
  });

  it('runs what nobody waits for along with what somebody does, in the order of the calls', async () => {
    const stored: number[] = [];
    const note = (n: number) => () => void stored.push(n);
    void write(1, true).then(note(1));
    void write(2).then(note(2));
    void write(3, true).then(note(3));
    const urgent = write(4).then(note(4));
    await urgent;
    expect(stored).to.deep.equal([1, 2, 3, 4]);
    expect(there.table.get('all')).to.deep.equal([1, 2, 3, 4]);
    // Nothing is left for the time at which the lazy ones would have been written.
    expect(await write(5, true)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('says that all is flushed only when what was held back is stored too', async () => {
    void write(1, true);
    await here.environment.flushed();
    expect(there.table.get('all')).to.deep.equal([1]);
  });

  it('stores what was held back when it is closed', async () => {
    const held = range(3).map((n) => write(n, true));
    await here.environment.close();
    expect(await Promise.all(held)).to.deep.equal([[0], [0, 1], [0, 1, 2]]);
    expect(there.table.get('all')).to.deep.equal([0, 1, 2]);
  });

  it('stores the others of a group that breaks while it is closed', async () => {
    const outcomes = range(3).map((n) => here.environment.write(() => append(n, [1])));
    const [settled] = await Promise.all([Promise.allSettled(outcomes), here.environment.close()]);
    expect(settled.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(there.table.get('all')).to.deep.equal([0, 2]);
  });

  it('flushes the others of a group that broke before it says so', async () => {
    const order: string[] = [];
    let flushed: Promise<void> | undefined;
    const bad = here.environment.write(() => {
      setImmediate(() => {
        flushed ??= here.environment.flushed().then(() => void order.push('flushed'));
      });
      throw new Error('no');
    });
    const good = write(1).then(() => void order.push('stored'));
    await Promise.allSettled([bad, good]);
    await flushed;
    expect(order).to.deep.equal(['stored', 'flushed']);
  });
});
