import type { Plugin } from '../broker/plugin.js';
import type { Authentication } from './authentication.js';
import type { Availability } from './availability.js';
import type { ClientLimits } from './client-limits.js';
import type { HomeAssistant } from './home-assistant.js';
import type { ManifestRequests } from './manifest-requests.js';
import type { OncePerSession } from './once-per-session.js';
import type { OwnerReplies } from './owner-replies.js';
import type { TopicRights } from './topic-rights.js';

/**
 * The plugins in their order, and why it is this one:
 * 1. authentication: nobody has rights before somebody has vouched for them.
 * 2. topic-rights: with home-assistant, about whose topics it says nothing, the only plugin that allows; all others can only
 *    deny or react.
 *    client-limits before it, so that what is refused anyway is cheap.
 * 3. availability before owner-replies and home-assistant: an answer is acted upon by telling a device, which must be known
 *    to be there.
 * 4. manifest-requests anywhere after the rights: it only answers.
 * 5. once-per-session last: it notes what it lets through, so nothing may deny after it.
 */
export const inOrder = (plugins: {
  authentication: Authentication;
  clientLimits: ClientLimits;
  topicRights: TopicRights;
  availability: Availability;
  ownerReplies: OwnerReplies;
  /** Absent: its topics are nobody's. */
  homeAssistant: HomeAssistant | undefined;
  manifestRequests: ManifestRequests;
  oncePerSession: OncePerSession;
}): readonly Plugin[] => [
  plugins.authentication,
  plugins.clientLimits,
  plugins.topicRights,
  plugins.availability,
  plugins.ownerReplies,
  ...(plugins.homeAssistant ? [plugins.homeAssistant] : []),
  plugins.manifestRequests,
  plugins.oncePerSession,
];
