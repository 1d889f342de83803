import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { Bodies } from '../../../scripts/connect/bodies.js';
import type { Fetch } from '../../../scripts/connect/flight.js';
import { LIMITS, type Limits } from '../../../scripts/connect/limits.js';
import { CollectingLog } from '../../support/collecting-log.js';

const SIZE = 50_000;

describe('the firmware that a gateway keeps', () => {
  let dir: string;
  let log: CollectingLog;
  let fetches: [name: string, from: number][];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-bodies-'));
    log = new CollectingLog();
    fetches = [];
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const open = (maxBytes = 10 * SIZE, limits: Partial<Limits> = {}) =>
    Bodies.open(dir, maxBytes, { ...LIMITS, ...limits }, log);
  const body = (size = SIZE) => {
    const bytes = randomBytes(size);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  type Body = ReturnType<typeof body>;
  const fetchOf =
    ({ bytes, sha256 }: Body): Fetch =>
    async (from) => {
      fetches.push([sha256, from]);
      return (async function* () {
        yield bytes.subarray(from);
      })();
    };
  const read = async (bodies: Bodies, wanted: Body, start = 0, end = wanted.bytes.length): Promise<void> => {
    const { bytes, sha256 } = wanted;
    const source = await bodies.read({ sha256, size: bytes.length, span: [start, end] }, fetchOf(wanted));
    expect((await buffer(source)).equals(bytes.subarray(start, end))).to.equal(true);
  };
  /** What lies there, once what is on its way has been kept. */
  const kept = async (bodies: Bodies): Promise<string[]> => {
    await bodies.settled();
    return readdir(join(dir, 'firmware'));
  };

  it('is fetched once, however many read it at once or later, and after a restart', async () => {
    const one = body();
    const bodies = await open();
    await Promise.all([read(bodies, one), read(bodies, one, 10, 20), read(bodies, one, 1)]);
    await read(bodies, one);
    expect(await kept(bodies)).to.deep.equal([one.sha256]);
    await read(await open(), one, 7, 9000);
    expect(fetches).to.deep.equal([[one.sha256, 0]]);
    expect(await readdir(join(dir, 'staging'))).to.deep.equal([]);
  });

  it('leaves when there is no room, what was used least recently first', async () => {
    const bodies = await open(2 * SIZE);
    const [first, second, third] = [body(), body(), body()];
    for (const each of [first, second, first, third]) {
      await read(bodies, each);
      await bodies.settled();
    }
    expect((await kept(bodies)).sort()).to.deep.equal([first.sha256, third.sha256].sort());
    await read(bodies, first);
    expect(fetches.map(([name]) => name)).to.deep.equal([first.sha256, second.sha256, third.sha256]);
  });

  it('is fetched for each by itself, and only the part, where it is too large to share', async () => {
    const one = body();
    for (const limits of [{ sharedBytes: SIZE - 1 }, { flyingBytes: SIZE - 1 }]) {
      fetches = [];
      const bodies = await open(10 * SIZE, limits);
      await Promise.all([read(bodies, one, 5, 10), read(bodies, one, 100)]);
      expect(fetches.map(([, from]) => from).sort()).to.deep.equal([100, 5]);
    }
    expect(await readdir(join(dir, 'firmware'))).to.deep.equal([]);
  });

  it('that is damaged on the disk is fetched anew', async () => {
    const one = body();
    await mkdir(join(dir, 'firmware'));
    await writeFile(join(dir, 'firmware', one.sha256), randomBytes(SIZE));
    await read(await open(), one);
    expect(fetches).to.deep.equal([[one.sha256, 0]]);
  });

  it('that cannot be fetched fails, and the next who asks fetches it', async () => {
    const one = body();
    const bodies = await open();
    const source = await bodies.read({ sha256: one.sha256, size: SIZE, span: [0, SIZE] }, async () => {
      throw new Error('the uplink is lost');
    });
    expect(await buffer(source).catch((error: Error) => error.message)).to.equal('the uplink is lost');
    await read(bodies, one);
    expect(log.lines.map(({ message }) => message)).to.deep.equal([
      'a firmware could not be fetched or kept',
    ]);
  });

  it('that the disk does not take is handed on all the same, and the log says so', async () => {
    const one = body();
    const bodies = await open();
    await rm(join(dir, 'staging'), { recursive: true });
    await read(bodies, one);
    await bodies.settled();
    await read(bodies, one);
    expect(fetches).to.have.length(2);
    expect(log.lines[0]?.message).to.equal('a firmware could not be fetched or kept');
  });

  it('is not looked for in a folder that cannot be used: the start fails', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    await chmod(file, 0o600);
    const error = await Bodies.open(file, SIZE, LIMITS, log).catch((failure: Error) => failure);
    expect(String(error)).to.include(file);
  });
});
