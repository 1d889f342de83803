import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import { aDevice, aToken, NOW, OWNER } from '../support/builders.js';
import { range } from './harness.js';
import { COUNTED, contestedHash, TOKENS, tokenOf, UPDATES, WHOLE } from './process-plan.js';

const CHILD = fileURLToPath(new URL('./embedded-child.js', import.meta.url));
/** Acknowledged writes after which the child is killed. */
const ACKNOWLEDGED = 50;

describe('embedded: two processes at once', () => {
  let dir: string;
  let stores: EmbeddedStores;
  let child: ChildProcess;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-processes-'));
    stores = await openEmbedded(dir);
  });
  afterEach(async () => {
    child.kill('SIGKILL');
    await stores.close();
    await rm(dir, { recursive: true });
  });

  /** Starts the second process; it waits for `go`. */
  async function start(role: string): Promise<void> {
    child = fork(CHILD, [dir, role]);
    await once(child, 'message');
  }

  /** Lets the second process do its part and resolves with what came of it. */
  async function go(): Promise<unknown> {
    child.send('go');
    const [{ result }] = await once(child, 'message');
    return result;
  }

  it('applies every update of both', async () => {
    await stores.devices.create(aDevice({ udid: COUNTED, lastSeen: 0 }));
    await start('count');
    const up = () =>
      stores.devices.update(COUNTED, (device) => ({ ...device, lastSeen: device.lastSeen + 1 }));
    await Promise.all([go(), ...range(UPDATES).map(up)]);
    expect((await stores.devices.get(COUNTED))?.lastSeen).to.equal(2 * UPDATES);
  });

  it('tells exactly one of both that a token completed', async () => {
    for (const n of range(TOKENS)) {
      await stores.tokens.issue(aToken({ hash: contestedHash(n), udid: tokenOf(n).udid, size: WHOLE[1] }));
      await stores.tokens.begin(contestedHash(n), 'contested', NOW);
    }
    await start('complete');
    const [theirs, ...ours] = await Promise.all([
      go(),
      ...range(TOKENS).map((n) => stores.tokens.complete(contestedHash(n), 'contested', WHOLE, NOW)),
    ]);
    if (!Array.isArray(theirs)) throw new Error('The child did not answer with a list.');
    const winners = ours.map((won, n) => Number(won) + Number(theirs[n]));
    expect(winners).to.deep.equal(range(TOKENS).map(() => 1));
  });

  it('has everything that was acknowledged before the other was killed, and goes on', async () => {
    await start('write');
    const told: number[] = [];
    const enough = new Promise<void>((resolve) => {
      child.on('message', (n: number) => {
        told.push(n);
        if (told.length === ACKNOWLEDGED) resolve();
      });
    });
    child.send('go');
    await enough;
    child.kill('SIGKILL');
    await once(child, 'exit');

    await stores.devices.create(aDevice());
    await stores.close();
    stores = await openEmbedded(dir);
    expect(await stores.devices.get(aDevice().udid)).to.not.equal(undefined);
    const { items: log } = await stores.rollouts.log(OWNER, 1_000_000);
    // One more may have been written that nobody was told of, and its line in the same step.
    const rollouts = await stores.rollouts.list(OWNER);
    expect(log.map(({ rollout }) => rollout)).to.have.members(rollouts.map(({ id }) => id));
    for (const n of told) {
      expect(log[n]?.rollout).to.equal(`rollout-${n}`);
      expect(await stores.firmware.get(`acknowledged-${n}`), `firmware ${n}`).to.not.equal(undefined);
      const token = await stores.tokens.get(tokenOf(n).hash);
      expect(token?.completedAt, `token ${n}`).to.equal(NOW);
    }
  });
});
