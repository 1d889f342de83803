import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { expect } from 'chai';
import { Certificate } from '../../../../scripts/server/tls/certificate.js';
import { type Pair, type TestAuthority, testAuthority } from '../../../support/certificates.js';
import { CollectingLog } from '../../../support/collecting-log.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { writePair } from '../../../support/secure-server.js';

const DAY_MS = 86_400_000;

describe('the certificate in use', () => {
  let folder: string;
  let cert: string;
  let key: string;
  let authority: TestAuthority;
  let [first, second]: Pair[] = [];
  let log: CollectingLog;
  let clock: FakeClock;
  let certificate: Certificate;
  let served: TlsOptions[];

  before(async () => {
    authority = await testAuthority(100);
    [first, second] = await Promise.all([authority.server('localhost'), authority.server('localhost')]);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-cert-'));
    cert = join(folder, 'cert.pem');
    key = join(folder, 'key.pem');
    await writePair(first as Pair, cert, key);
    log = new CollectingLog();
    clock = new FakeClock();
    served = [];
    await open();
  });
  afterEach(async () => {
    certificate.close();
    await rm(folder, { recursive: true });
  });

  async function open(checkMs = 3_600_000): Promise<void> {
    const parts = {
      cert,
      key,
      clientCa: '',
      minVersion: 'TLSv1.2',
      handshakeMs: 1000,
      checkMs,
      clock,
      log,
    } as const;
    certificate = await Certificate.open(parts);
    certificate.feed({ setSecureContext: (options) => void served.push(options) });
  }
  const inUse = (): string => String(certificate.options.cert);
  const said = (level: string): string[] =>
    log.lines.filter((line) => line.level === level).map(({ message }) => message);

  it('changes over to a new pair, at every port, with the tickets of before', async () => {
    const { ticketKeys } = certificate.options;
    await writePair(second as Pair, cert, key);
    await certificate.reload();
    expect(inUse()).to.equal(second?.cert);
    expect(served.map((options) => String(options.cert))).to.deep.equal([second?.cert]);
    expect(served[0]?.ticketKeys).to.equal(ticketKeys);
    expect(said('info')).to.deep.equal(['new certificate in use']);
  });

  it('stays while the files hold the same', async () => {
    await certificate.reload();
    expect(served).to.deep.equal([]);
  });

  it('stays when only one of the two files is new, until the other is', async () => {
    await writeFile(cert, second?.cert ?? '');
    await certificate.reload();
    expect(inUse()).to.equal(first?.cert);
    expect(log.lines.map(({ facts }) => facts['code'])).to.include('config_invalid');
    expect(said('error')).to.deep.equal(['the new certificate cannot be used; the one before stays in use']);
    await writeFile(key, second?.key ?? '');
    await certificate.reload();
    expect(inUse()).to.equal(second?.cert);
  });

  const WAYS: readonly [string, () => Promise<unknown>][] = [
    ['written into', () => writePair(second as Pair, cert, key)],
    [
      'renamed over',
      async () => {
        await writePair(second as Pair, `${cert}.new`, `${key}.new`);
        await rename(`${key}.new`, key);
        await rename(`${cert}.new`, cert);
      },
    ],
    [
      'links that are turned elsewhere',
      async () => {
        await writePair(second as Pair, `${cert}.new`, `${key}.new`);
        for (const path of [key, cert]) {
          await symlink(`${path}.new`, `${path}.link`);
          await rename(`${path}.link`, path);
        }
      },
    ],
  ];
  for (const [way, replace] of WAYS)
    it(`is looked for by itself: files that are ${way}`, async () => {
      certificate.close();
      await open(20);
      const changed = new Promise<void>((resolve) => certificate.feed({ setSecureContext: () => resolve() }));
      await replace();
      await changed;
      expect(inUse()).to.equal(second?.cert);
    });

  it('tells once a day that its end is near, and then that it is over', async () => {
    const end = certificate.notAfter;
    expect(said('warn')).to.deep.equal([]);
    clock.sleep(end - clock.now() - 13.5 * DAY_MS);
    clock.advance(DAY_MS);
    clock.advance(DAY_MS);
    expect(said('warn').length).to.be.within(2, 3);
    expect(new Set(said('warn'))).to.deep.equal(new Set(['the certificate ends soon']));
    clock.sleep(20 * DAY_MS);
    clock.advance(DAY_MS);
    expect(said('error')).to.include('the certificate has expired: clients that check it stay away');
  });

  it('waits for nothing once closed', () => {
    certificate.close();
    expect(clock.pending).to.equal(0);
  });
});
