import type { Bus, Clock, Log } from '../ports.js';
import { SharedFacts } from './facts.js';
import type { NodeMessage } from './messages.js';

/** A node that has been silent for so many beats is gone. */
const BEATS_MISSED = 3;

/** What a node does about what others say. */
export interface PeerEvents {
  /** A message that is not about membership or facts. */
  message(from: string, message: NodeMessage): void;
  /** Another node says that this device is connected to it, or no longer; see `facts`. */
  deviceElsewhere(udid: string, isThere: boolean): void;
  /** A node is gone; these devices were connected to it, and these owners have messages kept for them. */
  lost(node: string, devices: readonly string[], standing: readonly string[]): void;
  /** Messages were lost, perhaps many: everything is to be looked at again. */
  resumed(): void;
}

interface Parts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  /** How often a node says that it is there, ms. */
  readonly beatMs: number;
}

/** Owners whose messages are kept while they are away have this value, those who merely listen have 1. */
export const STANDING = 2;

/**
 * The other nodes of this server: which there are, and what each says of itself. A node that knows of another only by a
 * message, or has not heard all its facts, asks it for all it has to say, so lost messages heal by themselves.
 */
export class Peers {
  readonly facts: SharedFacts;
  readonly #parts: Parts;
  /** Node -> when it was last heard. */
  readonly #heard = new Map<string, number>();
  #events: PeerEvents | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.facts = new SharedFacts((message) => this.tell(message));
  }

  /** How many other nodes there are. */
  get count(): number {
    return this.#heard.size;
  }

  /** The other nodes there are. */
  get nodes(): readonly string[] {
    return [...this.#heard.keys()];
  }

  has(node: string): boolean {
    return this.#heard.has(node);
  }

  /** Says that this node is there, and from now on hears the others. */
  start(events: PeerEvents): void {
    this.#events = events;
    const { bus } = this.#parts;
    bus.listen({
      message: (from, message) => this.#hear(from, message),
      resumed: () => this.#resume(),
    });
    this.#introduce();
    this.#beat();
  }

  /** Says farewell, and hears nobody any more. */
  close(): void {
    if (this.#closed) return;
    this.tell({ kind: 'bye' });
    this.#closed = true;
    this.#cancel?.();
  }

  /** To all other nodes, or to one. */
  tell(message: NodeMessage, to?: string): void {
    if (!this.#closed) this.#parts.bus.send(message, to);
  }

  /** True for one of all nodes that ask the same within a few seconds. */
  claim(what: string): Promise<boolean> {
    return this.#parts.bus.claim(what);
  }

  #introduce(to?: string): void {
    this.tell({ kind: 'hello' }, to);
    this.#tellAll(to);
  }

  #tellAll(to?: string): void {
    for (const message of this.facts.told()) this.tell(message, to);
  }

  #beat(): void {
    const { bus, clock, beatMs } = this.#parts;
    const before = clock.now();
    this.#cancel = clock.after(beatMs, () => {
      // While nothing can be heard, nobody is gone for being silent.
      if (bus.isUp()) this.#look(before);
      this.#beat();
    });
  }

  /** @param before when this was last done */
  #look(before: number): void {
    const oldest = this.#parts.clock.now() - BEATS_MISSED * this.#parts.beatMs;
    // Not the others were silent but this process stood still, and is taken for gone by now.
    if (before < oldest) {
      this.#resume();
      return;
    }
    this.tell({ kind: 'beat', told: this.facts.count });
    for (const [node, at] of this.#heard) if (at < oldest) this.#lose(node, 'is silent');
  }

  #resume(): void {
    const now = this.#parts.clock.now();
    for (const node of this.#heard.keys()) this.#heard.set(node, now);
    this.#introduce();
    this.#events?.resumed();
  }

  #hear(from: string, message: NodeMessage): void {
    if (this.#closed) return;
    if (message.kind === 'bye') {
      this.#lose(from, 'has ended');
      return;
    }
    const isNew = !this.#heard.has(from);
    this.#heard.set(from, this.#parts.clock.now());
    if (isNew) this.#parts.log.info({ node: from }, 'a node has joined');
    // It was taken for gone, or its greeting got lost: there is more to know of it.
    if (isNew && message.kind !== 'hello' && message.kind !== 'facts') this.#introduce(from);
    switch (message.kind) {
      case 'hello':
        this.#tellAll(from);
        break;
      case 'fact':
      case 'facts':
        this.#takeIn(from, message);
        break;
      case 'beat':
        if (!isNew && !this.facts.isComplete(from, message.told)) this.tell({ kind: 'hello' }, from);
        break;
      default:
        this.#events?.message(from, message);
    }
  }

  #takeIn(from: string, message: Extract<NodeMessage, { kind: 'fact' | 'facts' }>): void {
    this.facts.hear(from, message);
    if (message.of !== 'device') return;
    if (message.kind === 'facts') {
      for (const [udid] of message.entries) this.#events?.deviceElsewhere(udid, true);
    } else this.#events?.deviceElsewhere(message.key, message.value !== undefined);
  }

  #lose(node: string, why: string): void {
    if (!this.#heard.delete(node)) return;
    const { device, owner } = this.facts.forget(node);
    this.#parts.log.info({ node, devices: device.size }, `a node ${why}`);
    const standing = [...owner].filter(([, value]) => value === STANDING).map(([id]) => id);
    this.#events?.lost(node, [...device.keys()], standing);
  }
}
