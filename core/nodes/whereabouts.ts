import type { Bus } from '../ports.js';
import type { Elsewhere, SharedFacts } from './facts.js';

/** A device's connection to this node. */
interface Claim {
  /** Cuts it. */
  readonly cut: () => void;
  /** Its stamp; undefined while it has none. The fact that others know may still be that of the connection before. */
  since: number | undefined;
  /** The stamp of the connection elsewhere that this one has followed: the clock may have been set back since. */
  readonly after: number;
  /** It is asked for; and, if that fails, once more. */
  stamping: 'no' | 'once' | 'again';
}

/**
 * Which node each device is connected to. Of two connections of one device the newer stands, on whichever node: each is
 * stamped by the bus's clock, which is the same for all nodes, and whoever holds the older cuts it. Of two that were
 * stamped at the same moment that of the node with the greater name counts as the newer.
 */
export class Whereabouts {
  readonly #facts: SharedFacts;
  readonly #bus: Pick<Bus, 'node' | 'stamp'>;
  readonly #claims = new Map<string, Claim>();

  constructor(facts: SharedFacts, bus: Pick<Bus, 'node' | 'stamp'>) {
    this.#facts = facts;
    this.#bus = bus;
  }

  /**
   * This device is connected here from now on.
   * @param cut cuts this connection; called when another node has a newer one
   */
  came(udid: string, cut: () => void): void {
    const after = this.#facts.elsewhere('device', udid)?.value ?? 0;
    const claim: Claim = { cut, since: undefined, after, stamping: 'no' };
    this.#claims.set(udid, claim);
    void this.#stamp(udid, claim);
  }

  left(udid: string): void {
    this.#claims.delete(udid);
    this.#facts.unset('device', udid);
  }

  /** The other node that this device is connected to, if it is not connected here. */
  nodeOf(udid: string): string | undefined {
    return this.#claims.has(udid) ? undefined : this.#facts.elsewhere('device', udid)?.node;
  }

  isElsewhere(udid: string): boolean {
    return this.#facts.elsewhere('device', udid) !== undefined;
  }

  /** Another node says that it has this device. */
  heardElsewhere(udid: string): void {
    const claim = this.#claims.get(udid);
    const other = this.#facts.elsewhere('device', udid);
    if (claim?.since !== undefined && other && this.#isNewer(other, claim.since)) claim.cut();
  }

  /** Stamps the connections that could not be stamped when they came. */
  resume(): void {
    for (const [udid, claim] of this.#claims) if (claim.since === undefined) void this.#stamp(udid, claim);
  }

  async #stamp(udid: string, claim: Claim): Promise<void> {
    // Never twice at a time: a second stamp would be newer than a connection elsewhere that came in between.
    const isAsking = claim.stamping !== 'no';
    claim.stamping = isAsking ? 'again' : 'once';
    if (isAsking) return;
    // Without the bus it is stamped later; see `resume`.
    const stamp = await this.#bus.stamp().catch(() => undefined);
    const { stamping } = claim;
    claim.stamping = 'no';
    if (this.#claims.get(udid) !== claim) return;
    if (stamp === undefined) {
      if (stamping === 'again') void this.#stamp(udid, claim);
      return;
    }
    const since = Math.max(stamp, claim.after + 1);
    claim.since = since;
    this.#facts.set('device', udid, since);
    const other = this.#facts.elsewhere('device', udid);
    if (other && this.#isNewer(other, since)) claim.cut();
  }

  #isNewer({ node, value }: Elsewhere, since: number): boolean {
    return value > since || (value === since && node > this.#bus.node);
  }
}
