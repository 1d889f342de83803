import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where programs are looked for: servers are in /usr/sbin, which Debian leaves out of an ordinary user's PATH. */
export const SYSTEM_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(
  delimiter,
);

/** True if the program is somewhere in `path` and may be executed. */
export const isInstalled = (tool: string, path = SYSTEM_PATH): boolean =>
  path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
