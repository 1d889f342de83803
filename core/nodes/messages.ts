import type { Looked } from '../services/looked.js';

/** What nodes know of each other: `device` connected (when, by the bus's clock), `owner` listening, `transfer` in percent. */
export type FactKind = 'device' | 'owner' | 'transfer';

/** What one node says to the others. Any of it may be lost: whatever matters stands in the stores. */
export type NodeMessage =
  /** It is there and knows nothing of those it says this to: they tell it all their facts. */
  | { readonly kind: 'hello' }
  /** It is still there, and has told so many facts since it began: who has not heard them all asks for them. */
  | { readonly kind: 'beat'; readonly told: number }
  /** It ends. */
  | { readonly kind: 'bye' }
  /** One fact about it; without a value it holds no longer. */
  | { readonly kind: 'fact'; readonly of: FactKind; readonly key: string; readonly value?: number }
  /**
   * A part of all its facts of one kind. `first`: what was known before is void. So many parts, of all kinds, are `left`;
   * after the last, all is known that was `told` so far.
   */
  | {
      readonly kind: 'facts';
      readonly of: FactKind;
      readonly first: boolean;
      readonly left: number;
      readonly told: number;
      readonly entries: readonly (readonly [key: string, value: number])[];
    }
  /** The firmware of this owner has changed. */
  | { readonly kind: 'catalog'; readonly owner: string }
  | { readonly kind: 'cut-device'; readonly udid: string }
  | { readonly kind: 'cut-transfer'; readonly udid: string }
  | { readonly kind: 'cut-key'; readonly owner: string; readonly keyId: string }
  /** This key ends at this time, ms since the epoch. */
  | { readonly kind: 'key-ends'; readonly owner: string; readonly keyId: string; readonly at: number }
  /** Asks the node that these devices are connected to to look at them; the answers come in the same order. */
  | { readonly kind: 'look'; readonly id: number; readonly udids: readonly string[]; readonly since?: number }
  | { readonly kind: 'looked'; readonly id: number; readonly answers: readonly (Looked | null)[] };
