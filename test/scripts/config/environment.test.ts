import { expect } from 'chai';
import { settingKeys, variableName } from '../../../scripts/config/keys.js';
import { defaultSettings, loadSettings } from '../../../scripts/config/load.js';
import type { Settings } from '../../../scripts/config/schema.js';

/** A value for every setting that differs from its default, as one writes it into the environment. */
const OTHER: Readonly<Record<string, [text: string, value: unknown]>> = {
  data: ['/srv/firmwire', '/srv/firmwire'],
  storage: ['redis', 'redis'],
  'disk.reserveBytes': ['0', 0],
  'redis.url': ['redis://db:6379/3', 'redis://db:6379/3'],
  'redis.commandSeconds': ['2', 2],
  'redis.replicas': ['1', 1],
  'nodes.heartbeatSeconds': ['0.5', 0.5],
  'mqtt.host': ['127.0.0.1', '127.0.0.1'],
  'mqtt.port': ['0', 0],
  'mqtt.tlsPort': ['0', 0],
  'mqtt.connectSeconds': ['2.5', 2.5],
  'mqtt.maxConnectBytes': ['2048', 2048],
  'mqtt.maxPacketBytes': ['4096', 4096],
  'mqtt.drainSeconds': ['.25', 0.25],
  'mqtt.hookSeconds': ['1', 1],
  'http.host': ['::1', '::1'],
  'http.port': ['8080', 8080],
  'http.tlsPort': ['0', 0],
  'http.maxUploadBytes': ['1000', 1000],
  'http.maxBodyBytes': ['2000', 2000],
  'http.allowedOrigins': [
    'https://a.example, http://b.example:81',
    ['https://a.example', 'http://b.example:81'],
  ],
  'http.requestSeconds': ['0.25', 0.25],
  'tls.cert': ['/etc/cert.pem', '/etc/cert.pem'],
  'tls.key': ['/etc/key.pem', '/etc/key.pem'],
  'tls.clientCa': ['/etc/ca.pem', '/etc/ca.pem'],
  'tls.clients': ['required', 'required'],
  'tls.minVersion': ['TLSv1.3', 'TLSv1.3'],
  'tls.handshakeSeconds': ['3', 3],
  'tls.maxFragmentBytes': ['512', 512],
  'tls.checkSeconds': ['5', 5],
  'plain.allowed': ['false', false],
  'plain.from': ['10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
  'log.level': ['silent', 'silent'],
  'metrics.token': ['only-for-prometheus', 'only-for-prometheus'],
  'devices.admission': ['closed', 'closed'],
  'offers.settleSeconds': ['0', 0],
  'offers.freshSeconds': ['1', 1],
  'offers.maxAttempts': ['5', 5],
  'offers.retrySeconds': ['0.1', 0.1],
  'notices.postponeHours': ['0.5', 0.5],
  'downloads.idleSeconds': ['3', 3],
  'downloads.cacheBytes': ['0', 0],
  'firmware.dir': ['/srv/firmware', '/srv/firmware'],
  'firmware.s3.bucket': ['fleet', 'fleet'],
  'firmware.s3.endpoint': ['http://minio:9000', 'http://minio:9000'],
  'firmware.s3.region': ['eu-central-1', 'eu-central-1'],
  'firmware.s3.prefix': ['firmware/', 'firmware/'],
  'firmware.s3.accessKeyId': ['AKIA', 'AKIA'],
  'firmware.s3.secretAccessKey': ['wJalr/XU+', 'wJalr/XU+'],
  'firmware.requireSignature': ['true', true],
  'firmware.s3.pathStyle': ['false', false],
  'firmware.s3.cacheBytes': ['0', 0],
  'rollouts.stagedFrom': ['0', 0],
  'rollouts.probationMinutes': ['0.5', 0.5],
  'rollouts.deadlineMinutes': ['60', 60],
  'rollouts.retries': ['0', 0],
  'rollouts.successThreshold': ['1', 1],
  'rollouts.failureThreshold': ['0', 0],
  'rollouts.tickSeconds': ['0.1', 0.1],
  'limits.connectsPerSecond': ['1', 1],
  'limits.connectsPerMinutePerAddress': ['2', 2],
  'limits.connectsPerMinutePerDevice': ['3', 3],
  'limits.topicLevels': ['5', 5],
  'limits.topicBytes': ['300', 300],
  'limits.subscriptionsPerClient': ['6', 6],
  'limits.queuedPerClient': ['7', 7],
  'limits.retainedPerOwner': ['0', 0],
  'limits.devicesPerOwner': ['8', 8],
  'limits.tokensPerHourPerDevice': ['9', 9],
  'limits.downloads': ['10', 10],
  'limits.downloadBytesPerSecond': ['0', 0],
  'limits.jsonDepth': ['11', 11],
  'homeAssistant.enabled': ['true', true],
  'homeAssistant.prefix': ['ha/discovery', 'ha/discovery'],
  'throttle.subjectFailuresPerMinute': ['1', 1],
  'throttle.addressFailuresPerMinute': ['2', 2],
  'throttle.loginFailuresPerMinute': ['3', 3],
  'shutdown.drainSeconds': ['0', 0],
  'housekeeping.sweepSeconds': ['7', 7],
};

const at = (settings: Settings, path: string): unknown =>
  path.split('.').reduce<unknown>((tree, name) => Reflect.get(Object(tree), name), settings);

describe('config: environment', () => {
  it('derives the documented names', () => {
    expect(variableName('data')).to.equal('FIRMWIRE_DATA');
    expect(variableName('mqtt.port')).to.equal('FIRMWIRE_MQTT_PORT');
    expect(variableName('http.maxUploadBytes')).to.equal('FIRMWIRE_HTTP_MAX_UPLOAD_BYTES');
    expect(variableName('firmware.s3.bucket')).to.equal('FIRMWIRE_FIRMWARE_S3_BUCKET');
    expect(variableName('firmware.s3.secretAccessKey')).to.equal('FIRMWIRE_FIRMWARE_S3_SECRET_ACCESS_KEY');
  });

  it('has another value to try for every setting', () => {
    expect(settingKeys().map(({ path }) => path)).to.have.members(Object.keys(OTHER));
  });

  for (const { path, variable } of settingKeys()) {
    it(`${variable} sets ${path} and nothing else`, async () => {
      const [text, value] = OTHER[path] ?? ['', undefined];
      const settings = await loadSettings({ env: { [variable]: text } });
      expect(at(settings, path)).to.deep.equal(value);
      expect(at(defaultSettings(), path)).not.to.deep.equal(value);
      const others = settingKeys().filter((key) => key.path !== path);
      for (const other of others)
        expect(at(settings, other.path), other.path).to.deep.equal(at(defaultSettings(), other.path));
    });
  }

  it('reads an empty list from an empty text', async () => {
    const settings = await loadSettings({ env: { FIRMWIRE_HTTP_ALLOWED_ORIGINS: '' } });
    expect(settings.http.allowedOrigins).to.deep.equal([]);
  });

  it('leaves other variables alone', async () => {
    const settings = await loadSettings({ env: { PATH: '/bin', MQTT_PORT: 'x', FIRMWIRE_DATA: undefined } });
    expect(settings).to.deep.equal(defaultSettings());
  });
});
