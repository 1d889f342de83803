import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const MAIN = fileURLToPath(new URL('../../../scripts/bench/safety/main.js', import.meta.url));

describe('npm run bench:safety, in small', () => {
  let stdout = '';
  before(async () => {
    // It exits with 1 if a goal is missed, and this rejects.
    ({ stdout } = await promisify(execFile)(process.execPath, [MAIN, '--devices', '5000', '--seeds', '5']));
  });

  it('every goal is met, whatever the firmware breaks', () => {
    const rows = stdout.split('\n').flatMap((line) => {
      const [, name, goal] = /^\| (.+?) +\|.+\| +(met|MISSED) \|$/.exec(line) ?? [];
      return name === undefined ? [] : [`${name}: ${goal}`];
    });
    expect(rows).to.deep.equal([
      '100 % at boot: met',
      '100 % after an hour: met',
      '100 % of one chip: met',
      '30 % at boot: met',
      '30 % after an hour: met',
      '5 % at boot: met',
      '5 % after an hour: met',
      'good: met',
    ]);
  });

  it('a halt is told with its evidence', () =>
    expect(stdout).to.match(/for example: \d+ of \d+ (updated )?devices .+ \(stage \d\)/));
});
