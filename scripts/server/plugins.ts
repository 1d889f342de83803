import type { Plugin } from '../../broker/plugin.js';
import type { Sessions } from '../../broker/sessions.js';
import { Rate } from '../../core/rate.js';
import { Authentication } from '../../plugins/authentication.js';
import { Availability } from '../../plugins/availability.js';
import { ClientLimits } from '../../plugins/client-limits.js';
import { HomeAssistant } from '../../plugins/home-assistant.js';
import { inOrder } from '../../plugins/index.js';
import { ManifestRequests } from '../../plugins/manifest-requests.js';
import { OncePerSession } from '../../plugins/once-per-session.js';
import { OwnerReplies } from '../../plugins/owner-replies.js';
import { TopicRights } from '../../plugins/topic-rights.js';
import type { Settings } from '../config/schema.js';
import type { Domain } from './domain.js';
import { systemClock } from './system-clock.js';
import { certificateRule } from './tls/client-certificates.js';

const MINUTE = 60_000;

/** The law of the broker. */
export function pluginsOf(settings: Settings, domain: Domain, sessions: Sessions): readonly Plugin[] {
  const {
    accounts,
    announcer,
    consent,
    conversation,
    conversations,
    feed,
    installs,
    json,
    manifests,
    registry,
    watch,
  } = domain;
  const { limits } = settings;
  const { homeAssistant } = feed;
  return inOrder({
    authentication: new Authentication(accounts, registry, {
      failuresPerMinute: settings.throttle.loginFailuresPerMinute,
      connects: new Rate(limits.connectsPerMinutePerDevice, MINUTE, systemClock),
      watch,
      certificates: certificateRule(settings),
    }),
    clientLimits: new ClientLimits(
      {
        topicLevels: limits.topicLevels,
        topicBytes: limits.topicBytes,
        subscriptions: limits.subscriptionsPerClient,
      },
      watch,
    ),
    topicRights: new TopicRights(registry, homeAssistant?.topics),
    availability: new Availability(sessions, conversations, announcer, conversation, json),
    ownerReplies: new OwnerReplies(consent, announcer, json),
    homeAssistant: homeAssistant && new HomeAssistant(homeAssistant, installs, announcer),
    manifestRequests: new ManifestRequests(manifests),
    oncePerSession: new OncePerSession(),
  });
}
