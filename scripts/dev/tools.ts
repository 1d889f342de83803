import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where programs are looked for: servers are in /usr/sbin, which Debian leaves out of an ordinary user's PATH. */
export const SYSTEM_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(
  delimiter,
);

/** Where in `path` the program is that may be executed; undefined if it is nowhere. */
export const whereIs = (tool: string, path = SYSTEM_PATH): string | undefined =>
  path
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** True if the program is somewhere in `path` and may be executed. */
export const isInstalled = (tool: string, path = SYSTEM_PATH): boolean => whereIs(tool, path) !== undefined;
