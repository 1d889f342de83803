import type { Scenario } from '../model.js';
import { DOWNLOADS } from './downloads.js';
import { httpCheckIn } from './http-check-in.js';
import { httpTokens } from './http-tokens.js';
import { slowReaders } from './slow-readers.js';

/** What devices do over HTTP. */
export const HTTP_SCENARIOS: readonly Scenario[] = [httpCheckIn, httpTokens, ...DOWNLOADS, slowReaders];
