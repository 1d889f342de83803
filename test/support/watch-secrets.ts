import { assertNoSecrets } from './secrets.js';

/** After every test of the whole suite: nothing that it wrote down or answered held a secret. Mocha loads this first. */
export const mochaHooks = {
  afterEach: (): void => assertNoSecrets(),
};
