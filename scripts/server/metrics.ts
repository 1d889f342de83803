import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LIMITS, type Limit } from '../../core/limits.js';
import type { DownloadOutcome, Telemetry, TokenOutcome, Via } from '../../core/ports.js';
import type { Consent } from '../../core/update.js';
import type { HttpMeter } from '../../http-fallback/app.js';
import { Answers, tally } from './tallies.js';

/** What is looked at when somebody asks for the metrics. */
export interface Gauges {
  readonly connectedDevices: () => number;
  readonly connectedOwners: () => number;
  readonly mqttConnections: () => number;
  readonly activeDownloads: () => number;
  /** Messages to owners that have not left yet. */
  readonly outboxQueue: () => number;
  readonly storeIsOpen: () => boolean;
  /** When the TLS certificate in use ends, ms since the epoch; undefined without TLS. */
  readonly certificateEnd: () => number | undefined;
}

/** Which server this is. */
export interface Identification {
  readonly version: string;
  readonly storage: string;
  readonly node: string;
}

const SECOND = 1000;
const PREFIX = 'firmwire_';
/**
 * What prom-client collects by itself and is not wanted: event loop lag, which is measured here; and what lists every
 * open connection at every reading, which with 8000 of them held up everybody else for 60 ms.
 */
const UNWANTED = /^firmwire_(nodejs_eventloop_lag|nodejs_active|process_open_fds)/;
const NANOSECOND = 1e-9;
/** How often the event loop is looked at, ms: that much is the rhythm, and only what comes on top of it is lag. */
const LAG_RHYTHM_MS = 20;

const PUSH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From a computer in the same room to an ESP8266 at the edge of its radio's reach. */
const DOWNLOAD_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

/** Everything that is counted, in a registry of its own. All names begin with `firmwire_` (docs/operations.md). */
export class Metrics implements Telemetry, HttpMeter {
  readonly #registry = new Registry();
  readonly #checkIns: Record<Via, number>;
  readonly #offers: Record<Consent, number>;
  readonly #tokens: Record<TokenOutcome, number>;
  readonly #downloads: Record<DownloadOutcome, number>;
  readonly #bytes: { sent: number };
  readonly #refused: Record<'handshake' | 'plain', number>;
  readonly #limited: Record<Limit, number>;
  readonly #downloadSeconds: Histogram;
  readonly #pushSeconds: Histogram;
  readonly #answers: Answers;
  readonly #lag: IntervalHistogram;

