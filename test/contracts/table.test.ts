import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Environment } from '../../broker/storage/embedded/environment.js';
import type { Table } from '../../broker/storage/embedded/table.js';
import { range } from './harness.js';

/** More records than are kept parsed. */
const MANY = 3000;

type Numbers = Table<readonly number[]>;

describe('embedded: what a table has parsed before', () => {
  let dir: string;
  let environments: Environment[];
  let here: Numbers;
  let there: Numbers;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-table-'));
    const open = async (): Promise<[Environment, Numbers]> => {
      const environment = await Environment.open(dir, (made) => made);
      return [environment, await environment.write(() => environment.table('numbers'))];
    };
    const [[first, mine], [second, theirs]] = [await open(), await open()];
    environments = [first, second];
    [here, there] = [mine, theirs];
  });
  afterEach(async () => {
    for (const environment of environments) await environment.close();
    await rm(dir, { recursive: true });
  });
  /** Writes as this process, or as the other one. */
  const write = (action: () => void, who = 0) => environments[who]?.write(action);

  it('is handed out again as long as the record is the same', async () => {
    await write(() => here.put('a', [1]));
    expect(here.get('a')).to.equal(here.get('a'));
    await write(() => here.put('a', [1]));
    expect(here.get('a')).to.deep.equal([1]);
  });

  it('gives way at once to what another process has written, time and again', async () => {
    for (const n of range(50)) {
      await write(() => here.put('a', [n]));
      for (const table of [here, there]) expect(table.get('a')).to.deep.equal([n]);
      await write(() => there.put('a', [n, n]), 1);
      for (const table of [here, there]) expect(table.get('a')).to.deep.equal([n, n]);
    }
  });

  it('is what a step decides on only if it is still so', async () => {
    const up = (table: Numbers) => () => table.put('a', [(table.get('a')?.[0] ?? 0) + 1]);
    await Promise.all(range(100).map((n) => write(up(n % 2 ? here : there), n % 2 ? 0 : 1)));
    for (const table of [here, there]) expect(table.get('a')).to.deep.equal([100]);
  });

  it('is gone when another process has removed it', async () => {
    await write(() => here.put('a', [1]));
    expect(there.get('a')).to.deep.equal([1]);
    await write(() => here.remove('a'));
    expect(there.get('a')).to.equal(undefined);
    await write(() => here.put('a', [2]));
    expect(there.get('a')).to.deep.equal([2]);
  });

  it('is right for more records than are kept', async () => {
    await write(() => range(MANY).forEach((n) => void here.put(`${n}`, [n])));
    for (const _ of range(2)) for (const n of range(MANY)) expect(there.get(`${n}`)).to.deep.equal([n]);
    await write(() => range(MANY).forEach((n) => void here.put(`${n}`, [n + MANY])));
    for (const n of range(MANY)) expect(there.get(`${n}`)).to.deep.equal([n + MANY]);
    const page = there.page(2, '1000').map(({ value }) => value);
    expect(page).to.deep.equal([[1001 + MANY], [1002 + MANY]]);
  });
});
