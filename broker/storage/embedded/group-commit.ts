import type { Key, RootDatabase } from 'lmdb';
import { FirmwireError } from '../../../core/errors.js';

/** So long may a write wait for company that nobody waits for: fewer commits, fewer waits for the disk. */
const LAZY_MS = 25;

/** One action that waits for the next commit. */
interface Waiting {
  readonly action: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What a write may find of the disk. */
export interface CommitDisk {
  /** True if this error of LMDB says that there is no room. */
  isFull(error: unknown): boolean;
  /** Called when there is none; true: there is now, and the same is tried again. */
  makeRoom(): boolean;
}

/** LMDB rejects with a promise of the cause, which ends the process if nobody listens to it. */
async function causeOf(error: unknown, disk: CommitDisk): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  const cause: unknown = await Promise.resolve(error.commitError).catch((reason: unknown) => reason);
  if (disk.isFull(cause)) return new FirmwireError('storage_full', undefined, { cause });
  return new Error(`The database could not be written: ${String(cause)}`, { cause });
}

/** What became of one action. */
type Result = { readonly value: unknown } | { readonly error: unknown };

/**
 * Lets all that is to be written at one time share one transaction, and so one wait for the disk. A transaction for
 * each, nested in one, costs several times what the writing itself does: LMDB sets up its lists of pages anew for each.
 */
export class GroupCommit {
  private waiting: Waiting[] = [];
  /** LMDB has been asked for a transaction and has not called back yet. */
  private begun = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly root: RootDatabase<unknown, Key>,
    private readonly disk: CommitDisk,
  ) {}

  /**
   * Runs the action within a transaction, in the order of the calls, and resolves with its result once that is on
   * stable storage. One that throws is rejected with what it threw and has written nothing; the others of its group
   * are run again in the same place, so that nothing overtakes them.
   * @param lazy nobody waits for it: it may wait some ms for others to share a transaction with
   */
  add<T>(action: () => T, lazy = false): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ action, resolve, reject });
      // Until LMDB calls back, whatever else is added joins this group.
      if (this.begun) return;
      if (!lazy) void this.commit();
      else this.timer ??= setTimeout(() => void this.commit(), LAZY_MS);
    });
  }

  private async commit(): Promise<void> {
    this.begun = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    let group: readonly Waiting[] = [];
    let results: readonly Result[] = [];
    try {
      await this.root.transaction(() => {
        group = this.waiting;
        this.waiting = [];
        this.begun = false;
        results = this.run(group);
      });
    } catch (error) {
      this.failed(group, await causeOf(error, this.disk));
      return;
    }
    for (const [i, { resolve, reject }] of group.entries()) {
      const result = results[i];
      if (result && 'value' in result) resolve(result.value as never);
      else reject(result?.error);
    }
  }

  /** All together, which is cheap; if one throws, each by itself. Within a transaction LMDB's nested ones are synchronous. */
  private run(group: readonly Waiting[]): readonly Result[] {
    let results: readonly Result[] = [];
    try {
      void this.root.childTransaction(() => {
        results = group.map(({ action }) => ({ value: action() }));
      });
      return results;
    } catch {
      return group.map(({ action }) => this.runAlone(action));
    }
  }

  private runAlone(action: () => unknown): Result {
    let result: Result = { value: undefined };
    try {
      void this.root.childTransaction(() => {
        result = { value: action() };
      });
      return result;
    } catch (error) {
      return { error };
    }
  }

  /** Nothing of the group is stored: it is rejected, or tried again if there is room now. */
  private failed(group: readonly Waiting[], cause: unknown): void {
    // A transaction that could not even begin leaves its group waiting.
    const lost = group.length > 0 ? group : this.waiting.splice(0);
    if (group.length === 0) this.begun = false;
    const isFull = cause instanceof FirmwireError && cause.code === 'storage_full';
    if (isFull && lost.length > 0 && this.disk.makeRoom()) {
      this.waiting.unshift(...lost);
      if (!this.begun) void this.commit();
      return;
    }
    for (const { reject } of lost) reject(cause);
  }
}
