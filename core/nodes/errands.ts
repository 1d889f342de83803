import type { Clock } from '../ports.js';
import type { Looked } from '../services/looked.js';
import type { NodeMessage } from './messages.js';
import type { Peers } from './peers.js';

/** How long another node may take to look at its devices, ms. */
const PATIENCE_MS = 5000;

/** How many devices one message names. */
const MOST = 500;

type Answer = Looked | undefined;

/** Questions to one node that leave together. */
interface Batch {
  readonly node: string;
  readonly since: number | undefined;
  readonly udids: string[];
  readonly answers: ((answer: Answer | 'silent') => void)[];
}

/**
 * Lets the node that a device is connected to look at it. What is asked in one turn leaves in one message. An answer may
 * never come: the node has ended, or the message was lost.
 */
export class Errands {
  readonly #peers: Peers;
  readonly #clock: Clock;
  readonly #look: (udid: string, since?: number) => Promise<Answer>;
  readonly #leaving = new Map<string, Batch>();
  readonly #underWay = new Map<number, Batch>();
  #count = 0;

  /** @param look what this node does when another asks it */
  constructor(peers: Peers, clock: Clock, look: (udid: string, since?: number) => Promise<Answer>) {
    this.#peers = peers;
    this.#clock = clock;
    this.#look = look;
  }

  /** What that node found; `silent` if it gives no answer. @param since see `Conversation.reconsider` */
  ask(node: string, udid: string, since?: number): Promise<Answer | 'silent'> {
    return new Promise((resolve) => {
      let known = this.#leaving.get(node);
      if (known && known.since !== since) {
        this.#send(known);
        known = undefined;
      }
      const batch = known ?? { node, since, udids: [], answers: [] };
      batch.udids.push(udid);
      batch.answers.push(resolve);
      if (!known) {
        this.#leaving.set(node, batch);
        queueMicrotask(() => this.#send(batch));
      } else if (batch.udids.length >= MOST) this.#send(batch);
    });
  }

  /** Resolves once all other nodes have taken in what this one has said so far, or give no answer. */
  async heardByAll(): Promise<void> {
    const hearing = this.#peers.nodes.map(
      (node) =>
        new Promise((resolve) => this.#tell({ node, since: undefined, udids: [], answers: [resolve] })),
    );
    await Promise.all(hearing);
  }

  /** Another node wants to know. */
  async look(from: string, { id, udids, since }: Extract<NodeMessage, { kind: 'look' }>): Promise<void> {
    const answers = await Promise.all(udids.map((udid) => this.#look(udid, since).catch(() => undefined)));
    this.#peers.tell({ kind: 'looked', id, answers: answers.map((answer) => answer ?? null) }, from);
  }

  looked({ id, answers }: Extract<NodeMessage, { kind: 'looked' }>): void {
    const batch = this.#underWay.get(id);
    this.#underWay.delete(id);
    batch?.answers.forEach((resolve, i) => {
      resolve(answers[i] ?? undefined);
    });
  }

  /** A node is gone, and with it what it was asked. */
  lost(node: string): void {
    for (const [id, batch] of this.#underWay) if (batch.node === node) this.#giveUp(id);
  }

  #send(batch: Batch): void {
    if (this.#leaving.get(batch.node) !== batch) return;
    this.#leaving.delete(batch.node);
    this.#tell(batch);
  }

  #tell(batch: Batch): void {
    const id = ++this.#count;
    this.#underWay.set(id, batch);
    const { node, udids, since } = batch;
    this.#peers.tell({ kind: 'look', id, udids, ...(since !== undefined && { since }) }, node);
    this.#clock.after(PATIENCE_MS, () => this.#giveUp(id));
  }

  #giveUp(id: number): void {
    const batch = this.#underWay.get(id);
    this.#underWay.delete(id);
    for (const resolve of batch?.answers ?? []) resolve('silent');
  }
}
