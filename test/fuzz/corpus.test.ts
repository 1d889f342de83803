import { readdir, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { restored, type StoredFinding } from '../../scripts/fuzz/case.js';
import { play, wrongAnswer } from '../../scripts/fuzz/play.js';
import { probe } from '../../scripts/fuzz/probe.js';
import { SLOWEST_PROBE_MS } from '../../scripts/fuzz/run.js';
import { Target } from '../../scripts/fuzz/target.js';

/** Beside the sources: the compiler copies no JSON that nobody imports. */
const CORPUS = new URL('../../../test/fuzz/corpus/', import.meta.url);

describe('what the fuzzers have found', () => {
  let target: Target;
  let findings: readonly (readonly [name: string, finding: StoredFinding])[];

  before(async () => {
    const names = await readdir(CORPUS);
    findings = await Promise.all(
      names.map(async (name) => [name, JSON.parse(await readFile(new URL(name, CORPUS), 'utf8'))] as const),
    );
    target = await Target.start();
  });
  after(() => target.stop());

  it('does no harm any more, and others are served', async () => {
    expect(findings).to.not.have.length(0);
    for (const [name, { cases }] of findings) {
      expect(cases, name).to.not.have.length(0);
      for (const one of cases.map(restored))
        expect(wrongAnswer(one.door, await play(one, target)), name).to.equal(undefined);
      expect(target.wrong, name).to.deep.equal([]);
    }
    expect(await probe(target, target.credentials)).to.be.below(SLOWEST_PROBE_MS);
    expect(target.wrong).to.deep.equal([]);
  });
});
