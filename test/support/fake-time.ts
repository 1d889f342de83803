import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARIES = '/usr/lib';
const LIBRARY = 'faketime/libfaketime.so.1';

/** Where Debian puts the library: below a folder that is named after the machine's kind. */
async function libraryPath(): Promise<string> {
  for (const kind of await readdir(LIBRARIES)) {
    const names = await readdir(join(LIBRARIES, kind, 'faketime')).catch((): string[] => []);
    if (names.includes('libfaketime.so.1')) return join(LIBRARIES, kind, LIBRARY);
  }
  throw new Error('A test sets the clock of a server, and needs libfaketime: apt-get install faketime');
}

/** The clock of a process that is started with `environment`; timers go on as if nothing happened, as they do really. */
export class FakeTime {
  private constructor(
    readonly environment: NodeJS.ProcessEnv,
    private readonly folder: string,
    private readonly file: string,
  ) {}

  static async make(): Promise<FakeTime> {
    const library = await libraryPath();
    const folder = await mkdtemp(join(tmpdir(), 'firmwire-time-'));
    const file = join(folder, 'shift');
    await writeFile(file, '+0');
    return new FakeTime(
      {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
      folder,
      file,
    );
  }

  /** Sets the clock so many days before or after the real time, at once. */
  async shift(days: number): Promise<void> {
    await writeFile(this.file, `${days < 0 ? '' : '+'}${days}d`);
  }

  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
