/** What arrives, as the server makes it. */
export type { Notice } from '../../../core/notice.js';
export type { EventName } from '../../../core/services/owner-feed.js';
export type { UpdateState } from '../../../core/update.js';
export type { DeviceView, ServerView } from '../../../core/view.js';

import type { EventName } from '../../../core/services/owner-feed.js';

/** Published firmware, as the owner's API shows it. */
export interface FirmwareView {
  readonly id: string;
  readonly version: string;
  readonly platform: string | null;
  readonly udid: string | null;
  readonly tags: readonly string[];
  readonly envHash: string | null;
  readonly notes: string | null;
  readonly rollout: string;
  /** Bytes a device receives. */
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
  readonly createdAt: string;
}

/** Something that happened; what applies is there. */
export interface FleetEvent {
  readonly event: EventName;
  readonly udid?: string;
  readonly alias?: string;
  readonly version?: string;
  readonly firmware?: string;
  readonly progress?: number;
  readonly error?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
