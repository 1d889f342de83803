import type { DeviceView, UpdateState } from './nouns.js';

/** What an owner distinguishes at a glance. */
export type Status = 'asks' | 'updating' | 'failed' | 'settled';

const OF_STATE: Readonly<Record<UpdateState, Status>> = {
  asked: 'asks',
  approved: 'updating',
  offered: 'updating',
  downloading: 'updating',
  downloaded: 'updating',
  failed: 'failed',
  declined: 'settled',
  installed: 'settled',
  withdrawn: 'settled',
};

/** A question that was put off is not open, although the update's state is still `asked`. */
export function statusOf({ update, why }: DeviceView): Status {
  if (!update) return 'settled';
  if (update.state === 'asked' && why.reason === 'postponed') return 'settled';
  return OF_STATE[update.state];
}

/** How each state is called on the page. */
export const STATE_NAMES: Readonly<Record<UpdateState, string>> = {
  asked: 'Waits for you',
  approved: 'Approved',
  offered: 'Offered',
  downloading: 'Downloading',
  downloaded: 'Restarting',
  installed: 'Installed',
  failed: 'Failed',
  declined: 'Declined',
  withdrawn: 'Withdrawn',
};
