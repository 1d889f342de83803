import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { type Fetch, Flight, UplinkLost } from '../../../scripts/connect/flight.js';
import { gate } from '../../support/gate.js';

const SIZE = 100_000;

describe('a firmware on its way through the uplink', () => {
  const bytes = randomBytes(SIZE);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const flight = () => new Flight(digest, SIZE);

  /** Gives the bytes up to a place, and then fails if that is not the end. */
  const upTo =
    (end: number, froms: number[] = [], step = 10_000): Fetch =>
    async (from) => {
      froms.push(from);
      return (async function* () {
        for (let at = from; at < end; at += step) yield bytes.subarray(at, Math.min(end, at + step));
        if (end < SIZE) throw new Error('broke off');
      })();
    };
  const failure = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is fetched once, and each reader gets its part', async () => {
    const one = flight();
    const froms: number[] = [];
    const readers = [
      [0, SIZE],
      [5, SIZE],
      [0, 1],
      [SIZE - 1, SIZE],
      [500, 70_000],
    ].map(async ([start = 0, end = 0]) => {
      const got = await buffer(one.join([start, end], upTo(SIZE, froms)));
      expect(got.equals(bytes.subarray(start, end)), `${start}-${end}`).to.equal(true);
    });
    expect((await one.landed()).equals(bytes)).to.equal(true);
    await Promise.all(readers);
    expect(froms).to.deep.equal([0]);
  });

  it('is passed on as it arrives, but for the end, which waits until all are known to be right', async () => {
    const rest = gate();
    const one = flight();
    const reader = one.join([0, SIZE], async () =>
      (async function* () {
        yield bytes.subarray(0, SIZE - 1);
        await rest.opened;
        yield bytes.subarray(SIZE - 1);
      })(),
    );
    const landed = one.landed();
    let got = 0;
    reader.on('data', (piece: Buffer) => {
      got += piece.length;
    });
    while (got < SIZE - 1024) await once(reader, 'data');
    expect(got).to.equal(SIZE - 1024);
    rest.open();
    await once(reader, 'end');
    await landed;
    expect(got).to.equal(SIZE);
  });

  it('goes on where it broke off, fetched by the next who wants it', async () => {
    const one = flight();
    const [first, second, third]: number[][] = [[], [], []];
    const readers = [
      one.join([0, SIZE], upTo(30_000, first)),
      one.join([0, SIZE], async (from) => {
        second?.push(from);
        throw new Error('no longer interested');
      }),
      one.join([0, SIZE], upTo(SIZE, third)),
    ];
    const landed = one.landed();
    for (const reader of readers) expect((await buffer(reader)).equals(bytes)).to.equal(true);
    await landed;
    expect([first, second, third]).to.deep.equal([[0], [30_000], [30_000]]);
  });

  it('fails for all when nobody is left to fetch it, and no reader gets its end', async () => {
    const one = flight();
    const readers = [one.join([0, SIZE], upTo(50_000)), one.join([0, 50_000], upTo(60_000))];
    const failures = readers.map((reader) => failure(buffer(reader)));
    expect(await failure(one.landed())).to.be.instanceOf(UplinkLost);
    for (const error of await Promise.all(failures)) expect(error).to.be.instanceOf(UplinkLost);
  });

  const wrong: [what: string, Fetch, RegExp][] = [
    [
      'other bytes',
      async () =>
        (async function* () {
          yield randomBytes(SIZE);
        })(),
      /other bytes/,
    ],
    [
      'too many bytes',
      async () =>
        (async function* () {
          yield randomBytes(SIZE + 1);
        })(),
      /too many/,
    ],
    [
      'too few bytes',
      async () =>
        (async function* () {
          yield bytes.subarray(0, 5);
        })(),
      /nobody can fetch/,
    ],
  ];
  for (const [what, fetch, told] of wrong)
    it(`fails when ${what} come, before any reader has got the end of its part`, async () => {
      const one = flight();
      const reader = one.join([0, 2000], fetch);
      let got = 0;
      reader.on('data', (piece: Buffer) => {
        got += piece.length;
      });
      const broke = once(reader, 'error');
      expect(String(await failure(one.landed()))).to.match(told);
      await broke;
      expect(got).to.be.at.most(2000 - 1024);
    });

  it('holds up nobody for a reader that stands still', async () => {
    const one = flight();
    one.join([0, SIZE], upTo(SIZE));
    const other = one.join([0, SIZE], upTo(SIZE));
    await one.landed();
    expect((await buffer(other)).equals(bytes)).to.equal(true);
  });
});
