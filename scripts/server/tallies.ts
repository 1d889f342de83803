import { Counter, Histogram, type Registry } from 'prom-client';

const SECOND = 1000;
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * A counter that is kept as plain numbers, one for each value of its label, and handed over when the metrics are read:
 * prom-client puts labels together anew at every count, which costs a hundred times as much as the counting.
 * @param label absent: there is one number, and it has no label
 * @returns the numbers, to be raised where something happens
 */
export function tally<Word extends string>(
  registry: Registry,
  name: string,
  help: string,
  label: string | undefined,
  counts: Record<Word, number>,
): Record<Word, number> {
  new Counter({
    name: `firmwire_${name}`,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [word, count] of Object.entries<number>(counts))
        this.inc(label === undefined ? {} : { [label]: word }, count);
    },
  });
  return counts;
}

/** The answers of one route to one method. */
interface Cell {
  readonly byStatus: Map<number, number>;
  readonly seconds: Histogram.Internal<'method' | 'route'>;
}

/** Counts HTTP answers, and how long they took. */
export class Answers {
  /** By route, then by method. */
  readonly #cells = new Map<string, Map<string, Cell>>();
  readonly #seconds: Histogram<'method' | 'route'>;

  constructor(registry: Registry) {
    const cells = this.#cells;
    const labelNames = ['method', 'route', 'status'] as const;
    new Counter({
      name: 'firmwire_http_requests_total',
      help: 'HTTP answers.',
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [route, methods] of cells)
          for (const [method, { byStatus }] of methods)
            for (const [status, count] of byStatus) this.inc({ method, route, status }, count);
      },
    });
    this.#seconds = new Histogram({
      name: 'firmwire_http_request_seconds',
      help: 'From the head of a request to the end of its answer.',
      labelNames: ['method', 'route'],
      buckets: REQUEST_SECONDS,
      registers: [registry],
    });
  }

  count(method: string, route: string, status: number, ms: number): void {
    const { byStatus, seconds } = this.#cells.get(route)?.get(method) ?? this.#newCell(method, route);
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    seconds.observe(ms / SECOND);
  }

  #newCell(method: string, route: string): Cell {
    const cell = { byStatus: new Map(), seconds: this.#seconds.labels({ method, route }) };
    const methods = this.#cells.get(route) ?? new Map();
    this.#cells.set(route, methods.set(method, cell));
    return cell;
  }
}
