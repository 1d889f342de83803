import { expect } from 'chai';
import type { Device } from '../../../core/device.js';
import { Announcer } from '../../../core/services/announcer.js';
import { aDevice, OWNER } from '../../support/builders.js';

const BATCH = 500;
const FLEET = 3 * BATCH + 20;

interface Action {
  readonly udid: string;
  end(error?: Error): void;
}

/** Lets everything happen that is not waiting for somebody. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the announcer does something for each device', () => {
  /** How many devices have been read. */
  let read: number;
  /** What has begun and not ended, oldest first. */
  let begun: Action[];
  let unhandled: unknown[];
  const note = (error: unknown) => void unhandled.push(error);
  beforeEach(() => {
    [read, begun, unhandled] = [0, [], []];
    process.on('unhandledRejection', note);
  });
  afterEach(() => void process.off('unhandledRejection', note));

  async function* all(): AsyncIterable<Device> {
    for (; read < FLEET; read++) yield aDevice({ udid: `${read}` });
  }
  /** With nothing but devices: `each` needs no more. */
  const announcerOf = (devices: () => AsyncIterable<Device>): Announcer =>
    new Announcer({ devices: { all: devices } } as unknown as ConstructorParameters<typeof Announcer>[0]);
  const announcer = announcerOf(() => all());
  const each = (concerns = (_: Device): boolean => true) =>
    announcer.each(
      OWNER,
      concerns,
      ({ udid }) =>
        new Promise((resolve, reject) => {
          begun.push({ udid, end: (error) => (error ? reject(error) : resolve()) });
        }),
    );
  /** Ends what has begun, in turns, until all is over. */
  const finish = async (over: Promise<unknown>, end = (action: Action) => action.end()): Promise<void> => {
    let isOver = false;
    const done = over
      .catch(() => {})
      .finally(() => {
        isOver = true;
      });
    while (!isOver) {
      for (const action of begun.splice(0)) end(action);
      await settled();
    }
    await done;
  };

  it('has two batches under way and no more, and begins the next when the older one is over', async () => {
    const over = each();
    await settled();
    expect(begun).to.have.length(2 * BATCH);
    for (const { end } of begun.splice(1, BATCH - 1)) end();
    await settled();
    expect(begun, 'all but one of the older batch are over').to.have.length(BATCH + 1);
    begun.shift()?.end();
    await settled();
    expect(begun).to.have.length(2 * BATCH);
    await finish(over);
    expect(read).to.equal(FLEET);
  });

  it('does it once for every one that is concerned, and for nobody else', async () => {
    const done: string[] = [];
    const over = each(({ udid }) => Number(udid) % 2 === 0);
    await finish(over, ({ udid, end }) => {
      done.push(udid);
      end();
    });
    await over;
    expect(done.map(Number)).to.deep.equal(Array.from({ length: FLEET / 2 }, (_, n) => 2 * n));
  });

  it('resolves only when the last one is over', async () => {
    let isOver = false;
    const over = each(({ udid }) => udid === `${FLEET - 1}`).then(() => {
      isOver = true;
    });
    await settled();
    expect(isOver).to.equal(false);
    expect(begun).to.have.length(1);
    await finish(over);
    expect(isOver).to.equal(true);
  });

  it('goes on where one fails, and throws the first failure when all are over', async () => {
    const done: string[] = [];
    const failing = new Set(['3', '400', '700', `${FLEET - 1}`]);
    const over = each();
    await finish(over, ({ udid, end }) => {
      done.push(udid);
      end(failing.has(udid) ? new Error(`no ${udid}`) : undefined);
    });
    expect(done).to.have.length(FLEET);
    const message = await over.then(
      () => 'nothing',
      (error: Error) => error.message,
    );
    expect(message).to.equal('no 3');
    expect(unhandled).to.deep.equal([]);
  });

  it('leaves no failure unheard when the devices cannot be read to their end', async () => {
    const broken = announcerOf(async function* () {
      for (let n = 0; n < 600; n++) yield aDevice({ udid: `${n}` });
      throw new Error('unreadable');
    });
    const over = broken.each(
      OWNER,
      () => true,
      async () => {
        throw new Error('failed');
      },
    );
    const message = await over.catch((error: Error) => error.message);
    expect(message).to.equal('unreadable');
    await settled();
    expect(unhandled).to.deep.equal([]);
  });
});
