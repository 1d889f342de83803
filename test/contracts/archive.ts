import { expect } from 'chai';
import type { RetainedStore } from '../../broker/retained.js';
import type { StoreEntry, Stores } from '../../core/ports.js';
import { asked } from '../../core/update.js';
import {
  aDevice,
  aFirmware,
  aToken,
  HOUR,
  NOW,
  OTHER_OWNER,
  OTHER_UDID,
  OWNER,
  UDID,
} from '../support/builders.js';
import { aPair } from '../support/signing.js';
import { collect, type Opened, plain, range } from './harness.js';

/** What an archive moves, and what shows that it arrived. */
export type Archived = Omit<Stores, 'close'> & { readonly retained: RetainedStore };

/** A store, and another node on it. */
export interface OpenedArchive extends Opened<Archived> {
  /** Resolves once the other node serves what an import or a clearing has put in the place of what it knew. */
  followed(): Promise<void>;
}

const hash = (n: number): string => `${n}`.padStart(64, '0');
export const udidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const anOwner = (id = OWNER) => ({ id, name: `Ann of ${id.slice(0, 2)} 💥`, createdAt: NOW });
const aKey = (n: number, owner = OWNER) =>
  ({
    hash: hash(n),
    owner,
    alias: `key ${n}`,
    scope: n % 2 ? 'owner' : 'device',
    createdAt: NOW + n,
  }) as const;

const FIRMWARE = aFirmware({ notes: 'Zeile 1\n"Zeile 2"\u2028', tags: ['a', 'b'], envHash: 'cafe' });
const WAITING = {
  ...asked(undefined, { id: FIRMWARE.id, version: FIRMWARE.version, size: FIRMWARE.size }, '1.0.0', NOW),
  postponedUntil: NOW + HOUR,
};
const DONE = aToken({
  hash: hash(3),
  firstAttemptAt: NOW + 1,
  attempt: 'the only',
  spans: [[0, 300_000]],
  expiresAt: NOW + HOUR,
  completedAt: NOW + 2,
});
const BEGUN = aToken({
  hash: hash(4),
  udid: OTHER_UDID,
  firstAttemptAt: NOW,
  attempt: 'first',
  spans: [
    [0, 10],
    [20, 30],
  ],
  params: { use: 'ott' },
  expiresAt: NOW + HOUR + 1,
});

/** One of everything, in every shape that a record can have. */
export const EVERYTHING: readonly StoreEntry[] = [
  {
    kind: 'device',
    value: aDevice({
      update: WAITING,
      declined: ['0.9.0'],
      tags: ['kitchen'],
      freeSpace: 1,
      signer: 's',
      sequence: 7,
    }),
  },
  {
    kind: 'device',
    value: aDevice({ udid: OTHER_UDID, mac: undefined, introduced: false, version: undefined }),
  },
  { kind: 'device', value: aDevice({ udid: udidOf(1), owner: OTHER_OWNER, status: '{"a":"}}"}\u0000é💥' }) },
  {
    kind: 'history',
    value: {
      udid: UDID,
      entries: [
        { event: 'created', at: NOW - HOUR },
        { event: 'failed', at: NOW - 9, version: '1.1.0', firmware: 'one', error: 'Wrong "MD5" 💥' },
        { event: 'downloading', at: NOW - 5, since: NOW - 8, count: 2, version: '1.1.0', progress: 40 },
        { event: 'checkin', at: NOW, version: '1.0.0' },
      ],
    },
  },
  { kind: 'history', value: { udid: OTHER_UDID, entries: [{ event: 'checkout', at: NOW }] } },
  { kind: 'token', value: DONE },
  { kind: 'token', value: aToken() },
  { kind: 'token', value: BEGUN },
  { kind: 'retained', value: { topic: '/a/app/é💥', payload: Buffer.from([0, 255, 10, 13]), qos: 1 } },
  { kind: 'retained', value: { topic: `/a/${'long'.repeat(1000)}`, payload: Buffer.from('x'), qos: 0 } },
  { kind: 'firmware', value: FIRMWARE },
  {
    kind: 'firmware',
    value: aFirmware({ id: 'one', udid: UDID, platform: undefined, createdAt: NOW - 2 * HOUR }),
  },
  { kind: 'firmware', value: aFirmware({ id: 'theirs', owner: OTHER_OWNER, sha256: 'cc'.repeat(32) }) },
  { kind: 'firmware', value: aFirmware({ id: 'signed', version: '1.2.0', manifest: 'a\nb\n' }) },
  {
    kind: 'marks',
    value: {
      owner: OWNER,
      marks: [
        { platform: 'arduino:esp8266', udid: undefined, tags: ['a'], signer: 's', published: 9, released: 0 },
        { platform: 'arduino', udid: UDID, tags: [], signer: 't', published: 2 ** 32 - 1, released: 7 },
      ],
    },
  },
  { kind: 'signer', value: aPair().signer },
  { kind: 'signer', value: aPair({ alias: 'bob 💥', createdAt: NOW + 1 }).signer },
  { kind: 'signer', value: aPair({ owner: OTHER_OWNER }).signer },
  { kind: 'key', value: aKey(1) },
  { kind: 'key', value: { ...aKey(2), expiresAt: NOW + 1, device: UDID } },
  { kind: 'key', value: aKey(5, OTHER_OWNER) },
  { kind: 'owner', value: anOwner() },
  { kind: 'owner', value: anOwner(OTHER_OWNER) },
];

