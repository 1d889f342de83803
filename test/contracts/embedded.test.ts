import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedStores, openEmbedded } from '../../broker/storage/embedded/index.js';
import { describeAccountStore } from './account-store.js';
import { describeArchive } from './archive.js';
import { describeDueDevices } from './device-due.js';
import { describeDeviceStore } from './device-store.js';
import { describeFirmwareStore } from './firmware-store.js';
import type { Open } from './harness.js';
import { describeHistoryStore } from './history-store.js';
import { describeRetainedStore } from './retained-store.js';
import { describeSignerStore } from './signer-store.js';
import { describeTokenChange } from './token-change.js';
import { describeTokenStore } from './token-store.js';

const NAME = 'embedded';

/** Opens a new directory twice. */
const opening =
  <T>(pick: (stores: EmbeddedStores) => T): Open<T> =>
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'firmwire-embedded-'));
    const stores = await openEmbedded(dir);
    const others = await openEmbedded(dir);
    return {
      store: pick(stores),
      other: pick(others),
      close: async () => {
        await others.close();
        await stores.close();
        await rm(dir, { recursive: true });
      },
    };
  };

describeAccountStore(
  NAME,
  opening(({ accounts }) => accounts),
);
describeDeviceStore(
  NAME,
  opening(({ devices }) => devices),
);
describeDueDevices(
  NAME,
  opening(({ devices }) => devices),
);
describeFirmwareStore(
  NAME,
  opening(({ firmware }) => firmware),
);
describeSignerStore(
  NAME,
  opening(({ signers }) => signers),
);
describeHistoryStore(
  NAME,
  opening((stores) => stores),
);
describeTokenStore(
  NAME,
  opening(({ tokens }) => tokens),
);
describeTokenChange(
  NAME,
  opening((stores) => stores),
);
describeRetainedStore(
  NAME,
  opening(({ retained }) => retained),
);
describeArchive(NAME, async () => ({
  ...(await opening((stores) => stores)()),
  followed: async () => {},
}));
