import { FirmwireError } from '../../core/errors.js';
import type { NodeMessage } from '../../core/nodes/messages.js';
import type { Bus, BusListener } from '../../core/ports.js';

/** One message on its way from one node to another. */
export interface Passing {
  readonly from: string;
  readonly to: string;
  readonly message: NodeMessage;
}

/**
 * Joins nodes of one process as Redis does: what one node says arrives at another in its order, or not at all. Between
 * nodes a test decides: messages are handed over at once, or wait until it says so, and it can lose them.
 */
export class FakeNetwork {
  /** Every message that was handed over, oldest first. */
  readonly heard: Passing[] = [];
  /** False: messages wait for `deliver`. */
  flows: boolean;
  readonly #buses = new Map<string, FakeBus>();
  /** By receiver and sender. */
  readonly #lines = new Map<string, Passing[]>();
  #stamps = 0;
  /** What nodes have claimed, and for good: tests are short. */
  readonly claimed = new Set<string>();

  constructor(flows = true) {
    this.flows = flows;
  }

  join(node: string): FakeBus {
    const bus = new FakeBus(node, this);
    this.#buses.set(node, bus);
    return bus;
  }

  /** The node ends without a word; what it has sent still arrives. */
  kill(node: string): void {
    this.#buses.delete(node);
    for (const [line, passing] of this.#lines) if (passing[0]?.to === node) this.#lines.delete(line);
  }

  /** The lines on which something waits. */
  get waiting(): string[] {
    return [...this.#lines].filter(([, passing]) => passing.length > 0).map(([line]) => line);
  }

  /** Hands over the oldest message of a line. */
  deliver(line: string): void {
    const next = this.#lines.get(line)?.shift();
    if (!next) return;
    this.heard.push(next);
    this.#buses.get(next.to)?.hear(next.from, next.message);
  }

  /** Loses the oldest message of a line: neither end is told. */
  lose(line: string): void {
    this.#lines.get(line)?.shift();
  }

  /** Hands over all that waits, and what is said in answer, line by line. */
  deliverAll(): void {
    for (let line = this.waiting[0]; line !== undefined; [line] = this.waiting) this.deliver(line);
  }

  /** For `FakeBus`. */
  send(from: string, message: NodeMessage, to?: string): void {
    if (!this.#buses.has(from)) return;
    for (const bus of this.#buses.values()) {
      if (bus.node === from || !bus.isUp() || (to !== undefined && bus.node !== to)) continue;
      const line = `${bus.node}<${from}`;
      // As it would be on a wire: nobody shares objects, and members without a value are gone.
      const passing = { from, to: bus.node, message: JSON.parse(JSON.stringify(message)) as NodeMessage };
      this.#lines.set(line, [...(this.#lines.get(line) ?? []), passing]);
      if (this.flows) this.deliver(line);
    }
  }

  /** For `FakeBus`. */
  cutOff(node: string): void {
    for (const [line, passing] of this.#lines) if (passing[0]?.to === node) this.#lines.delete(line);
  }

  /** As under load: two are within the same microsecond. */
  nextStamp(): number {
    return Math.ceil(++this.#stamps / 2);
  }
}

/** One node's end of it. */
export class FakeBus implements Bus {
  #isUp = true;
  #listener: BusListener | undefined;
  /** Answers to `stamp` wait here, if the test wants to give them itself. */
  stamping: (() => void)[] | undefined;

  constructor(
    readonly node: string,
    private readonly network: FakeNetwork,
  ) {}

  isUp(): boolean {
    return this.#isUp;
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  send(message: NodeMessage, to?: string): void {
    if (this.#isUp) this.network.send(this.node, message, to);
  }

  async stamp(): Promise<number> {
    if (!this.#isUp) throw new FirmwireError('store_unavailable');
    const stamp = this.network.nextStamp();
    const answers = this.stamping;
    if (answers) await new Promise<void>((resolve) => answers.push(resolve));
    return stamp;
  }

  async claim(what: string): Promise<boolean> {
    if (!this.#isUp) throw new FirmwireError('store_unavailable');
    const isFirst = !this.network.claimed.has(what);
    this.network.claimed.add(what);
    return isFirst;
  }

  /** What is on its way to this node is lost, and so is what is said until it is back. */
  goDown(): void {
    this.#isUp = false;
    this.network.cutOff(this.node);
  }

  comeBack(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#listener?.resumed();
  }

  /** For `FakeNetwork`. */
  hear(from: string, message: NodeMessage): void {
    if (this.#isUp) this.#listener?.message(from, message);
  }
}
