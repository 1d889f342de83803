import Type, { type Static } from 'typebox';
import {
  addresses,
  addressOrNone,
  flag,
  minutes,
  namePrefix,
  oneOf,
  origins,
  port,
  secret,
  secretText,
  share,
  span,
  spanOrNone,
  text,
  textOrNone,
  topicPrefix,
  whole,
} from './kinds.js';

const GIB = 1_073_741_824;
const HOURS_OF_A_YEAR = 8_760;
/** What the length field of an MQTT packet can say (MQTT 3.1.1, 2.2.3). */
const MQTT_LONGEST_PACKET = 268_435_455;

const group = <Properties extends Type.TProperties>(properties: Properties) =>
  Type.Object(properties, { additionalProperties: false });

/** Every setting, what it may be and its default. What each is for stands in config.yaml. */
export const SettingsSchema = group({
  data: text('./data'),
  storage: oneOf('embedded', ['embedded', 'redis']),
  disk: group({
    reserveBytes: whole(16_777_216, 0, 1024 * GIB),
  }),
  redis: group({
    url: secretText('redis://127.0.0.1:6379'),
    commandSeconds: span(1.5),
    replicas: whole(0, 0, 16),
  }),
  nodes: group({
    heartbeatSeconds: span(1),
  }),
  mqtt: group({
    host: text('::'),
    port: port(1883),
    tlsPort: port(8883),
    connectSeconds: span(10),
    maxConnectBytes: whole(1024, 256, 65_536),
    maxPacketBytes: whole(65_536, 256, MQTT_LONGEST_PACKET),
    drainSeconds: span(0.5),
    hookSeconds: span(5),
  }),
  http: group({
    host: text('::'),
    port: port(7442),
    tlsPort: port(7443),
    maxUploadBytes: whole(16_777_216, 1, GIB),
    maxBodyBytes: whole(16_384, 1024, GIB),
    allowedOrigins: origins(),
    requestSeconds: span(30),
  }),
  tls: group({
    cert: textOrNone(),
    key: textOrNone(),
    clientCa: textOrNone(),
    clients: oneOf('asked', ['asked', 'required']),
    minVersion: oneOf('TLSv1.2', ['TLSv1.2', 'TLSv1.3']),
    handshakeSeconds: span(10),
    maxFragmentBytes: whole(16_384, 512, 16_384),
    checkSeconds: span(60),
  }),
  plain: group({
    allowed: flag(true),
    from: addresses(['127.0.0.0/8', '::1']),
  }),
  log: group({
    level: oneOf('info', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  }),
  metrics: group({
    token: textOrNone(),
  }),
  devices: group({
    admission: oneOf('open', ['open', 'closed']),
  }),
  offers: group({
    settleSeconds: spanOrNone(1.5),
    freshSeconds: spanOrNone(60),
    maxAttempts: whole(3, 1, 100),
    retrySeconds: spanOrNone(60),
  }),
  notices: group({
    postponeHours: span(24, HOURS_OF_A_YEAR),
  }),
  downloads: group({
    idleSeconds: span(60),
    cacheBytes: whole(67_108_864, 0, 64 * GIB),
  }),
  firmware: group({
    requireSignature: flag(false),
    dir: textOrNone(),
    s3: group({
      bucket: textOrNone(),
      endpoint: addressOrNone(),
      region: text('us-east-1'),
      prefix: namePrefix(),
      accessKeyId: secret(),
      secretAccessKey: secret(),
      pathStyle: flag(true),
      cacheBytes: whole(GIB, 0, 1024 * GIB),
    }),
  }),
  rollouts: group({
    stagedFrom: whole(20, 0, 100_000_000),
    probationMinutes: minutes(120),
    deadlineMinutes: minutes(1440),
    retries: whole(2, 0, 100),
    successThreshold: share(0.9),
    failureThreshold: share(0.1),
    tickSeconds: span(1),
  }),
  limits: group({
    connectsPerSecond: whole(5000, 1, 1_000_000),
    connectsPerMinutePerAddress: whole(30_000, 1, 10_000_000),
    connectsPerMinutePerDevice: whole(15, 1, 1_000_000),
    topicLevels: whole(20, 5, 100),
    topicBytes: whole(512, 256, 65_535),
    subscriptionsPerClient: whole(100, 1, 1_000_000),
    queuedPerClient: whole(10_000, 1, 10_000_000),
    retainedPerOwner: whole(200_000, 0, 100_000_000),
    devicesPerOwner: whole(200_000, 1, 100_000_000),
    tokensPerHourPerDevice: whole(600, 1, 1_000_000),
    downloads: whole(10_000, 1, 1_000_000),
    downloadBytesPerSecond: whole(128, 0, GIB),
    jsonDepth: whole(20, 4, 10_000),
  }),
  homeAssistant: group({
    enabled: flag(false),
    prefix: topicPrefix('homeassistant'),
  }),
  throttle: group({
    subjectFailuresPerMinute: whole(30, 1, 1_000_000),
    addressFailuresPerMinute: whole(3000, 1, 1_000_000),
    loginFailuresPerMinute: whole(30, 1, 1_000_000),
  }),
  shutdown: group({
    drainSeconds: spanOrNone(30),
  }),
  housekeeping: group({
    sweepSeconds: span(30),
  }),
});

/** A complete, checked configuration. */
export type Settings = Static<typeof SettingsSchema>;

/** Any part of the settings, at any depth. Lists are replaced as a whole. */
export type DeepPartial<T> = T extends readonly unknown[] | string | number | boolean
  ? T
  : { readonly [K in keyof T]?: DeepPartial<T[K]> };
