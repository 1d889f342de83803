/**
 * Makes sure of what the end-to-end tests need besides Node: Debian's mosquitto-clients and curl. Installs them where that is
 * certainly wanted (root, apt-get, nothing to ask), otherwise says what to install and ends with 1.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Each tool and the Debian package it is in. */
const TOOLS = {
  mosquitto_sub: 'mosquitto-clients',
  mosquitto_pub: 'mosquitto-clients',
  curl: 'curl',
} as const;
type Tool = keyof typeof TOOLS;

function isInstalled(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const missing = (): Tool[] => (Object.keys(TOOLS) as Tool[]).filter((tool) => !isInstalled(tool));
const packagesOf = (tools: readonly Tool[]): string[] => [...new Set(tools.map((tool) => TOOLS[tool]))];

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
  const packages = packagesOf(missing());
  process.stdout.write(`Installing ${packages.join(' and ')}, which the end-to-end tests use.\n`);
  return aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...packages);
}

if (missing().length > 0 && !(installed() && missing().length === 0)) {
  process.stderr.write(
    `The tests need ${missing().join(' and ')}: install with apt-get install ${packagesOf(missing()).join(' ')}.\n`,
  );
  process.exitCode = 1;
}
