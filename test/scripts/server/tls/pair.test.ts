import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FirmwireError } from '../../../../core/errors.js';
import { readPair } from '../../../../scripts/server/tls/pair.js';
import { type Pair, testAuthority } from '../../../support/certificates.js';
import { writePair } from '../../../support/secure-server.js';

describe('a certificate and its key', () => {
  let folder: string;
  let cert: string;
  let key: string;
  let pairs: Pair[];
  before(async () => {
    const authority = await testAuthority(100);
    pairs = await Promise.all([authority.server('localhost'), authority.server('localhost')]);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-pair-'));
    cert = join(folder, 'cert.pem');
    key = join(folder, 'key.pem');
    await writePair(pairs[0] as Pair, cert, key);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const refusal = async (): Promise<string> => {
    const error = await readPair(cert, key).catch((reason: unknown) => reason);
    if (!(error instanceof FirmwireError)) throw new Error(`not refused: ${error}`);
    expect(error.code).to.equal('config_invalid');
    return error.message;
  };

  it('are read, with the end of the certificate', async () => {
    const pair = await readPair(cert, key);
    expect(pair.cert.toString()).to.equal(pairs[0]?.cert);
    expect(pair.isKeyOpen).to.equal(false);
    const days = (pair.notAfter - Date.now()) / 86_400_000;
    expect(days).to.be.within(99, 100);
  });

  it('may not be readable by everybody without a word', async () => {
    await chmod(key, 0o644);
    expect((await readPair(cert, key)).isKeyOpen).to.equal(true);
    await chmod(key, 0o640);
    expect((await readPair(cert, key)).isKeyOpen, 'a group such as ssl-cert').to.equal(false);
  });

  it('have to belong together', async () => {
    await writeFile(key, pairs[1]?.key ?? '');
    expect(await refusal()).to.equal(`tls.key: ${key} is not the key of the certificate in ${cert}`);
  });

  const DAMAGE: readonly [string, () => Promise<unknown>, RegExp][] = [
    ['a missing certificate', () => rm(cert), /^tls\.cert: .*cert\.pem is not there$/],
    ['a missing key', () => rm(key), /^tls\.key: .*key\.pem is not there$/],
    ['an empty certificate', () => writeFile(cert, ''), /^tls\.cert: .* cannot be used/],
    [
      'a key that is cut short',
      () => writeFile(key, (pairs[0]?.key ?? '').slice(0, 60)),
      /^tls\.key: .* cannot be used/,
    ],
    [
      'the key in the place of the certificate',
      () => writeFile(cert, pairs[0]?.key ?? ''),
      /^tls\.cert: .* cannot be used/,
    ],
    [
      'a broken link of the chain',
      () =>
        writeFile(cert, `${pairs[0]?.cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
      /^tls\.cert: .* cannot be used/,
    ],
  ];
  for (const [what, damage, expected] of DAMAGE)
    it(`${what} is named, and the key is not quoted`, async () => {
      await damage();
      const message = await refusal();
      expect(message).to.match(expected);
      expect(message).not.to.include('PRIVATE KEY');
    });
});
