import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { seededRandom } from '../../../scripts/simulator/random.js';
import { at, listAt } from '../../support/json.js';
import { Book } from '../../support/kill-loop/book.js';
import { KillSwitch, STEPS } from '../../support/kill-loop/kill-switch.js';
import { KilledDevice } from '../../support/kill-loop/killed-device.js';
import { KilledOwner } from '../../support/kill-loop/killed-owner.js';
import { ownerApi } from '../../support/owner-api.js';
import { ServerProcess } from '../../support/server-process.js';

/** At each step so often. */
const ROUNDS = 8 * STEPS.length;
/** A step that a round does not come to ends it all the same. */
const LONGEST_ROUND_MS = 1500;
/** What happens once in a round. */
const ONCE: ReadonlySet<string> = new Set(['publish sent', 'published', 'key sent', 'key made']);
/** What the server does because of a step is over by then, nearly always. */
const LONGEST_DELAY_MS = 25;

describe('kill -9 at every step, again and again', function () {
  this.timeout(600_000);
  let server: ServerProcess;
  before(async () => {
    // An update whose transfer was cut by a kill goes on soon.
    server = await ServerProcess.start({ OFFERS_RETRY_SECONDS: '0.2', OFFERS_SETTLE_SECONDS: '0.1' });
  });
  after(() => server?.dispose());

  it(`${ROUNDS} times: what was acknowledged is there, no token completes twice, nobody is offered what was not allowed`, async () => {
    const seed = String(Date.now());
    const random = seededRandom(seed);
    const [book, steps] = [new Book(), new KillSwitch()];
    const owner = new KilledOwner(book, steps, random);
    const devices = [true, false, true, false, false].map(
      (auto, i) => new KilledDevice(server, server.account, auto, i < 3 ? 'mqtt' : 'http', book, steps),
    );

    /** All of them at once, until the server is killed. */
    async function round(n: number): Promise<void> {
      let tell: (isMore: boolean) => void = () => {};
      let told = new Promise<boolean>((resolve) => {
        tell = resolve;
      });
      const news = (isMore = true): void => {
        tell(isMore);
        told = isMore ? new Promise((resolve) => (tell = resolve)) : Promise.resolve(false);
      };
      const kill = (): void => server.signal('SIGKILL');
      const step = STEPS[n % STEPS.length] ?? STEPS[0];
      const nth = ONCE.has(step) ? 1 : 1 + Math.floor(random() * 2);
      steps.arm(step, nth, random() < 0.5 ? 0 : random() * LONGEST_DELAY_MS, kill);
      const lives = devices.map((each) => each.live(server, () => told));
      const working = owner.work(server, `1.${n}.0`, news).catch(() => undefined);
      await Promise.race([server.exited, delay(LONGEST_ROUND_MS)]);
      steps.disarm();
      kill();
      news(false);
      await Promise.all([...lives, working, server.exited]);
    }

    for (let n = 0; n < ROUNDS; n += 1)
      try {
        await round(n);
        server = await ServerProcess.start(server.overrides, server.data);
        for (const each of devices) await each.useAgain(server);
        await book.check(ownerApi(server));
      } catch (error) {
        throw new Error(`seed ${seed}, round ${n}, step ${STEPS[n % STEPS.length]}`, { cause: error });
      }

    const fired = STEPS.map((step) => [step, steps.fired.get(step) ?? 0] as const);
    expect(
      fired.reduce((sum, [, count]) => sum + count, 0),
      `kills: ${fired}`,
    ).to.be.at.least(100);
    for (const [step, count] of fired) expect(count, `kills at "${step}"`).to.be.above(0);
    expect(book.acknowledged).to.be.above(ROUNDS);

    await goesOn(book, owner, devices);
  });

  /** After all that a last release still reaches everybody, and nothing is left lying about. */
  async function goesOn(book: Book, owner: KilledOwner, devices: readonly KilledDevice[]): Promise<void> {
    const last = `2.0.0`;
    const api = ownerApi(server);
    let isOver = false;
    const lives = devices.map((each) => each.live(server, () => delay(100).then(() => !isOver)));
    await owner.work(
      server,
      last,
      () => undefined,
      () => true,
    );
    const states = async (): Promise<unknown[]> =>
      Promise.all(
        devices.map(async ({ device }) => {
          const shown = await api.device(device.udid);
          return [at(shown, 'version'), at(shown, 'update.state')];
        }),
      );
    const wanted = JSON.stringify(devices.map(() => [last, 'installed']));
    const until = Date.now() + 30_000;
    while (JSON.stringify(await states()) !== wanted && Date.now() < until) await delay(100);
    expect(JSON.stringify(await states())).to.equal(wanted);
    isOver = true;
    for (const { device } of devices) await device.drop();
    await Promise.all(lives);
    await book.check(api);
    server = await server.killAndRestart();
    const listed = listAt((await ownerApi(server).call('GET', '/firmware')).body, 'firmware');
    const files = (await readdir(join(server.data, 'firmware'))).filter((name) => name !== 'staging');
    expect(files.sort()).to.deep.equal(listed.map((item) => String(at(item, 'sha256'))).sort());
    expect(await readdir(join(server.data, 'firmware/staging'))).to.deep.equal([]);
  }
});
