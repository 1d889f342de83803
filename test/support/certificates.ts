import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate and its key, both as PEM text. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority that issues certificates for one test. */
export interface TestAuthority {
  /** The authority's own certificate, as PEM text: what a client trusts. */
  readonly ca: string;
  /** For a server under these host names and addresses. */
  server(...names: readonly string[]): Promise<Pair>;
  /** For a client whose common name is this. */
  client(commonName: string): Promise<Pair>;
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function privatePem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return x509.PemConverter.encode(der, 'PRIVATE KEY');
}

/** A new authority, valid from a day ago for `days`; another of the same name is not trusted in its place. */
export async function testAuthority(days = 30): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await newKeys();
  const name = 'CN=Firmwire test authority';
  const valid = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + days * DAY_MS),
  };
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    ...valid,
    name,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const issue = async (commonName: string, usage: string, names: readonly string[]): Promise<Pair> => {
    const pair = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      ...valid,
      subject: `CN=${commonName}`,
      issuer: name,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      publicKey: pair.publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: cert.toString('pem'), key: await privatePem(pair) };
  };
  return {
    ca: own.toString('pem'),
    server: (...names) => issue(names[0] ?? 'localhost', x509.ExtendedKeyUsage.serverAuth, names),
    client: (commonName) => issue(commonName, x509.ExtendedKeyUsage.clientAuth, []),
  };
}
