import { once } from 'node:events';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { newBench } from './harness.js';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('bench: a run', () => {
  it('gives everybody a folder of their own', async () => {
    const bench = newBench();
    const [one, other] = await Promise.all([bench.newFolder('a'), bench.newFolder('a')]);
    expect(one).not.to.equal(other);
    expect([await exists(one), await exists(other)]).to.deep.equal([true, true]);
    bench.close();
  });

  it('ends its processes and removes its folders when it is closed, and starts nothing afterwards', async () => {
    const bench = newBench();
    const folder = await bench.newFolder('a');
    await writeFile(join(folder, 'file'), 'x');
    const gone = (['server', 'load'] as const).map((core) =>
      once(bench.spawn(core, ['sleep', '1000'], {}), 'exit'),
    );
    bench.close();
    for (const each of gone) expect(await each).to.deep.equal([null, 'SIGKILL']);
    expect(await exists(folder)).to.equal(false);
    expect(() => bench.spawn('server', ['true'], {})).to.throw('The run is over.');
    await bench.newFolder('b').then(
      () => expect.fail('a folder was made'),
      (error: Error) => expect(error.message).to.include('ENOENT'),
    );
  });

  it('can be closed twice', () => {
    const bench = newBench();
    bench.close();
    expect(() => bench.close()).not.to.throw();
  });
});
