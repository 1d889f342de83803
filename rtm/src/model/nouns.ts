/** What arrives, as the server makes it. */
export type { FirmwareView } from '../../../core/firmware-view.js';
export type { Notice } from '../../../core/notice.js';
export type { RolloutView } from '../../../core/rollouts/view.js';
export type { EventName } from '../../../core/services/owner-feed.js';
export type { UpdateState } from '../../../core/update.js';
export type { DeviceView, ServerView } from '../../../core/view.js';

import type { EventFacts, EventName } from '../../../core/services/owner-feed.js';

/** Something that happened; what applies is there. */
export interface FleetEvent extends EventFacts {
  readonly event: EventName;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
