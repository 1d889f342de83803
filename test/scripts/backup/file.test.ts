import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { extract, pack } from 'tar-stream';
import { openBlobs } from '../../../broker/storage/blobs.js';
import { type EmbeddedStores, openEmbedded } from '../../../broker/storage/embedded/index.js';
import { sha256 } from '../../../core/account.js';
import type { BlobStore } from '../../../core/ports.js';
import { writeBackup } from '../../../scripts/backup/backup.js';
import { type Counts, checksumsText } from '../../../scripts/backup/format.js';
import { type Part, readBackup } from '../../../scripts/backup/reader.js';
import { EVERYTHING, entriesOf, sorted } from '../../contracts/archive.js';
import { collect } from '../../contracts/harness.js';
import { aDevice, aFirmware, OWNER } from '../../support/builders.js';

interface TarEntry {
  readonly name: string;
  readonly content: Buffer;
  readonly type?: 'symlink';
}

const BLOCK = 512;
const IMAGE = Buffer.from('the bytes of a firmware, not many of them');
const LARGE = Buffer.alloc(200_000, 'large ');
const ENTRIES = [
  ...EVERYTHING.filter(({ kind }) => kind !== 'firmware'),
  ...[
    aFirmware({ sha256: sha256(IMAGE), size: IMAGE.length }),
    aFirmware({
      id: 'two',
      version: '1.2.0',
      manifest: 'signed\n',
      sha256: sha256(LARGE),
      size: LARGE.length,
    }),
    aFirmware({ id: 'again', version: '1.3.0', sha256: sha256(IMAGE), size: IMAGE.length }),
  ].map((value) => ({ kind: 'firmware', value }) as const),
];

const options = { version: '0.1.0', now: 1_750_000_000_000, signal: new AbortController().signal };

async function unpack(tar: Buffer): Promise<TarEntry[]> {
  const reader = extract();
  reader.end(tar);
  const entries: TarEntry[] = [];
  for await (const entry of reader as AsyncIterable<unknown> as AsyncIterable<
    AsyncIterable<Buffer> & { header: { name: string } }
  >)
    entries.push({ name: entry.header.name, content: Buffer.concat(await collect(entry)) });
  return entries;
}

async function repack(entries: readonly TarEntry[]): Promise<Buffer> {
  const writer = pack();
  for (const { name, content, type } of entries)
    if (type) writer.entry({ name, type, linkname: '/etc/passwd' });
    else writer.entry({ name }, content);
  writer.finalize();
  return buffer(writer as AsyncIterable<unknown> as AsyncIterable<Buffer>);
}

/** The same with checksums that fit: damage that only looking at the content shows. */
function rechecked(entries: readonly TarEntry[], version?: number): TarEntry[] {
  const last = entries.at(-1);
  const counts: Counts = JSON.parse(String(last?.content)).counts;
  const before = entries.slice(0, -1);
  const digest = ({ content }: TarEntry) => createHash('sha256').update(content).digest('hex');
  const text = checksumsText(counts, new Map(before.map((entry) => [entry.name, digest(entry)])), version);
  return [...before, { name: 'checksums.json', content: Buffer.from(text) }];
}

