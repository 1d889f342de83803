/** What the page and its MQTT worker say to each other. */

/** One message as it arrived. */
export interface Arrived {
  readonly topic: string;
  readonly text: string;
}

export type ToWorker =
  | { readonly kind: 'open'; readonly url: string; readonly owner: string; readonly key: string }
  | { readonly kind: 'publish'; readonly id: number; readonly topic: string; readonly text: string }
  /** The browser says that there is no network. */
  | { readonly kind: 'offline' }
  | { readonly kind: 'close' };

/** Why the server will not have us; there is no use in trying again with the same key. */
export type Refused = 'credentials' | 'device_key';

export type FromWorker =
  /** The subscription stands; what is retained follows. */
  | { readonly kind: 'live' }
  /** The connection is gone, or did not come about; it will be tried again. */
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused'; readonly why: Refused }
  | { readonly kind: 'arrived'; readonly messages: readonly Arrived[] }
  /** The server has acknowledged a message (PUBACK), or it never will. */
  | { readonly kind: 'published'; readonly id: number; readonly taken: boolean };
