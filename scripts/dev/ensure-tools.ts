/**
 * Makes sure of what is needed besides Node for the purpose that its argument names: `tests` (also without one), `bench`
 * or `page`.
 * Installs Debian's packages where that is certainly wanted (root, apt-get, nothing to ask), otherwise says what to
 * install and ends with 1.
 */
import { spawnSync } from 'node:child_process';
import { isInstalled } from './tools.js';

/** For each purpose the tools and the Debian package each is in. */
const NEEDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  tests: {
    mosquitto_sub: 'mosquitto-clients',
    mosquitto_pub: 'mosquitto-clients',
    curl: 'curl',
    'redis-server': 'redis-server',
    chromium: 'chromium',
    faketime: 'faketime',
    'g++': 'g++',
  },
  bench: {
    mosquitto: 'mosquitto',
    nginx: 'nginx-light',
    taskset: 'util-linux',
    'redis-server': 'redis-server',
  },
  page: {
    chromium: 'chromium',
    taskset: 'util-linux',
  },
};

const purpose = process.argv[2] ?? 'tests';
const packages = NEEDS[purpose] ?? {};

const missing = (): string[] => Object.keys(packages).filter((tool) => !isInstalled(tool));
const packagesOf = (tools: readonly string[]): string[] => [
  ...new Set(tools.map((tool) => packages[tool] ?? tool)),
];

/** True if it ended with 0. Its output is shown only if it did not. */
function aptGet(...args: string[]): boolean {
  const result = spawnSync('apt-get', ['-qq', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status === 0) return true;
  process.stderr.write(`apt-get ${args.join(' ')} failed:\n${result.stderr ?? ''}${result.error ?? ''}\n`);
  return false;
}

function installed(): boolean {
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) return false;
  const wanted = packagesOf(missing());
  process.stdout.write(`Installing ${wanted.join(' and ')} for the ${purpose}.\n`);
  return aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...wanted);
}

if (!(purpose in NEEDS)) {
  process.stderr.write(`Nobody knows what "${purpose}" needs: name ${Object.keys(NEEDS).join(' or ')}.\n`);
  process.exitCode = 1;
} else if (missing().length > 0 && !(installed() && missing().length === 0)) {
  const [tools, wanted] = [missing().join(' and '), packagesOf(missing()).join(' ')];
  process.stderr.write(
    `For the ${purpose} ${tools} must be there: install with apt-get install ${wanted}.\n`,
  );
  process.exitCode = 1;
}
