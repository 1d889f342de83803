import { expect } from 'chai';
import { spawnFirmwire } from './harness.js';

const PUBLISH = ['publish', 'package.json', '--version', '1.1.0'];
const SIMULATE = ['simulate', '--platform', 'p', '--version', '1'];

/** What was typed, and what the one line on stderr has to name. */
const CASES: readonly [args: readonly string[], told: string][] = [
  [[], '--help'],
  [['nonsense'], "unknown command 'nonsense'"],
  [['devcies'], 'Did you mean devices?'],
  [['help', 'nonsense'], '--help'],
  [['--nonsense'], "unknown option '--nonsense'"],
  [['devices', '--jsno'], 'Did you mean --json?'],
  [['devices', 'a', 'b'], 'too many arguments'],
  [['devices', '--data'], "'--data <dir>' argument missing"],
  [['devices', '--server', 'nowhere'], "'nowhere' is invalid"],
  [['devices', '--credentials', '/nonexistent/keys.json'], '/nonexistent/keys.json: there is no such file'],
  [['publish', '--version', '1.1.0', '--platform', 'p'], "missing required argument 'files'"],
  [['publish', 'package.json', '--platform', 'p'], 'which version? Name --version, or a --manifest'],
  [[...PUBLISH, '--manifest', 'none'], 'none: there is no such file'],
  [['trust', 'k.pub', '--remove', 'x'], 'either a file to trust, or --remove'],
  [['keygen'], "'--out <file>' not specified"],
  [['sign', 'package.json', '--key', 'k'], "'--version <version>' not specified"],
  [PUBLISH, '--platform'],
  [[...PUBLISH, '--platform', 'p', '--rollout', 'some'], 'Allowed choices are all-at-once, none'],
  [['publish', 'missing.bin', '--version', '1', '--platform', 'p'], 'missing.bin: there is no such file'],
  [['publish', '.', '--version', '1', '--platform', 'p'], '. is not a file'],
  [['withdraw'], "missing required argument 'id'"],
  [['update'], "missing required argument 'udid'"],
  [['approve'], "missing required argument 'udid'"],
  [['decline'], "missing required argument 'udid'"],
  [['later'], "missing required argument 'udid'"],
  [['owner'], '--help'],
  [['owner', 'remove'], "unknown command 'remove'"],
  [['owner', 'add'], "missing required argument 'name'"],
  [['owner', 'add', ' '], 'name of the owner is empty'],
  [['owner', 'add', 'n', '--config', '/nonexistent.yaml'], '/nonexistent.yaml: there is no such file'],
  [['key'], '--help'],
  [['store'], '--help'],
  [['key', 'add', '--alias', 'a'], "'--scope <scope>' not specified"],
  [['key', 'add', '--scope', 'device'], "'--alias <alias>' not specified"],
  [['key', 'add', '--alias', 'a', '--scope', 'root'], 'Allowed choices are device, owner'],
  [['key', 'revoke'], "missing required argument 'id'"],
  [SIMULATE, "'--devices <n>' not specified"],
  [[...SIMULATE, '--devices', '0'], "'0' is invalid"],
  [[...SIMULATE, '--devices', '2.5'], "'2.5' is invalid"],
  [[...SIMULATE, '--devices', '2', '--owner-says', 'maybe'], 'Allowed choices are yes, no'],
  [[...SIMULATE, '--devices', '2', '--timeout', 'soon'], "'soon' is invalid"],
  [['demo', '--devices', 'many'], "'many' is invalid"],
  [['connect'], "'--to <url>' not specified"],
  [['connect', '--to', 'http://h:7443'], "'http://h:7443' is invalid"],
  [['connect', '--to', 'https://h/path'], "'https://h/path' is invalid"],
  [['connect', '--to', 'https://user@h'], "'https://user@h' is invalid"],
  [['connect', '--to', 'h:7443'], "'h:7443' is invalid"],
  [['connect', '--to', 'https://h', '--mqtts', 'mqtts://h:1'], "'mqtts://h:1' is invalid"],
  [['connect', '--to', 'https://h', '--mqtts', 'h:99999'], "'h:99999' is invalid"],
  [['connect', '--to', 'https://h', '--http-port', '65536'], "'65536' is invalid"],
  [['connect', '--to', 'https://h', '--cache-bytes', '1GB'], "'1GB' is invalid"],
  [['connect', '--to', 'https://h', '--mdns-interface', 'eth0'], "'eth0' is invalid"],
  [['connect', '--to', 'https://h', '--log-level', 'all'], 'Allowed choices are debug, info, warn, error'],
  [['connect', '--to', 'https://h', '--ca', '/nonexistent.pem'], '--ca: /nonexistent.pem: cannot be read'],
  [
    ['connect', '--to', 'https://h', '--ca', 'package.json'],
    '--ca: package.json: holds no certificate in PEM',
  ],
  [['connect', '--to', 'https://h', '--insecure'], "unknown option '--insecure'"],
  [['serve', '--config', '/nonexistent.yaml'], '/nonexistent.yaml: there is no such file'],
  [['serve', 'extra'], 'too many arguments'],
];

describe('command line: wrong use', () => {
  for (const [args, told] of CASES)
    it(`firmwire ${args.join(' ')}`, async () => {
      const { exitCode, out, err } = await spawnFirmwire(args);
      expect(err).to.match(/^firmwire: .+\n$/);
      expect(err).to.include(told);
      expect(out).to.equal('');
      expect(exitCode).to.equal(2);
    });

  it('stops at a wrong setting and names it', async () => {
    const { exitCode, out, err } = await spawnFirmwire(['serve'], { FIRMWIRE_MQTT_PORT: 'abc' });
    expect(err).to.match(/^firmwire: mqtt\.port: must be .* got "abc" .*\n$/);
    expect([exitCode, out]).to.deep.equal([2, '']);
  });
});

describe('command line: help', () => {
  for (const args of [['--help'], ['help'], ['help', 'publish'], ['key', 'add', '--help']])
    it(`firmwire ${args.join(' ')} goes to stdout and is no failure`, async () => {
      const { exitCode, out, err } = await spawnFirmwire(args);
      expect(out).to.include('Usage: firmwire');
      expect([exitCode, err]).to.deep.equal([0, '']);
    });

  it('tells the version of firmwire, also next to commands with a --version of their own', async () => {
    const { exitCode, out, err } = await spawnFirmwire(['--version']);
    expect(out.split('\n')).to.have.length(2);
    expect([exitCode, err]).to.deep.equal([0, '']);
  });
});
