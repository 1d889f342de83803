import { inspect } from 'node:util';
import type { Log } from '../../core/ports.js';
import { watchForSecrets } from './secrets.js';

export interface LogLine {
  readonly level: keyof Log;
  readonly facts: Record<string, unknown>;
  readonly message: string;
}

/** A log that keeps what it is told. */
export class CollectingLog implements Log {
  readonly lines: LogLine[] = [];
  readonly debug = this.#taking('debug');
  readonly info = this.#taking('info');
  readonly warn = this.#taking('warn');
  readonly error = this.#taking('error');

  /** The errors, each as `plugin.hook`. */
  get failedHooks(): string[] {
    const errors = this.lines.filter(({ level }) => level === 'error');
    return errors.map(({ facts }) => `${facts['plugin']}.${facts['hook']}`);
  }

  #taking(level: keyof Log) {
    return (facts: object, message: string): void => {
      watchForSecrets(
        'a line of the log',
        `${message} ${inspect(facts, { depth: 6, breakLength: Infinity })}`,
      );
      this.lines.push({ level, facts: { ...facts }, message });
    };
  }
}
