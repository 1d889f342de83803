import { LRUCache } from 'lru-cache';

/** What was last heard of a device. */
export interface Sighting {
  readonly udid: string;
  /** As `normaliseMac` makes it, if it told one. */
  readonly mac: string | undefined;
  readonly owner: string;
  readonly alias: string;
  readonly autoUpdate: boolean;
  /** SHA-256 of the API key that the server took from it: nobody else is told what stands here. */
  readonly key: string;
}

/** The devices whose check-in this gateway has carried, the latest ones. */
export class Seen {
  readonly #byUdid: LRUCache<string, Sighting>;
  readonly #byMac: LRUCache<string, Sighting>;
  #changed: () => void = () => {};

  constructor(max: number) {
    this.#byUdid = new LRUCache({ max });
    this.#byMac = new LRUCache({ max });
  }

  /** Has `changed` called whenever there is something new to write down. */
  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  note(sighting: Sighting): void {
    const before = this.#byUdid.get(sighting.udid);
    this.#byUdid.set(sighting.udid, sighting);
    if (sighting.mac !== undefined) this.#byMac.set(`${sighting.key} ${sighting.mac}`, sighting);
    if (!before || !isSame(before, sighting)) this.#changed();
  }

  /** Known by UDID, else by MAC, and by its key in any case (wire.md 4). */
  find(key: string, udid: string | undefined, mac: string | undefined): Sighting | undefined {
    const found =
      (udid === undefined ? undefined : this.#byUdid.get(udid)) ??
      (mac === undefined ? undefined : this.#byMac.get(`${key} ${mac}`));
    return found?.key === key ? found : undefined;
  }

  /** All of them, the one heard of least recently first. */
  all(): Sighting[] {
    return [...this.#byUdid.rvalues()].filter((sighting) => sighting !== undefined);
  }
}

const isSame = (a: Sighting, b: Sighting): boolean => JSON.stringify(a) === JSON.stringify(b);
