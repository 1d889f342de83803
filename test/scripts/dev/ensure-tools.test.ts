import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PROGRAM = fileURLToPath(new URL('../../../scripts/dev/ensure-tools.js', import.meta.url));

/** Runs it where no program is to be found, so that nothing can be installed either. */
const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', env: { PATH: '/nowhere' } });

describe('ensure-tools', () => {
  it('names what the tests need and the packages it is in, each once', () => {
    const { status, stderr } = run();
    expect([status, stderr]).to.deep.equal([
      1,
      'For the tests mosquitto_sub and mosquitto_pub and curl and redis-server and chromium and faketime and g++ must be there: ' +
        'install with apt-get install mosquitto-clients curl redis-server chromium faketime g++.\n',
    ]);
  });

  it('names what the bench needs', () => {
    const { status, stderr } = run('bench');
    expect(status).to.equal(1);
    // The servers may be in /usr/sbin, where it looks, too.
    expect(stderr).to.match(/^For the bench .*taskset.* must be there: .*util-linux.*\.\n$/);
  });

  it('refuses a purpose that it does not know', () => {
    const { status, stderr } = run('cooking');
    expect([status, stderr]).to.deep.equal([
      1,
      'Nobody knows what "cooking" needs: name tests or bench or page.\n',
    ]);
  });
});
