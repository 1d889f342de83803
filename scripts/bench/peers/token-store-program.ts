/** The embedded token store by itself: issues, begins and completes tokens as fast as it can. Argument: a new folder. */
import { randomUUID } from 'node:crypto';
import { openEmbedded } from '../../../broker/storage/embedded/index.js';
import { newToken, TOKEN_LIFE_MS, tokenHash } from '../../../core/token.js';
import { nowMs } from '../machine.js';

const SIZE = 4096;
const OWNER = 'f'.repeat(64);
const FIRMWARE = randomUUID();

const { tokens } = await openEmbedded(process.argv[2] ?? '');

async function cycle(udid: string): Promise<void> {
  const hash = tokenHash(newToken());
  const now = Date.now();
  await tokens.issue({
    hash,
    owner: OWNER,
    udid,
    firmware: FIRMWARE,
    sha256: OWNER,
    size: SIZE,
    params: {},
    issuedAt: now,
    expiresAt: now + TOKEN_LIFE_MS,
    firstAttemptAt: undefined,
    attempt: undefined,
    spans: [],
    completedAt: undefined,
  });
  const attempt = randomUUID();
  if (!(await tokens.begin(hash, attempt, now))) throw new Error('A token could not be begun.');
  if (!(await tokens.complete(hash, attempt, [0, SIZE], now))) throw new Error('A token was not completed.');
}

/** @returns ms that it took */
async function run(cycles: number, window: number): Promise<number> {
  const begun = nowMs();
  let left = cycles;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await cycle(randomUUID());
  };
  await Promise.all(Array.from({ length: window }, worker));
  return nowMs() - begun;
}

process.on('message', (question: string) => {
  const [cycles = 0, window = 0] = question.split(' ').map(Number);
  run(cycles, window).then(
    (ms) => process.send?.(ms),
    (error: unknown) => {
      process.stderr.write(String(error));
      process.exit(1);
    },
  );
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
process.stdout.write('ready\n');
