import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** What each folder may import from besides itself; the picture in docs/architecture.md. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  broker: ['core'],
  plugins: ['broker', 'core'],
  'http-fallback': ['core'],
  scripts: ['http-fallback', 'plugins', 'broker', 'core'],
  rtm: ['core'],
};

/** Packages that only one folder knows. */
const HOME: Readonly<Record<string, RegExp>> = {
  aedes: /^(broker|scripts)\//,
  lmdb: /^broker\/storage\//,
  // Beside the product, it is a peer that the bench compares with.
  fastify: /^(http-fallback|scripts\/server|scripts\/bench\/peers)\//,
  '@aws-sdk/client-s3': /^broker\/storage\/s3\//,
  ioredis: /^broker\/(storage|nodes)\//,
  'bonjour-service': /^scripts\/connect\//,
  commander: /^scripts\//,
  mqtt: /^(scripts|rtm)\//,
  preact: /^rtm\//,
  '@preact/signals': /^rtm\//,
  uplot: /^rtm\//,
  '@tanstack/virtual-core': /^rtm\//,
  '@picocss/pico': /^rtm\//,
  // A browser is for tests of the page, and for pictures of it.
  'playwright-core': /^(test|scripts\/dev|scripts\/bench)\//,
  'axe-core': /^(test|scripts\/dev)\//,
};

/** `@picocss/pico/css/pico.min.css` is of `@picocss/pico`. */
const packageOf = (target: string): string =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

/** Only programs touch the process; a library that reads argv or env surprises whoever embeds it. A name in quotes is a name. */
const PROCESS = /(?<!')\bprocess\.(argv|env|exit|exitCode|on|once|stdout|stderr|kill)\b/;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

async function sourcesOf(folder: string): Promise<Source[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name));
  return Promise.all(
    files.map(async (entry) => {
      const path = relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/');
      const text = await readFile(join(ROOT, path), 'utf8');
      const imports = [...text.matchAll(/(?:from|import\(?)\s*'([^']+)'/g)].map(([, target = '']) => target);
      return { path, text, imports };
    }),
  );
}

const folderOf = (path: string): string => path.split('/')[0] ?? '';

describe('the house', () => {
  let sources: Source[];

  before(async () => {
    sources = (await Promise.all(Object.keys(MAY_IMPORT).map(sourcesOf))).flat();
    expect(sources.length).to.be.greaterThan(50);
  });

  it('imports go down only, and siblings never import each other', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => target.startsWith('.'))
        .map((target) => posix.join(posix.dirname(path), target))
        .filter((target) => folderOf(target) !== folderOf(path))
        .filter((target) => !MAY_IMPORT[folderOf(path)]?.includes(folderOf(target)))
        .map((target) => `${path} -> ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('keeps each technology in its own folder', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => HOME[packageOf(target)]?.test(path) === false)
        .map((target) => `${path} -> ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('gives the page types and pure rules, and nothing of core that needs a server', () => {
    const wrong = sources
      .filter(({ path }) => folderOf(path) === 'rtm')
      .flatMap(({ path, text }) =>
        [
          ...text.matchAll(
            /^(?:import|export) (?!type )[^;]*? from '([^']*core\/(?:services|nodes)\/[^']*)'/gm,
          ),
        ].map(([, target]) => `${path} -> ${target}`),
      );
    expect(wrong).to.deep.equal([]);
  });

  it('touches the process in scripts/ only', () => {
    const wrong = sources.filter(({ path, text }) => folderOf(path) !== 'scripts' && PROCESS.test(text));
    expect(wrong.map(({ path }) => path)).to.deep.equal([]);
  });

  it('keeps files short enough to be about one thing', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 300);
    expect(long.map(({ path }) => path)).to.deep.equal([]);
  });
});
