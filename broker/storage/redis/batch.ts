import type { Key } from './keys.js';
import type { Argument } from './script.js';

/** What a key held when it was seen last. Values are handed out more than once and must not be altered. */
export interface Seen {
  /** Undefined: there was no such key. */
  readonly text: string | undefined;
  readonly value: unknown;
}

export const NOTHING: Seen = { text: undefined, value: undefined };

/** The commands that a change consists of; they are carried out together or not at all. */
export class Batch {
  readonly commands: Argument[][] = [];
  /** What the keys hold afterwards. */
  readonly effects = new Map<string, Seen>();

  /** Any command that writes. */
  run(...command: Argument[]): void {
    this.commands.push(command);
  }

  /** @param options of SET, such as a time to live */
  put<V>(key: Key<V>, value: V, ...options: Argument[]): void {
    const text = key.codec.encode(value);
    this.run('SET', key.name, text, ...options);
    this.effects.set(key.name, { text, value });
  }

  drop(key: Key<unknown>): void {
    this.run('DEL', key.name);
    this.effects.set(key.name, NOTHING);
  }
}
