const SECOND = 1000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** What a gateway allows, so that nobody on its network can use it up. Times in ms, sizes in bytes. */
export interface Limits {
  /** Requests of devices at once; more get 503 `gateway_busy`. */
  readonly requests: number;
  /** MQTT connections at once; more are closed. */
  readonly mqttConnections: number;
  /** The head of a request. */
  readonly headBytes: number;
  /** The body of a request: a check-in is a few hundred bytes. */
  readonly bodyBytes: number;
  /** A request must have arrived whole within this time. */
  readonly requestMs: number;
  /** The first byte of MQTT must have come within this time. */
  readonly firstByteMs: number;
  /** The server must have taken a connection, and begun an answer, within this time: devices do not wait long. */
  readonly answerMs: number;
  /** An answer of the server that pauses for longer is given up. */
  readonly pauseMs: number;
  /** Answers of the server that are held in memory; larger ones are passed on as they come. */
  readonly answerBytes: number;
  /** While the server is away it is looked for this often. */
  readonly retryMs: number;
  /** One side of an MQTT connection has ended: the other one may take so long. */
  readonly lingerMs: number;
  /** A firmware body up to this size is fetched once for all who want it; a larger one for each by itself. */
  readonly sharedBytes: number;
  /** How many bytes of bodies that are being fetched may be in memory. */
  readonly flyingBytes: number;
  /** How many devices are remembered, the latest ones. */
  readonly devices: number;
  /** A download that is slower on the whole is cut, bytes per second, and how often that is looked at. */
  readonly bytesPerSecond: number;
  readonly paceMs: number;
  /** What was learnt of devices is written down after so long. */
  readonly saveMs: number;
  /** Requests under way may end within this time when the gateway is told to end. */
  readonly drainMs: number;
}

export const LIMITS: Limits = {
  requests: 1024,
  mqttConnections: 4096,
  headBytes: 16 * KIB,
  bodyBytes: 64 * KIB,
  requestMs: 10 * SECOND,
  firstByteMs: 10 * SECOND,
  answerMs: 10 * SECOND,
  pauseMs: 60 * SECOND,
  answerBytes: 64 * KIB,
  retryMs: 2 * SECOND,
  lingerMs: 10 * SECOND,
  sharedBytes: 32 * MIB,
  flyingBytes: 96 * MIB,
  devices: 10_000,
  bytesPerSecond: 128,
  paceMs: 15 * SECOND,
  saveMs: SECOND,
  drainMs: 20 * SECOND,
};
