import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const packed = promisify(gzip);

const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

/**
 * Puts a gzipped copy beside every built file, for the server to send, prints what each weighs, and fails the build past
 * the budget: what a page weighs only grows if nobody looks.
 * @param limit bytes of all files together, gzipped
 */
export function sizeBudget(folder: string, limit: number): Plugin {
  return {
    name: 'size-budget',
    apply: 'build',
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths = entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name));
      const sizes = await Promise.all(
        paths.map(async (path) => {
          const bytes = await packed(await readFile(path), { level: 9 });
          await writeFile(`${path}.gz`, bytes);
          return { kind: extname(path).slice(1), bytes: bytes.length };
        }),
      );
      const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
      const kinds = [...new Set(sizes.map(({ kind }) => kind))].sort();
      const parts = kinds.map((kind) => {
        const ofKind = sizes.filter((size) => size.kind === kind);
        return `${kind} ${kB(ofKind.reduce((sum, { bytes }) => sum + bytes, 0))}`;
      });
      const line = `The owner's page: ${kB(total)} gzipped of ${kB(limit)} (${parts.join(', ')})`;
      if (total > limit) this.error(line);
      // Past the log level: the rest of what Vite has to say is of no interest each time.
      console.log(line);
    },
  };
}
