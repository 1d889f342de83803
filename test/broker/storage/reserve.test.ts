import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Reserve } from '../../../broker/storage/reserve.js';
import { CollectingLog } from '../../support/collecting-log.js';

const BYTES = 3_000_000;
/** More than any disk has. */
const TOO_MUCH = 2 ** 52;

describe('the reserve on the disk', () => {
  let dir: string;
  let path: string;
  let log: CollectingLog;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-reserve-'));
    path = join(dir, 'reserve');
    log = new CollectingLog();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const size = (): Promise<number | undefined> =>
    stat(path).then(
      (found) => found.size,
      () => undefined,
    );

  const complaints = (): string[] =>
    log.lines.filter(({ level }) => level === 'error').map(({ message }) => message);

  it('is a file of that size, whose blocks are really there', async () => {
    const reserve = await Reserve.open(path, BYTES, log);
    expect(reserve.isHeld).to.equal(true);
    const { size: bytes, blocks } = await stat(path);
    expect(bytes).to.equal(BYTES);
    expect(blocks * 512).to.be.at.least(BYTES);
    expect(new Set(await readFile(path))).to.have.length.above(200);
  });

  it('is given up once, and that is said; and taken back', async () => {
    const reserve = await Reserve.open(path, BYTES, log);
    expect(reserve.make()).to.equal(true);
    expect([reserve.isHeld, await size()]).to.deep.equal([false, undefined]);
    expect(reserve.make()).to.equal(false);
    expect(complaints()).to.deep.equal([
      'the disk is full: its reserve is in use, and uploads are refused',
      'the disk is full: nothing can be stored until there is room',
    ]);
    expect(await Promise.all([reserve.take(), reserve.isLeft()])).to.deep.equal([true, true]);
    expect([reserve.isHeld, await size()]).to.deep.equal([true, BYTES]);
  });

  it('is there still, or made anew, when another process opens it', async () => {
    await Reserve.open(path, BYTES, log);
    const { mtimeMs } = await stat(path);
    expect((await Reserve.open(path, BYTES, log)).isHeld).to.equal(true);
    expect((await stat(path)).mtimeMs).to.equal(mtimeMs);
    await writeFile(path, 'cut off');
    expect((await Reserve.open(path, BYTES, log)).isHeld).to.equal(true);
    expect(await size()).to.equal(BYTES);
  });

  it('is not taken from a disk that has not twice as much to spare; nothing large is taken then', async () => {
    const reserve = await Reserve.open(path, TOO_MUCH, log);
    expect([reserve.isHeld, await reserve.isLeft(), await size()]).to.deep.equal([false, false, undefined]);
    // Once in a minute is enough.
    expect(complaints()).to.deep.equal(['the disk is full: uploads are refused']);
  });

  it('of no bytes is no file, and refuses nothing', async () => {
    await Reserve.open(path, BYTES, log);
    const none = await Reserve.open(path, 0, log);
    expect([none.isHeld, await none.isLeft(), none.make(), await size()]).to.deep.equal([
      true,
      true,
      false,
      undefined,
    ]);
  });
});
