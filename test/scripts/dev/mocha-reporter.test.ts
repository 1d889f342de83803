import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const REPORTER = fileURLToPath(new URL('../../../scripts/dev/mocha-reporter.js', import.meta.url));

describe('the reporter', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'firmwire-reporter-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function lastLineOf(spec: string): string | undefined {
    const file = join(folder, 'spec.cjs');
    writeFileSync(file, spec);
    const { stdout } = spawnSync(
      process.execPath,
      [MOCHA, '--no-config', '--exit', '--reporter', REPORTER, file],
      { encoding: 'utf8' },
    );
    expect(stdout.endsWith('\n')).to.equal(true);
    return stdout.slice(0, -1).split('\n').at(-1);
  }

  it('ends with the counts when all is well', () => {
    expect(lastLineOf('it("a", () => {}); it("b", () => {});')).to.equal('2 passed, 0 failed');
  });

  it('ends with the counts after the list of failures', () => {
    expect(lastLineOf('it("a", () => {}); it("b", () => { throw new Error("no"); });')).to.equal(
      '1 passed, 1 failed',
    );
  });
});
