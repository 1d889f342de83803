import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FirmwireError } from '../../../core/errors.js';
import { defaultSettings, loadSettings, type Sources } from '../../../scripts/config/load.js';

/** The message with which these sources are refused. */
async function refusal(sources: Sources): Promise<string> {
  const failure: unknown = await loadSettings(sources).catch((error: unknown) => error);
  if (!(failure instanceof FirmwireError))
    throw new Error('loadSettings did not refuse with a FirmwireError');
  expect(failure.code).to.equal('config_invalid');
  expect(failure.message).not.to.include('\n');
  return failure.message;
}

describe('config: loadSettings', () => {
  let folder: string;
  const yaml = async (text: string): Promise<string> => {
    const path = join(folder, 'some.yaml');
    await writeFile(path, text);
    return path;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firmwire-config-'));
  });
  after(() => rm(folder, { recursive: true }));

  describe('order of sources', () => {
    const overrides = { mqtt: { port: 4 } };
    const env = { FIRMWIRE_MQTT_PORT: '3' };

    it('takes the file before the default', async () => {
      const settings = await loadSettings({ file: await yaml('mqtt: { port: 2 }'), env: {} });
      expect(settings).to.deep.equal({ ...defaultSettings(), mqtt: { ...defaultSettings().mqtt, port: 2 } });
    });

    it('takes the environment before the file', async () => {
      const settings = await loadSettings({ file: await yaml('mqtt: { port: 2 }'), env });
      expect(settings.mqtt.port).to.equal(3);
    });

    it('takes overrides before the environment', async () => {
      const settings = await loadSettings({ file: await yaml('mqtt: { port: 2 }'), env, overrides });
      expect(settings.mqtt.port).to.equal(4);
    });

    it('finds the file that FIRMWIRE_CONFIG names', async () => {
      const settings = await loadSettings({ env: { FIRMWIRE_CONFIG: await yaml('data: /elsewhere') } });
      expect(settings.data).to.equal('/elsewhere');
    });

    it('judges only the value that wins', async () => {
      const settings = await loadSettings({ env: { FIRMWIRE_MQTT_PORT: 'abc' }, overrides });
      expect(settings.mqtt.port).to.equal(4);
    });

    it('hands out an object that nobody else holds', async () => {
      const first = await loadSettings({ env: {} });
      first.http.allowedOrigins.push('https://a.example');
      expect((await loadSettings({ env: {} })).http.allowedOrigins).to.deep.equal([]);
    });
  });

  describe('files', () => {
    it('replaces lists as a whole', async () => {
      const file = await yaml('http: { allowedOrigins: [https://a.example] }');
      expect((await loadSettings({ file, env: {} })).http.allowedOrigins).to.deep.equal([
        'https://a.example',
      ]);
    });

    for (const [name, text] of [
      ['an empty file', ''],
      ['nothing but comments', '# data: x'],
      ['a group without members', 'mqtt:\n  # port: 1\nhttp: {}'],
    ] as const)
      it(`takes ${name} for defaults`, async () => {
        expect(await loadSettings({ file: await yaml(text), env: {} })).to.deep.equal(defaultSettings());
      });

    it('can be told to read none', async () => {
      const env = { FIRMWIRE_CONFIG: await yaml('data: /elsewhere') };
      expect(await loadSettings({ file: false, env })).to.deep.equal(defaultSettings());
    });

    it('refuses a named file that is missing', async () => {
      const file = join(folder, 'missing.yaml');
      expect(await refusal({ file, env: {} })).to.equal(`${file}: there is no such file`);
    });

    it('refuses broken YAML in one line that tells where', async () => {
      expect(await refusal({ file: await yaml('mqtt: [\nport'), env: {} })).to.match(/some\.yaml: .*line 2/);
    });

    it('refuses a file that is no mapping', async () => {
      expect(await refusal({ file: await yaml('- 1'), env: {} })).to.include('must hold settings');
    });

    it('refuses a value where a group has to be', async () => {
      expect(await refusal({ file: await yaml('mqtt: 1883'), env: {} })).to.match(/^mqtt: must be a group/);
    });
  });

  describe("Home Assistant's prefix", () => {
    const prefixed = (prefix: string) =>
      loadSettings({ env: {}, file: false, overrides: { homeAssistant: { prefix } } });

    for (const prefix of ['homeassistant', 'ha/discovery', 'a', 'a-b_c.d', 'haus/ä', 'a/$b'])
      it(`may be ${prefix}`, async () =>
        expect((await prefixed(prefix)).homeAssistant.prefix).to.equal(prefix));

    const bad = [
      '',
      '/',
      '/ha',
      'ha/',
      'a//b',
      '#',
      'ha/#',
      '+',
      'ha+',
      '$SYS',
      '$share/g',
      'a b',
      'a\n',
      'a\u0000',
    ];
    for (const prefix of [...bad, 'x'.repeat(101), `${'a/'.repeat(8)}a`])
      it(`may not be ${JSON.stringify(prefix)}`, async () => {
        const failure = await prefixed(prefix).catch((error: unknown) => error);
        expect(String(failure)).to.include('homeAssistant.prefix: must be a topic such as homeassistant');
      });
  });

  describe('wrong values', () => {
    const cases: readonly [variable: string, text: string, message: string][] = [
      ['FIRMWIRE_MQTT_PORT', 'abc', 'mqtt.port: must be a whole number from 0 to 65535, got "abc"'],
      ['FIRMWIRE_MQTT_PORT', '', 'mqtt.port: must be a whole number from 0 to 65535, got ""'],
      ['FIRMWIRE_MQTT_PORT', '65536', 'mqtt.port: must be a whole number from 0 to 65535, got 65536'],
      ['FIRMWIRE_MQTT_PORT', '-1', 'mqtt.port: must be a whole number from 0 to 65535, got -1'],
      ['FIRMWIRE_MQTT_PORT', '1.5', 'mqtt.port: must be a whole number from 0 to 65535, got 1.5'],
      ['FIRMWIRE_MQTT_PORT', '0x10', 'mqtt.port: must be a whole number from 0 to 65535, got "0x10"'],
      [
        'FIRMWIRE_MQTT_DRAIN_SECONDS',
        '0',
        'mqtt.drainSeconds: must be a number above 0 and up to 86400, got 0',
      ],
      [
        'FIRMWIRE_OFFERS_FRESH_SECONDS',
        '1e9',
        'offers.freshSeconds: must be a number from 0 to 86400, got "1e9"',
      ],
      ['FIRMWIRE_DEVICES_ADMISSION', 'shut', 'devices.admission: must be one of open, closed, got "shut"'],
      ['FIRMWIRE_DATA', '', 'data: must be a text that is not empty, got ""'],
      [
        'FIRMWIRE_HTTP_ALLOWED_ORIGINS',
        'https://a.example/',
        'http.allowedOrigins: must be a list of origins',
      ],
    ];
    for (const [variable, text, message] of cases)
      it(`refuses ${variable}=${text}`, async () => {
        const told = await refusal({ env: { [variable]: text } });
        expect(told).to.match(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
        expect(told).to.include(`(from ${variable})`);
      });

    it('tells the file a wrong value came from', async () => {
      const told = await refusal({ file: await yaml('http: { port: "7442" }'), env: {} });
      expect(told).to.match(/^http\.port: must be a whole number .*, got "7442" \(from .*some\.yaml\)$/);
    });

    it('refuses a setting without a value', async () => {
      expect(await refusal({ file: await yaml('mqtt:\n  port:'), env: {} })).to.match(
        /^mqtt\.port: .* got null/,
      );
    });

    it('names every problem at once, each key once', async () => {
      const env = { FIRMWIRE_MQTT_PORT: 'x', FIRMWIRE_HTTP_PORT: 'y', FIRMWIRE_NONSENSE: 'z' };
      const told = (await refusal({ env })).split('; ').map((sentence) => sentence.split(':')[0]);
      expect(told).to.have.members(['FIRMWIRE_NONSENSE', 'mqtt.port', 'http.port']);
    });
  });

  describe('secrets', () => {
    it('are not shown by what is said about them, or about the lines around them', async () => {
      for (const text of [
        'firmware: { s3: { secretAccessKey: [hidden] } }',
        'firmware: { s3: { accessKeyId: { part: hidden } } }',
        'firmware: { s3: { endpoint: "http://hidden:hidden@minio" } }',
        'firmware:\n  s3:\n    secretAccessKey: "hidden\n',
        'firmware:\n  s3:\n    secretAccessKey: hidden: hidden\n',
        'firmware: { s3: { secretAccessKey: *hidden } }',
      ])
        expect(await refusal({ file: await yaml(text), env: {} }), text)
          .to.match(/s3|yaml/)
          .and.not.include('hidden');
    });
  });

  describe('unknown names', () => {
    it('suggests the nearest setting', async () => {
      const told = await refusal({ file: await yaml('mqtt: { prot: 1 }'), env: {} });
      expect(told).to.match(/^mqtt\.prot: unknown setting in .*some\.yaml, did you mean mqtt\.port\?$/);
    });

    it('suggests across a misspelt group', async () => {
      expect(await refusal({ file: await yaml('mqqt: { port: 1 }'), env: {} })).to.include('mean mqtt.port?');
    });

    it('suggests the right case', async () => {
      const told = await refusal({ file: await yaml('http: { maxuploadbytes: 1 }'), env: {} });
      expect(told).to.include('mean http.maxUploadBytes?');
    });

    it('suggests nothing for what resembles nothing', async () => {
      const told = await refusal({ file: await yaml('zzzzzzzz: 1'), env: {} });
      expect(told).to.match(/^zzzzzzzz: unknown setting in .*some\.yaml$/);
    });

    it('suggests the nearest variable', async () => {
      const told = await refusal({ env: { FIRMWIRE_MQTT_PROT: '1' } });
      expect(told).to.equal('FIRMWIRE_MQTT_PROT: unknown setting, did you mean FIRMWIRE_MQTT_PORT?');
    });

    it('refuses names that objects inherit', async () => {
      expect(await refusal({ file: await yaml('constructor: 1'), env: {} })).to.match(
        /^constructor: unknown/,
      );
      expect(await refusal({ file: await yaml('__proto__: { port: 1 }'), env: {} })).to.match(/__proto__/);
    });
  });
});
