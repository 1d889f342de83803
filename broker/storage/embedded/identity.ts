import { randomUUID } from 'node:crypto';
import { FirmwireError } from '../../../core/errors.js';
import type { ArchiveState } from '../archive.js';
import { type Environment, FORMAT_TABLE } from './environment.js';
import type { Table } from './table.js';

interface Facts {
  readonly id: string;
  /** Stands there from the first step of a restore to its end. */
  readonly restoring?: true;
}

/** Which store this is, and whether it is whole. Stands beside the format, where nothing clears it. */
export class Identity implements ArchiveState {
  private readonly environment: Environment;
  private readonly table: Table<Facts>;

  /** Gives a store an id that has none. To be made while the environment is being opened. */
  constructor(environment: Environment) {
    this.environment = environment;
    this.table = environment.table<Facts>(FORMAT_TABLE);
    if (!this.table.get('store')) this.write({ id: randomUUID() });
  }

  /** @throws FirmwireError `store_restoring` */
  mustBeWhole(): void {
    if (this.facts.restoring) throw new FirmwireError('store_restoring');
  }

  async id(): Promise<string> {
    return this.facts.id;
  }

  async isEmpty(): Promise<boolean> {
    return this.environment.isEmpty();
  }

  begin(): Promise<boolean> {
    return this.environment.write(() => {
      if (!this.environment.isEmpty()) return false;
      this.write({ ...this.facts, restoring: true });
      return true;
    });
  }

  clear(): Promise<void> {
    return this.environment.write(() => {
      this.write({ ...this.facts, restoring: true });
      this.environment.clear();
    });
  }

  finish(id: string): Promise<void> {
    return this.environment.write(() => this.write({ id }));
  }

  private get facts(): Facts {
    const facts = this.table.get('store');
    if (!facts) throw new Error('The store has lost its id.');
    return facts;
  }

  private write(facts: Facts): void {
    this.table.put('store', facts);
  }
}
