import { stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Published } from '../client/api.js';
import { print } from '../client/io.js';
import type { Publication } from '../client/upload.js';
import type { Cli } from './context.js';
import { UsageError } from './failures.js';
import { connect, type ServerOptions, withServerOptions } from './server.js';
import { count, printJson, size } from './text.js';
import { uploadBar } from './upload-bar.js';

interface PublishOptions extends ServerOptions, Omit<Publication, 'files' | 'tags' | 'version' | 'manifest'> {
  readonly tags?: string;
  readonly version?: string;
  /** The file of the manifest. */
  readonly manifest?: string;
}

async function checkFiles(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const facts = await stat(file).catch(() => undefined);
    if (!facts) throw new UsageError(`${file}: there is no such file`);
    if (!facts.isFile()) throw new UsageError(`${file} is not a file`);
  }
}

/** What a manifest says that need not be said again. */
async function signedIn(path: string) {
  const [{ readSmall }, { MAX_MANIFEST_BYTES, readManifest }] = await Promise.all([
    import('../signing/key-files.js'),
    import('../../core/signing/manifest.js'),
  ]);
  const { version, platform } = readManifest(await readSmall(path, MAX_MANIFEST_BYTES));
  return { version, platform };
}

async function publicationOf(files: readonly string[], options: PublishOptions): Promise<Publication> {
  const { manifest } = options;
  const signed = manifest === undefined ? undefined : await signedIn(manifest);
  const { version = signed?.version, platform = signed?.platform } = options;
  const { udid, notes, envHash, tags, rollout } = options;
  if (version === undefined) throw new UsageError('which version? Name --version, or a --manifest');
  if (platform === undefined && udid === undefined)
    throw new UsageError('for which devices? Name --platform, --udid or both');
  return {
    files,
    version,
    ...(platform !== undefined && { platform }),
    ...(udid !== undefined && { udid }),
    ...(notes !== undefined && { notes }),
    ...(envHash !== undefined && { envHash }),
    ...(tags !== undefined && { tags: tags.split(',').map((tag) => tag.trim()) }),
    ...(rollout !== undefined && { rollout }),
    ...(manifest !== undefined && { manifest }),
  };
}

function summary({ firmware, offered, asked }: Published): string {
  const target = [firmware.platform, firmware.udid].filter((part) => part != null).join(' ');
  const fate = `offered to ${count(offered, 'device')}, asked about ${asked}`;
  return `Published ${firmware.version} for ${target} as ${firmware.id} (${size(firmware.size)}): ${fate}.`;
}

/** `firmwire publish` */
export function addPublish(program: Command, cli: Cli): void {
  withServerOptions(
    program
      .command('publish')
      .description('publish firmware; devices that may have it are told at once')
      .argument('<files...>', 'the image, or several files for platforms that take files')
      .option('--version <version>', 'the version of the firmware (default: as the manifest says)')
      .option('--manifest <file>', 'what firmwire sign wrote about it')
      .option(
        '--platform <platform>',
        'for devices of this platform, such as arduino:esp8266 (default: as the manifest says)',
      )
      .option('--udid <udid>', 'for this device only')
      .option('--notes <text>', 'what the owner is told about it')
      .option('--env-hash <hash>', 'the hash of the build environment')
      .option('--tags <tags>', 'only for devices with all of these tags, comma separated')
      .addOption(
        new Option('--rollout <rollout>', 'whom to offer it to by itself').choices(['all-at-once', 'none']),
      ),
  ).action(async (files: string[], options: PublishOptions) => {
    await checkFiles(options.manifest === undefined ? files : [...files, options.manifest]);
    const publication = await publicationOf(files, options);
    const api = await connect(cli, options);
    const bar = uploadBar(cli.err, !options.json);
    try {
      const published = await api.publish(publication, bar.moved, cli.interrupt());
      bar.end();
      if (options.json) printJson(cli.out, published);
      else print(cli.out, summary(published));
    } finally {
      bar.end();
    }
  });
}