  constructor(identification: Identification, gauges: Gauges) {
    const register = this.#registry;
    this.#checkIns = tally(register, 'check_ins_total', 'Check-ins of devices.', 'via', {
      mqtt: 0,
      http: 0,
    });
    this.#offers = tally(
      register,
      'offers_total',
      'Updates promised, by why the device may have it.',
      'consent',
      {
        auto: 0,
        approved: 0,
        ordered: 0,
        forced: 0,
        requested: 0,
      },
    );
    this.#tokens = tally(register, 'tokens_total', 'What became of one-time tokens.', 'outcome', {
      issued: 0,
      superseded: 0,
      redeemed: 0,
      completed: 0,
      refused: 0,
    });
    this.#downloads = tally(register, 'downloads_total', 'Downloads that ended.', 'outcome', {
      completed: 0,
      partial: 0,
      broken: 0,
      failed: 0,
    });
    this.#bytes = tally(
      register,
      'download_bytes_total',
      'Bytes of firmware handed to the kernel.',
      undefined,
      {
        sent: 0,
      },
    );
    this.#refused = tally(
      register,
      'connections_refused_total',
      'Connections that ended before anything was said: a failed TLS handshake, or no TLS where it is required.',
      'why',
      { handshake: 0, plain: 0 },
    );
    this.#limited = tally(
      register,
      'limits_reached_total',
      'How often somebody reached a limit (docs/limits.md).',
      'limit',
      Object.fromEntries(LIMITS.map((limit) => [limit, 0])) as Record<Limit, number>,
    );
    const timed = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `firmwire_${name}`, help, buckets, registers: [register] });
    this.#downloadSeconds = timed(
      'download_seconds',
      'How long downloads took, however they ended.',
      DOWNLOAD_SECONDS,
    );
    this.#pushSeconds = timed(
      'push_seconds',
      'From firmware stored to a connected device told of it.',
      PUSH_SECONDS,
    );
    this.#answers = new Answers(register);
    this.#lag = monitorEventLoopDelay({ resolution: LAG_RHYTHM_MS });
    this.#lag.enable();
    this.#addGauges(identification, gauges);
    this.#addProcess();
  }

  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;

  /** All of it in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The names of all metrics. */
  get names(): readonly string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name);
  }

  /** Counts no more, and lets go of the server it looked at. */
  close(): void {
    this.#lag.disable();
    this.#registry.clear();
  }

  checkedIn(via: Via): void {
    this.#checkIns[via]++;
  }

  offered(consent: Consent): void {
    this.#offers[consent]++;
  }

  token(outcome: TokenOutcome): void {
    this.#tokens[outcome]++;
  }

  sent(bytes: number): void {
    this.#bytes.sent += bytes;
  }

  downloaded(outcome: DownloadOutcome, ms: number): void {
    this.#downloads[outcome]++;
    this.#downloadSeconds.observe(ms / SECOND);
  }

  limited(limit: Limit): void {
    this.#limited[limit]++;
  }

  /** A connection ended before anything was said. */
  refused(why: 'handshake' | 'plain'): void {
    this.#refused[why]++;
  }

  pushed(ms: number): void {
    // A clock that was set back is no negative latency.
    this.#pushSeconds.observe(Math.max(0, ms) / SECOND);
  }

  answered(method: string, route: string, status: number, ms: number): void {
    this.#answers.count(method, route, status, ms);
  }

  #addGauges(identification: Identification, gauges: Gauges): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name: `firmwire_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge('connected_devices', 'Devices with an MQTT session here.', gauges.connectedDevices);
    gauge('connected_owners', 'Owners with an MQTT session of their own here.', gauges.connectedOwners);
    gauge('mqtt_connections', 'MQTT sessions, whoever they belong to.', gauges.mqttConnections);
    gauge('downloads_active', 'Downloads under way.', gauges.activeDownloads);
    gauge('outbox_queue', 'Messages to owners that have not left yet.', gauges.outboxQueue);
    gauge('store_state', '1 while the store can be reached, 0 while it is away.', () =>
      Number(gauges.storeIsOpen()),
    );
    gauge(
      'certificate_not_after_seconds',
      'When the TLS certificate in use ends, seconds since the epoch; 0 without TLS.',
      () => (gauges.certificateEnd() ?? 0) / SECOND,
    );
    const { version, storage, node } = identification;
    new Gauge({
      name: 'firmwire_info',
      help: 'Which server this is; always 1.',
      labelNames: ['version', 'storage', 'node'],
      registers,
    }).set({ version, storage, node }, 1);
    const lag = this.#lag;
    new Gauge({
      name: 'firmwire_event_loop_lag_seconds',
      help: 'How late the event loop was, since the metrics were last read.',
      labelNames: ['quantile'],
      registers,
      collect() {
        const late = (ns: number): number => Math.max(0, ns * NANOSECOND - LAG_RHYTHM_MS / SECOND);
        const isEmpty = lag.count === 0;
        for (const quantile of [0.5, 0.9, 0.99, 1])
          this.set(
            { quantile },
            isEmpty ? 0 : late(quantile === 1 ? lag.max : lag.percentile(quantile * 100)),
          );
        lag.reset();
      },
    });
  }

  /** The process itself: memory, garbage collection, CPU. */
  #addProcess(): void {
    // Event loop lag is measured above, at a coarser rhythm; theirs cannot be left out, only slowed and dropped.
    const eventLoopMonitoringPrecision = 60 * SECOND;
    collectDefaultMetrics({ prefix: PREFIX, register: this.#registry, eventLoopMonitoringPrecision });
    for (const name of this.names) if (UNWANTED.test(name)) this.#registry.removeSingleMetric(name);
  }
}