describe('the file of a backup', () => {
  let folder: string;
  let path: string;
  let stores: EmbeddedStores;
  let blobs: BlobStore;
  let whole: Buffer;
  let parts: TarEntry[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-backup-'));
    path = join(folder, 'file.tar');
    stores = await openEmbedded(join(folder, 'store'));
    blobs = await openBlobs(join(folder, 'firmware'), 0);
    for (const bytes of [IMAGE, LARGE]) await (await blobs.stage(bytes, bytes.length, 0)).keep();
    await stores.archive.import('the-store', entriesOf(ENTRIES));
    await writeBackup({ kind: 'embedded', stores, blobs }, path, options);
    whole = await readFile(path);
    parts = await unpack(whole);
  });
  after(async () => {
    await stores.close();
    await rm(folder, { recursive: true });
  });

  const read = async (file: Buffer): Promise<Part[]> => {
    await writeFile(path, file);
    return collect(readBackup(path));
  };
  /** Why a file is refused; fails if it is not. */
  const refusal = async (file: Buffer, code = 'backup_invalid'): Promise<string> => {
    const error: unknown = await read(file).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error, 'it was taken').to.be.instanceOf(Error);
    expect(error).to.have.property('code', code);
    return error instanceof Error ? error.message : '';
  };
  const recordsOf = (found: readonly Part[]) =>
    sorted(found.flatMap((part) => (part.kind === 'record' ? [part.entry] : [])));
  const named = (name: RegExp): TarEntry => {
    const found = parts.find((part) => name.test(part.name));
    if (!found) throw new Error(`no ${name}`);
    return found;
  };
  const replaced = (name: RegExp, change: (content: Buffer) => Buffer | string): TarEntry[] =>
    parts.map((part) =>
      name.test(part.name) ? { ...part, content: Buffer.from(change(part.content)) } : part,
    );

  it('holds every record and all bytes once, in the order of the format, readable by its owner alone', async () => {
    expect(parts.map(({ name }) => name)).to.deep.equal([
      'manifest.json',
      'devices/000001.ndjson',
      'history/000001.ndjson',
      'tokens/000001.ndjson',
      'retained/000001.ndjson',
      `firmware/${sha256(IMAGE)}`,
      `firmware/${sha256(LARGE)}`,
      'firmware/000001.ndjson',
      'marks/000001.ndjson',
      'signers/000001.ndjson',
      'keys/000001.ndjson',
      'owners/000001.ndjson',
      'checksums.json',
    ]);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    const found = await read(whole);
    expect(recordsOf(found)).to.deep.equal(sorted(ENTRIES));
    expect(found.at(-1)).to.deep.equal({
      kind: 'end',
      counts: {
        device: 3,
        history: 2,
        token: 3,
        retained: 2,
        firmware: 3,
        marks: 1,
        signer: 3,
        key: 3,
        owner: 2,
        bytes: 2,
      },
    });
    expect(JSON.parse(String(named(/manifest/).content))).to.deep.equal({
      format: 'firmwire-backup',
      version: 4,
      createdAt: new Date(options.now).toISOString(),
      firmwire: '0.1.0',
      store: { id: 'the-store', kind: 'embedded' },
    });
  });

  it('is compressed if its name ends in .gz, and is read whatever it is called', async () => {
    const zipped = join(folder, 'file.tar.gz');
    await writeBackup({ kind: 'embedded', stores, blobs }, zipped, options);
    const bytes = await readFile(zipped);
    expect(gunzipSync(bytes).equals(whole)).to.equal(true);
    expect(recordsOf(await read(bytes))).to.deep.equal(sorted(ENTRIES));
  });

  it('is split into parts of bounded size, which come back as one', async () => {
    const many = await openEmbedded(join(folder, 'many'));
    try {
      const udid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
      const devices = Array.from({ length: 2500 }, (_, n) => aDevice({ udid: udid(n) }));
      const entries = [
        ...devices.map((value) => ({ kind: 'device', value }) as const),
        { kind: 'owner', value: { id: OWNER, name: 'Ann', createdAt: 1 } } as const,
      ];
      await many.archive.import('many', entriesOf(entries));
      const file = join(folder, 'many.tar');
      await writeBackup({ kind: 'embedded', stores: many, blobs }, file, options);
      const names = (await unpack(await readFile(file))).map(({ name }) => name);
      expect(names.filter((name) => name.startsWith('devices/'))).to.deep.equal([
        'devices/000001.ndjson',
        'devices/000002.ndjson',
        'devices/000003.ndjson',
      ]);
      expect(recordsOf(await read(await readFile(file)))).to.deep.equal(sorted(entries));
      const without = (await unpack(await readFile(file))).filter(({ name }) => !name.includes('000002'));
      expect(await refusal(await repack(rechecked(without)))).to.match(
        /devices\/000003.*before it is missing/,
      );
    } finally {
      await many.close();
    }
  });

  it('cut off anywhere it is refused, also between two parts', async () => {
    const cuts = new Set([0, 1, BLOCK - 1, whole.length - 1, whole.length - BLOCK, whole.length - 2 * BLOCK]);
    let at = 0;
    for (const { content } of parts) {
      cuts
        .add(at)
        .add(at + BLOCK)
        .add(at + BLOCK + content.length);
      at += BLOCK + Math.ceil(content.length / BLOCK) * BLOCK;
      cuts.add(at).add(at + 1);
    }
    for (const cut of cuts) await refusal(whole.subarray(0, cut));
    const zipped = gzipSync(whole);
    for (const cut of [5, zipped.length - 1, zipped.length - 8, zipped.length >> 1])
      await refusal(zipped.subarray(0, cut));
  });

  it('with one byte flipped it is refused, or it was a byte that carries nothing', async () => {
    /** Padding behind a part, and how the sum in a header is written: neither says anything. */
    const idle = new Set<number>();
    const places: number[] = [];
    let at = 0;
    for (const { content } of parts) {
      for (let i = 148; i < 156; i += 1) idle.add(at + i);
      for (let i = 0; i < BLOCK; i += 7) places.push(at + i);
      const step = Math.max(1, Math.floor(content.length / 40));
      for (let i = 0; i < content.length; i += step) places.push(at + BLOCK + i);
      const end = at + BLOCK + content.length;
      at += BLOCK + Math.ceil(content.length / BLOCK) * BLOCK;
      for (let i = end; i < at; i += 1) idle.add(i);
      places.push(end);
    }
    for (let i = at; i < whole.length; i += 100) places.push(i);
    /** One bit makes it a later version. */
    const version = whole.indexOf('"version": 4') + '"version": '.length;
    let refused = 0;
    for (const place of places) {
      const flipped = Buffer.from(whole);
      flipped[place] = (flipped[place] ?? 0) ^ 0x01;
      if (idle.has(place)) {
        const found = await read(flipped).catch(() => undefined);
        if (found) expect(recordsOf(found)).to.deep.equal(sorted(ENTRIES));
      } else {
        await refusal(flipped, place === version ? 'backup_newer' : 'backup_invalid');
        refused += 1;
      }
    }
    expect(refused).to.be.greaterThan(600);
  });

  it('with a part in the wrong place, twice, missing, or one too many it is refused', async () => {
    const [manifest, devices, tokens, ...rest] = parts;
    if (!manifest || !devices || !tokens) throw new Error('no parts');
    const checksums = rest.slice(-1);
    const middle = rest.slice(0, -1);
    const extra: TarEntry = { name: 'devices/000002.ndjson', content: devices.content };
    const variants: Readonly<Record<string, readonly TarEntry[]>> = {
      'wrong place': [manifest, tokens, devices, ...rest],
      'does not begin with manifest.json': [devices, manifest, tokens, ...rest],
      'there twice': [manifest, devices, devices, tokens, ...rest],
      'not fit|is not what it was|checksums.json: ': [manifest, devices, extra, tokens, ...rest],
      'devices/000001.ndjson is missing': [manifest, tokens, ...rest],
      'checksums.json is missing': [manifest, devices, tokens, ...middle],
      'something follows the end': [...parts, extra],
      'no such part': [
        manifest,
        { name: 'users/000001.ndjson', content: Buffer.from('{}\n') },
        ...parts.slice(1),
      ],
    };
    for (const [reason, entries] of Object.entries(variants))
      expect(await refusal(await repack(entries))).to.match(new RegExp(reason));
    // Fit by their checksums, and still wrong.
    for (const reason of ['wrong place', 'does not begin', 'no such part']) {
      const found = Object.entries(variants).find(([name]) => name.startsWith(reason));
      expect(await refusal(await repack(rechecked(found?.[1] ?? [])))).to.match(new RegExp(reason));
    }
    expect(checksums).to.have.length(1);
  });

  it('with names that lead elsewhere, links or bytes under a wrong name it is refused', async () => {
    const [manifest, ...rest] = parts;
    if (!manifest) throw new Error('no manifest');
    for (const name of [
      '../devices/000001.ndjson',
      '/etc/passwd',
      'devices/../../x',
      'devices/1.ndjson',
      'devices/0000001.ndjson',
      'firmware/ABC',
      `firmware/${'A'.repeat(64)}`,
      'long/'.repeat(60),
      'ü',
    ])
      await refusal(await repack(rechecked([manifest, { name, content: Buffer.from('x') }, ...rest])));
    const link: TarEntry = { name: 'devices/000002.ndjson', content: Buffer.alloc(0), type: 'symlink' };
    expect(await refusal(await repack([manifest, link, ...rest]))).to.match(/not a file/);
    const wrong = { name: `firmware/${'ab'.repeat(32)}`, content: IMAGE };
    expect(await refusal(await repack(rechecked([manifest, wrong, ...rest])))).to.match(
      /ab: the bytes are not/,
    );
  });

  it('with records that are none it is refused, and says which line', async () => {
    const change = async (name: RegExp, edit: (text: string) => string) =>
      refusal(await repack(rechecked(replaced(name, (content) => edit(String(content))))));
    const member = (edit: (record: Record<string, unknown>) => unknown) => (text: string) => {
      const [first = '', ...others] = text.split('\n');
      return [JSON.stringify(edit(JSON.parse(first))), ...others].join('\n');
    };
    expect(await change(/devices/, (text) => text.replace('{', '['))).to.match(
      /devices\/000001.ndjson: line 1/,
    );
    expect(await change(/devices/, (text) => text.slice(0, -1))).to.match(/last line is cut off/);
    expect(
      await change(
        /devices/,
        member((d) => ({ ...d, added: 1 })),
      ),
    ).to.match(/line 1: \/added is not known/);
    expect(
      await change(
        /devices/,
        member(({ udid: _, ...d }) => d),
      ),
    ).to.match(/line 1: .*udid/);
    expect(
      await change(
        /devices/,
        member((d) => ({ ...d, owner: '../x' })),
      ),
    ).to.match(/line 1: \/owner/);
    expect(
      await change(
        /tokens/,
        member((t) => ({ ...t, spans: [[1]] })),
      ),
    ).to.match(/line 1: \/spans/);
    expect(
      await change(
        /tokens/,
        member((t) => ({ ...t, hash: 'x' })),
      ),
    ).to.match(/line 1: \/hash/);
    expect(
      await change(
        /keys/,
        member((k) => ({ ...k, scope: 'root' })),
      ),
    ).to.match(/line 1: \/scope/);
    expect(
      await change(
        /retained/,
        member((m) => ({ ...m, qos: 3 })),
      ),
    ).to.match(/line 1: \/qos/);
    expect(
      await change(
        /firmware\/0/,
        member((f) => ({ ...f, size: 1 })),
      ),
    ).to.match(/line 1: .*are missing/);
    expect(
      await change(
        /firmware\/0/,
        member((f) => ({ ...f, sha256: 'cd'.repeat(32) })),
      ),
    ).to.match(/line 1: .*are missing/);
    expect(await change(/owners/, () => 'null\n')).to.match(/line 1/);
  });

  for (const [version, kinds, folders] of [
    [1, ['history', 'marks', 'signer'], /^(history|marks|signers)\//],
    [3, ['marks', 'signer'], /^(marks|signers)\//],
  ] as const)
    it(`of version ${version}, which had no ${kinds.join(', ')}, is read`, async () => {
      const old = replaced(/manifest/, (content) =>
        String(content).replace('"version": 4', `"version": ${version}`),
      );
      const without = old.filter(({ name }) => !folders.test(name));
      const told = JSON.parse(String(without.at(-1)?.content));
      for (const kind of kinds) delete told.counts[kind];
      const content = Buffer.from(JSON.stringify(told));
      const found = await read(
        await repack(rechecked([...without.slice(0, -1), { name: 'checksums.json', content }], version)),
      );
      const left = ENTRIES.filter(({ kind }) => !kinds.some((gone) => gone === kind));
      expect(recordsOf(found)).to.deep.equal(sorted(left));
      const first = old.find(({ name }) => folders.test(name))?.name ?? 'none';
      expect(await refusal(await repack(rechecked(old, version)))).to.include(
        `${first}: a backup has no such part`,
      );
      expect(await refusal(await repack(rechecked(without, 4)))).to.match(/checksums/);
    });

  it('of a newer version, or of another program it is refused', async () => {
    const manifest = (edit: (facts: Record<string, unknown>) => unknown) =>
      repack(rechecked(replaced(/manifest/, (content) => JSON.stringify(edit(JSON.parse(String(content)))))));
    expect(
      await refusal(await manifest((facts) => ({ ...facts, version: 5, more: [] })), 'backup_newer'),
    ).to.match(/newer version of Firmwire \(format 5; this one knows 4\)/);
    expect(await refusal(await manifest((facts) => ({ ...facts, format: 'other' })))).to.match(
      /not the manifest/,
    );
    expect(await refusal(await manifest((facts) => ({ ...facts, version: 0 })))).to.match(/not the manifest/);
    await refusal(await manifest(() => null));
    await refusal(Buffer.from('hello'));
    await refusal(Buffer.alloc(0));
    await refusal(Buffer.alloc(10_240));
    await refusal(gzipSync(Buffer.from('hello')));
    await refusal(await repack([]));
  });

  it('says so, and leaves nothing behind, if the bytes of a firmware are missing or not what they were', async () => {
    const dir = join(folder, 'broken');
    const other = await openBlobs(dir, 0);
    await (await other.stage(IMAGE, IMAGE.length, 0)).keep();
    const target = join(folder, 'out', '..', 'broken.tar');
    const attempt = async () => {
      const failed = await writeBackup({ kind: 'x', stores, blobs: other }, target, options).catch(
        (error: unknown) => error,
      );
      expect(failed).to.have.property('code', 'firmware_damaged');
      expect((await readdir(folder)).filter((name) => name.includes('broken.tar'))).to.deep.equal([]);
      return failed instanceof Error ? failed.message : '';
    };
    expect(await attempt()).to.match(/firmware two \(version 1\.2\.0\) cannot be read\. Withdraw it/);
    for (const wrong of [Buffer.alloc(LARGE.length, 'x'), LARGE.subarray(1), Buffer.alloc(0)]) {
      await writeFile(join(dir, sha256(LARGE)), wrong);
      expect(await attempt()).to.match(/firmware two \(version 1\.2\.0\) are/);
    }
  });

  it('leaves out firmware that is withdrawn while it is being copied', async () => {
    const racing: BlobStore = {
      ...wrapped(blobs),
      open(digest, start, end) {
        if (digest !== sha256(LARGE)) return blobs.open(digest, start, end);
        return blobs.open('00'.repeat(32), start, end);
      },
    };
    const gone = { ...stores, firmware: { ...stores.firmware, get: async () => undefined } };
    const target = join(folder, 'racing.tar');
    const { counts } = await writeBackup({ kind: 'x', stores: gone, blobs: racing }, target, options);
    expect([counts.firmware, counts.bytes]).to.deep.equal([2, 1]);
    await collect(readBackup(target));
  });

  it('is given up without a trace when it is to end', async () => {
    const stop = new AbortController();
    const target = join(folder, 'ended.tar');
    const ending = { ...stores, archive: { ...stores.archive, export: () => endless(() => stop.abort()) } };
    const failed = await writeBackup({ kind: 'x', stores: ending, blobs }, target, {
      ...options,
      signal: stop.signal,
    }).catch((error: Error) => error.name);
    expect(failed).to.equal('AbortError');
    expect((await readdir(folder)).filter((name) => name.includes('ended'))).to.deep.equal([]);
  });

  it('says what the disk says, and leaves nothing behind', async () => {
    const target = join(folder, 'no such folder', 'file.tar');
    const failed = await writeBackup({ kind: 'x', stores, blobs }, target, options).catch(
      (error: unknown) => error,
    );
    expect(failed).to.have.property('code', 'ENOENT');
    if (process.platform === 'linux') {
      const full = await writeBackup(
        { kind: 'x', stores, blobs },
        join(folder, 'a'.repeat(250)),
        options,
      ).catch((error: unknown) => error);
      expect(full).to.have.property('code', 'ENAMETOOLONG');
    }
  });
});

/** Its methods, which stand on its class. */
const wrapped = (blobs: BlobStore): BlobStore => ({
  stage: (...args) => blobs.stage(...args),
  cached: (...args) => blobs.cached(...args),
  open: (...args) => blobs.open(...args),
  remove: (digest) => blobs.remove(digest),
  clean: (isUsed) => blobs.clean(isUsed),
});

/** Devices without end; `stop` is called after some. */
async function* endless(stop: () => void) {
  for (let n = 0; ; n += 1) {
    if (n === 5000) stop();
    yield { kind: 'device', value: aDevice() } as const;
  }
}