/** Entries that can be compared, in one order for all storages. */
export const sorted = (entries: readonly StoreEntry[]): string[] =>
  entries.map((entry) => JSON.stringify(inOrder(plain(entry)))).sort();

/** The members of objects in the order of their names. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, inOrder(member)]),
  );
}

export async function* entriesOf(entries: Iterable<StoreEntry>): AsyncIterable<StoreEntry> {
  yield* entries;
}

/** What every `StoreArchive` does. */
export function describeArchive(name: string, open: () => Promise<OpenedArchive>): void {
  describe(`${name}: archive`, () => {
    let opened: OpenedArchive;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const all = async (stores: Archived) => sorted(await collect(stores.archive.export()));
    /** Imports, and lets the other node see it. */
    const load = async (id: string, entries: readonly StoreEntry[]) => {
      await opened.store.archive.import(id, entriesOf(entries));
      await opened.followed();
    };
    const fill = () => load('the-id', EVERYTHING);

    it('a new store is empty and has an id of its own, the same on every node', async () => {
      expect(await opened.store.archive.isEmpty()).to.equal(true);
      expect(await all(opened.store)).to.deep.equal([]);
      const id = await opened.store.archive.id();
      expect(id).to.match(/^[!-~]{8,128}$/);
      expect(await opened.other.archive.id()).to.equal(id);
      const second = await open();
      expect(await second.store.archive.id()).to.not.equal(id);
      await second.close();
    });

    for (const { kind, value } of EVERYTHING)
      it(`is not empty with one ${kind} (${JSON.stringify(value).length} characters)`, async () => {
        await load('id', [{ kind, value } as StoreEntry]);
        expect(await opened.other.archive.isEmpty()).to.equal(false);
      });

    it('gives every record exactly as it was written, and the id', async () => {
      await fill();
      expect(await all(opened.other)).to.deep.equal(sorted(EVERYTHING));
      expect(await opened.other.archive.id()).to.equal('the-id');
    });

    it('gives what points to something before that', async () => {
      await fill();
      const kinds = (await collect(opened.store.archive.export())).map(({ kind }) => kind);
      expect([...new Set(kinds)]).to.deep.equal([
        'device',
        'history',
        'token',
        'retained',
        'firmware',
        'marks',
        'signer',
        'key',
        'owner',
      ]);
    });

    it('writes every index', async () => {
      await fill();
      const { accounts, devices, firmware, signers, tokens, retained } = opened.other;
      expect((await devices.findByMac(OWNER, '5CCF7F1A2B3C'))?.udid).to.equal(UDID);
      expect((await devices.list(OTHER_OWNER, 10)).items.map(({ udid }) => udid)).to.deep.equal([udidOf(1)]);
      expect((await devices.due(NOW + HOUR, 10)).map(({ udid }) => udid)).to.deep.equal([UDID]);
      expect((await firmware.list(OWNER)).map(({ id }) => id)).to.deep.equal(['one', FIRMWARE.id, 'signed']);
      expect(await firmware.marks(OWNER)).to.have.length(2);
      expect((await signers.list(OWNER)).map(({ alias }) => alias)).to.deep.equal(['ann', 'bob 💥']);
      expect(await firmware.isUsed('cc'.repeat(32))).to.equal(true);
      expect((await accounts.listKeys(OWNER)).map(({ alias }) => alias)).to.deep.equal(['key 1', 'key 2']);
      expect(await collect(accounts.owners())).to.have.length(2);
      const topics = [];
      for await (const { topic } of retained.withPrefix('/a/app')) topics.push(topic);
      expect(topics).to.deep.equal(['/a/app/é💥']);
      await tokens.kill(UDID);
      expect(await tokens.get(aToken().hash)).to.equal(undefined);
      expect(plain(await tokens.get(DONE.hash))).to.deep.equal(plain(DONE));
      expect(await tokens.sweep(NOW + HOUR, 10)).to.equal(1);
      expect(await tokens.get(DONE.hash)).to.equal(undefined);
    });

    it('a history goes on where it was', async () => {
      await fill();
      const next = { event: 'checkin', at: NOW + 1, version: '1.0.0' } as const;
      await opened.other.history.append(new Map([[UDID, [next]]]));
      const listed = await opened.store.history.list(UDID);
      expect(listed).to.have.length(4);
      expect(listed[0]).to.deep.equal({ ...next, since: NOW, count: 2 });
    });

    it('a token goes on where it was: one that is complete is not redeemed again, one that was begun ends', async () => {
      await fill();
      const { tokens } = opened.other;
      expect(await tokens.begin(DONE.hash, 'again', NOW + 3)).to.equal(undefined);
      expect(await tokens.complete(DONE.hash, 'the only', [0, 300_000], NOW + 3)).to.equal(false);
      expect(await tokens.cover(BEGUN.hash, 'first', [10, 20], NOW + 3)).to.equal(true);
      expect(await tokens.complete(BEGUN.hash, 'first', [30, 300_000], NOW + 3)).to.equal(true);
    });

    it('keeps the newest of several open tokens of one device, in whatever order they come', async () => {
      const old = aToken({ hash: hash(7), issuedAt: NOW - 2 });
      const older = aToken({ hash: hash(8), issuedAt: NOW - 3 });
      const entries = [old, aToken(), older].map((value) => ({ kind: 'token', value }) as const);
      await load('id', entries);
      const { tokens } = opened.other;
      const known = await Promise.all([old, aToken(), older].map((token) => tokens.get(token.hash)));
      expect(known.map(Boolean)).to.deep.equal([false, true, false]);
      expect(await tokens.sweep(NOW + 100 * HOUR, 10)).to.equal(1);
    });

    it('takes a record that comes twice as it came last', async () => {
      const again: StoreEntry[] = [
        { kind: 'device', value: aDevice({ mac: 'AABBCCDDEEFF', update: undefined }) },
        { kind: 'history', value: { udid: UDID, entries: [{ event: 'installed', at: NOW }] } },
        { kind: 'token', value: { ...BEGUN, spans: [[0, 300_000]], completedAt: NOW } },
      ];
      await load('id', [...EVERYTHING, ...again]);
      const { devices, tokens } = opened.other;
      expect(await devices.findByMac(OWNER, '5CCF7F1A2B3C')).to.equal(undefined);
      expect((await devices.findByMac(OWNER, 'AABBCCDDEEFF'))?.udid).to.equal(UDID);
      expect(await devices.due(NOW + HOUR, 10)).to.deep.equal([]);
      await tokens.kill(OTHER_UDID);
      expect((await tokens.get(BEGUN.hash))?.completedAt).to.equal(NOW);
      expect(await opened.other.history.list(UDID)).to.deep.equal([{ event: 'installed', at: NOW }]);
    });

    it('refuses to import into a store that is not empty, and changes nothing', async () => {
      await fill();
      const before = await all(opened.store);
      const refusal = await opened.other.archive
        .import('another', entriesOf([{ kind: 'owner', value: anOwner('cc'.repeat(32)) }]))
        .catch((error: unknown) => error);
      expect(refusal).to.have.property('code', 'store_not_empty');
      expect(await all(opened.store)).to.deep.equal(before);
      expect(await opened.store.archive.id()).to.equal('the-id');
    });

    it('clears everything, and can be filled again', async () => {
      await fill();
      await opened.store.archive.clear();
      expect(await opened.store.archive.isEmpty()).to.equal(true);
      expect(await opened.store.devices.findByMac(OWNER, '5CCF7F1A2B3C')).to.equal(undefined);
      await load('next', EVERYTHING);
      expect(await all(opened.other)).to.deep.equal(sorted(EVERYTHING));
      expect(await opened.other.archive.id()).to.equal('next');
    });

    it('throws what reading the entries throws', async () => {
      const broken = async function* (): AsyncIterable<StoreEntry> {
        yield* EVERYTHING;
        throw new Error('the disk has gone');
      };
      const failure = await opened.store.archive
        .import('id', broken())
        .catch((error: Error) => error.message);
      expect(failure).to.equal('the disk has gone');
    });

    it('moves more than fits one page or batch', async () => {
      const devices = range(2345).map((n) => aDevice({ udid: udidOf(n) }));
      const tokens = range(1234).map((n) => aToken({ hash: hash(n), udid: udidOf(n) }));
      const entries: StoreEntry[] = [
        ...devices.map((value) => ({ kind: 'device', value }) as const),
        ...tokens.map((value) => ({ kind: 'token', value }) as const),
        { kind: 'owner', value: anOwner() },
      ];
      await load('id', entries);
      expect(await all(opened.other)).to.deep.equal(sorted(entries));
    });

    it('reads whole records, and all that was there all the time, while another node writes', async () => {
      const count = 1500;
      const devices = range(count).map((n) => aDevice({ udid: udidOf(n), alias: 'v0', status: 'v0' }));
      const entries = devices.map((value) => ({ kind: 'device', value }) as const);
      await load('id', [...entries, { kind: 'owner', value: anOwner() }]);

      const stranger = 'cc'.repeat(32);
      const seen: StoreEntry[] = [];
      let round = 0;
      // Between any two records that are read, another node changes some, removes one and adds one.
      for await (const entry of opened.store.archive.export()) {
        seen.push(entry);
        if (seen.length % 100 !== 0) continue;
        round += 1;
        const { devices: others, accounts } = opened.other;
        const name = `v${round}`;
        await Promise.all([
          ...range(20).map((n) =>
            others.update(udidOf(n * 70), (d) => ({ ...d, alias: name, status: name })),
          ),
          others.remove(OWNER, udidOf(round * 71)),
          others.create(
            aDevice({
              udid: udidOf(5000 + round),
              owner: round % 2 ? OWNER : stranger,
              alias: name,
              status: name,
            }),
          ),
          accounts.addKey({ ...aKey(100 + round), owner: stranger }),
          accounts.createOwner(anOwner(stranger)),
        ]);
      }
      expect(round).to.be.greaterThan(10);
      const read = seen.flatMap((entry) => (entry.kind === 'device' ? [entry.value] : []));
      for (const { alias, status } of read) expect(status).to.equal(alias);
      const udids = new Set(read.map(({ udid }) => udid));
      const removed = new Set(range(round + 1).map((n) => udidOf(n * 71)));
      const always = range(count)
        .map(udidOf)
        .filter((udid) => !removed.has(udid));
      expect(always.filter((udid) => !udids.has(udid))).to.deep.equal([]);
      // Nothing of an owner who is not in it.
      expect(seen.filter(({ value }) => 'owner' in value && value.owner === stranger)).to.deep.equal([]);
      expect(seen.filter(({ kind }) => kind === 'owner')).to.have.length(1);

      const second = await open();
      await second.store.archive.import('id', entriesOf(seen));
      expect((await all(second.store)).length).to.be.at.least(always.length + 1);
      await second.close();
    });

    it('leaves out what points to nothing but what was removed while it read', async () => {
      await fill();
      const seen: StoreEntry[] = [];
      for await (const entry of opened.store.archive.export()) {
        if (seen.length === 0) await opened.other.firmware.remove(OWNER, FIRMWARE.id);
        seen.push(entry);
      }
      const firmware = seen.flatMap((entry) => (entry.kind === 'firmware' ? [entry.value.id] : []));
      expect(firmware.sort()).to.deep.equal(['one', 'signed', 'theirs']);
      const second = await open();
      await second.store.archive.import('id', entriesOf(seen));
      expect((await second.store.devices.get(UDID))?.update?.firmware).to.equal(FIRMWARE.id);
      await second.close();
    });
  });
}
