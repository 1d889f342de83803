import type { FactKind, NodeMessage } from './messages.js';

const KINDS = ['device', 'owner', 'transfer'] as const satisfies readonly FactKind[];

/** How many facts one message holds: a larger one would hold up everything behind it. */
const CHUNK = 2000;

type FactTable = Readonly<Record<FactKind, Map<string, number>>>;

/** What another node told. */
interface Hearsay {
  readonly facts: FactTable;
  /** How many of its facts are known here; undefined while some are missing. */
  told: number | undefined;
  /** How many parts follow of what it tells at the moment; NaN if one got lost. */
  left: number;
}

const noFacts = (): FactTable => ({ device: new Map(), owner: new Map(), transfer: new Map() });

/** A fact as another node told it. */
export interface Elsewhere {
  readonly node: string;
  readonly value: number;
}

/**
 * What every node tells all others about itself. Each holds it in memory, so that nobody has to ask before acting, and
 * forgets what a node told that is gone.
 */
export class SharedFacts {
  readonly #own = noFacts();
  readonly #others = new Map<string, Hearsay>();
  #count = 0;
  readonly #tell: (message: NodeMessage) => void;

  /** @param tell sends a message to all other nodes */
  constructor(tell: (message: NodeMessage) => void) {
    this.#tell = tell;
  }

  /** Says of this node that something holds, and tells the others. */
  set(of: FactKind, key: string, value: number): void {
    this.#own[of].set(key, value);
    this.#count++;
    this.#tell({ kind: 'fact', of, key, value });
  }

  unset(of: FactKind, key: string): void {
    if (!this.#own[of].delete(key)) return;
    this.#count++;
    this.#tell({ kind: 'fact', of, key });
  }

  own(of: FactKind, key: string): number | undefined {
    return this.#own[of].get(key);
  }

  /** What another node says; of several the one with the greatest value, then name. Nodes are few, so each is asked. */
  elsewhere(of: FactKind, key: string): Elsewhere | undefined {
    let found: Elsewhere | undefined;
    for (const [node, { facts }] of this.#others) {
      const value = facts[of].get(key);
      if (value === undefined) continue;
      if (!found || value > found.value || (value === found.value && node > found.node))
        found = { node, value };
    }
    return found;
  }

  /** How many facts this node has told since it began. */
  get count(): number {
    return this.#count;
  }

  /** All that this node has to say, for one that knows nothing of it yet. */
  *told(): Iterable<NodeMessage> {
    const parts = KINDS.flatMap((of) => {
      const entries = [...this.#own[of]];
      const starts = Array.from(
        { length: Math.max(1, Math.ceil(entries.length / CHUNK)) },
        (_, i) => i * CHUNK,
      );
      return starts.map((start) => ({
        of,
        first: start === 0,
        entries: entries.slice(start, start + CHUNK),
      }));
    });
    for (const [i, part] of parts.entries())
      yield { kind: 'facts', ...part, left: parts.length - 1 - i, told: this.#count };
  }

  /** Takes in what a node told. */
  hear(node: string, message: Extract<NodeMessage, { kind: 'fact' | 'facts' }>): void {
    const heard = this.#others.get(node) ?? { facts: noFacts(), told: undefined, left: 0 };
    this.#others.set(node, heard);
    const facts = heard.facts[message.of];
    if (message.kind === 'fact') {
      if (message.value === undefined) facts.delete(message.key);
      else facts.set(message.key, message.value);
      if (heard.told !== undefined) heard.told++;
      return;
    }
    if (message.first) facts.clear();
    for (const [key, value] of message.entries) facts.set(key, value);
    const begins = message.first && message.of === KINDS[0];
    heard.left = begins || message.left === heard.left - 1 ? message.left : Number.NaN;
    heard.told = heard.left === 0 ? message.told : undefined;
  }

  /** True if nothing of what this node told so far is missing here. */
  isComplete(node: string, told: number): boolean {
    return this.#others.get(node)?.told === told;
  }

  /** Forgets a node. @returns what it said last */
  forget(node: string): FactTable {
    const facts = this.#others.get(node)?.facts ?? noFacts();
    this.#others.delete(node);
    return facts;
  }
}
