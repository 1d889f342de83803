import type { Bus, Lease } from '../ports.js';

/** The bus of a server that is one process: there is nobody to talk to. */
export class LoneBus implements Bus {
  readonly node = 'lone';
  #stamps = 0;

  isUp(): boolean {
    return true;
  }

  send(): void {}

  listen(): void {}

  async stamp(): Promise<number> {
    return ++this.#stamps;
  }

  async claim(): Promise<boolean> {
    return true;
  }
}

/** What is to be done once is done by the only one there is. */
export const LONE_LEASE: Lease = { isHeld: () => true };
