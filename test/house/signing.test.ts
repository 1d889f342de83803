import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { isSignature, publicHalf, signerId } from '../../core/signing/keys.js';
import { MAX_SEQUENCE, readManifest } from '../../core/signing/manifest.js';
import { openManifest, signManifest } from '../../core/signing/sign.js';
import { NOW, OWNER } from '../support/builders.js';
import { aPair, RFC_8032_KEY, someClaims } from '../support/signing.js';

const ROOT = new URL('../../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

describe('docs/signing.md', () => {
  it('has a test vector that is true', async () => {
    const text = await read('docs/signing.md');
    const vector = /^```\n(firmwire-manifest 1\n[\s\S]*?)^```/m.exec(text)?.[1] ?? '';
    const publicKey = publicHalf(RFC_8032_KEY);
    expect(text).to.include(publicKey);
    const signer = { id: signerId(publicKey), owner: OWNER, alias: '', publicKey, createdAt: NOW };
    const manifest = openManifest(vector, [signer]);
    expect(signManifest(manifest, RFC_8032_KEY)).to.equal(vector);
    expect(
      isSignature(manifest.signature, Buffer.from(vector.split('signature ')[0] ?? ''), publicKey),
    ).to.equal(true);
  });

  it('names tests that there are', async () => {
    const rows = [...(await read('docs/signing.md')).matchAll(/\| `(test\/[^`]+)`: "([^"]+)" \|$/gm)];
    expect(rows).to.have.length.greaterThan(10);
    for (const [, path = '', name = ''] of rows)
      expect(await read(path), `${path}: ${name}`).to.include(name);
  });
});

/** Prints what docs/examples/signed-update/manifest.h makes of a manifest, and of one in base64url, as JSON. */
const PROGRAM = `
#include "manifest.h"
#include <stdio.h>
static char text[20000], decoded[8192];
static void hex(const char *name, const uint8_t *bytes, size_t n) {
  printf(",\\"%s\\":\\"", name);
  for (size_t i = 0; i < n; i++) printf("%02x", bytes[i]);
  printf("\\"");
}
int main() {
  size_t n = fread(text, 1, sizeof text - 1, stdin);
  firmwire::Manifest m;
  if (n > 0 && text[0] == '#') {
    n = firmwire::fromBase64url(text + 1, decoded, sizeof decoded);
    memcpy(text, decoded, n);
  }
  if (!firmwire::readManifest(text, n, &m)) { printf("null"); return 0; }
  printf("{\\"owner\\":\\"%s\\",\\"platform\\":\\"%s\\",\\"version\\":\\"%s\\",\\"sequence\\":%lu,\\"expires\\":%llu,\\"rollback\\":%s,\\"files\\":%lu,\\"size\\":%lu,\\"signedLength\\":%lu",
    m.owner, m.platform, m.version, (unsigned long)m.sequence, (unsigned long long)m.expires, m.rollback ? "true" : "false",
    (unsigned long)m.files, (unsigned long)m.size, (unsigned long)m.signedLength);
  hex("sha256", m.sha256, 32);
  hex("signature", m.signature, 64);
  printf("}");
}
`;

describe("the example's reader of manifests", function () {
  this.timeout(60_000);
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'firmwire-manifest-'));
    await writeFile(join(dir, 'main.cpp'), PROGRAM);
    const example = fileURLToPath(new URL('docs/examples/signed-update', ROOT));
    const flags = ['-std=c++11', '-Wall', '-Wextra', '-Werror', '-O1', '-fsanitize=address,undefined'];
    const made = spawnSync('g++', [
      ...flags,
      '-I',
      example,
      '-o',
      join(dir, 'reader'),
      join(dir, 'main.cpp'),
    ]);
    expect(made.stderr.toString()).to.equal('');
  });
  after(() => rm(dir, { recursive: true }));

  const parsed = (text: string | Buffer): Record<string, unknown> | null => {
    const { stdout, stderr, status } = spawnSync(join(dir, 'reader'), { input: text });
    expect([status, stderr.toString()]).to.deep.equal([0, '']);
    return JSON.parse(stdout.toString());
  };

  it('reads what the server reads, and signs off on the same bytes', () => {
    const { privateKey, signer } = aPair();
    const file = { name: 'a.bin', size: 2 ** 32 - 1, sha256: 'c3'.repeat(32) };
    for (const claims of [
      someClaims(),
      someClaims({ rollback: true, sequence: MAX_SEQUENCE, platform: 'nodemcu', files: [file] }),
      someClaims({
        owner: 'z'.repeat(128),
        version: '1'.repeat(64),
        platform: `${'p'.repeat(32)}:${'q'.repeat(32)}`,
      }),
      someClaims({ files: [file, { ...file, name: 'b c.bin', size: 7 }] }),
    ]) {
      const text = signManifest(claims, privateKey);
      const { owner, platform, version, sequence, expires, rollback, files, signature, signed } =
        readManifest(text);
      const first = { size: files[0]?.size, sha256: files[0]?.sha256 };
      const same = {
        owner,
        platform,
        version,
        sequence,
        expires,
        rollback,
        files: files.length,
        ...first,
        signature,
      };
      const found = parsed(text);
      expect(found).to.deep.equal({ ...same, signedLength: signed.length });
      expect(parsed(`#${Buffer.from(text).toString('base64url')}`), 'from the header').to.deep.equal(found);
      const covered = Buffer.from(text).subarray(0, Number(found?.['signedLength']));
      expect(isSignature(String(found?.['signature']), covered, signer.publicKey)).to.equal(true);
    }
  });

  it('takes no changed byte, by itself or by the signature that it returns', () => {
    const { privateKey, signer } = aPair();
    const bytes = Buffer.from(signManifest(someClaims(), privateKey));
    const places = [...Array(bytes.length).keys()].filter(
      (n) => n % 9 === 0 || bytes[n] === 0x20 || bytes[n] === 0x0a,
    );
    for (const at of places) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const found = parsed(changed);
      if (found === null) continue;
      const covered = changed.subarray(0, Number(found['signedLength']));
      expect(isSignature(String(found['signature']), covered, signer.publicKey), `${at}`).to.equal(false);
    }
    for (const length of [0, 1, 19, 20, 100, bytes.length - 1])
      expect(parsed(bytes.subarray(0, length)), `${length} bytes`).to.equal(null);
    expect(parsed(Buffer.concat([bytes, Buffer.from('\n')]))).to.equal(null);
    expect(parsed('#not base64url!')).to.equal(null);
    expect(parsed(`#${'A'.repeat(15_000)}`), 'longer than there is room').to.equal(null);
  });
});
