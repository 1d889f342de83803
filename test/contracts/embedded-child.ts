/** A second process on the same environment; embedded-process.test.ts starts it with what it shall do and where. */
import { openEmbedded } from '../../broker/storage/embedded/index.js';
import type { StoreEntry } from '../../core/ports.js';
import { aDevice, aFirmware, aToken, NOW } from '../support/builders.js';
import { aDecision, aRollout } from '../support/rollouts.js';
import { range } from './harness.js';
import { COUNTED, contestedHash, TOKENS, tokenOf, UPDATES, WHOLE } from './process-plan.js';

const [, , dir = '', role = ''] = process.argv;
const stores = await openEmbedded(dir);
const say = (message: unknown) => process.send?.(message);

const roles: Record<string, () => Promise<unknown>> = {
  /** Counts up a device in competition with the parent. */
  async count() {
    const up = () =>
      stores.devices.update(COUNTED, (device) => ({ ...device, lastSeen: device.lastSeen + 1 }));
    await Promise.all(range(UPDATES).map(up));
  },

  /** Completes tokens in competition with the parent. */
  async complete() {
    const completing = range(TOKENS).map((n) =>
      stores.tokens.complete(contestedHash(n), 'contested', WHOLE, NOW),
    );
    return Promise.all(completing);
  },

  /** Imports devices without end and tells how many have been read. */
  async import() {
    const endless = async function* (): AsyncIterable<StoreEntry> {
      for (let n = 0; ; n += 1) {
        if (n % 500 === 0) say(n);
        yield { kind: 'device', value: aDevice({ udid: tokenOf(n).udid }) };
      }
    };
    await stores.archive.import('never', endless());
  },

  /** Makes durable writes for ever and tells each one once it has been acknowledged. */
  async write() {
    for (let n = 0; ; n += 1) {
      await stores.firmware.put(aFirmware({ id: `acknowledged-${n}` }));
      const rollout = `rollout-${n}`;
      await stores.rollouts.put(aRollout({ id: rollout }), [aDecision({ rollout })]);
      const token = tokenOf(n);
      await stores.tokens.issue(aToken(token));
      await stores.tokens.begin(token.hash, 'only', NOW);
      await stores.tokens.complete(token.hash, 'only', [0, aToken().size], NOW);
      say(n);
    }
  },
};

process.on('message', async () => {
  const result = await roles[role]?.();
  await stores.close();
  say({ result });
  process.disconnect();
});
say('ready');
