import { Headcount } from '../../core/headcount.js';
import { HomeAssistantTopics } from '../../core/home-assistant/topics.js';
import { JsonBound } from '../../core/json-bound.js';
import { KeyedLock } from '../../core/keyed-lock.js';
import { Errands } from '../../core/nodes/errands.js';
import type { BlobStore, Clock, Log, Outbox, Presence, Stores, Telemetry } from '../../core/ports.js';
import { Rate } from '../../core/rate.js';
import { Accounts, type KeyWatch } from '../../core/services/accounts.js';
import { Announcer } from '../../core/services/announcer.js';
import { Catalog } from '../../core/services/catalog.js';
import { Consent } from '../../core/services/consent.js';
import type { ConversationParts } from '../../core/services/conversation.js';
import { Conversations } from '../../core/services/conversations.js';
import { StoredCrowd } from '../../core/services/crowd.js';
import { Desk } from '../../core/services/desk.js';
import { Downloads } from '../../core/services/downloads.js';
import { History } from '../../core/services/history.js';
import { HomeAssistantFeed } from '../../core/services/home-assistant-feed.js';
import { Housekeeping } from '../../core/services/housekeeping.js';
import { Installs } from '../../core/services/installs.js';
import { Issuer } from '../../core/services/issuer.js';
import { Manifests } from '../../core/services/manifests.js';
import { Orders } from '../../core/services/orders.js';
import { OwnerFeed } from '../../core/services/owner-feed.js';
import { Publisher } from '../../core/services/publisher.js';
import { Records } from '../../core/services/records.js';
import { Registry } from '../../core/services/registry.js';
import { Rollback } from '../../core/services/rollback.js';
import { Rollouts } from '../../core/services/rollouts.js';
import { Signers } from '../../core/services/signers.js';
import { Transfers } from '../../core/services/transfers.js';
import { readVersion } from '../cli/version.js';
import type { Settings } from '../config/schema.js';
import { CountingLimitWatch } from './limit-watch.js';
import type { Nodes } from './nodes.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** How long a device of which nothing is known may usually be silent: it restarts, and its network with it. */
const USUAL_MS = 15 * MINUTE;

/** What the domain needs from outside. */
export interface World {
  readonly settings: Settings;
  readonly stores: Stores;
  readonly blobs: BlobStore;
  readonly outbox: Outbox;
  readonly presence: Presence;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly nodes: Nodes;
  readonly keyWatch: KeyWatch;
}

export type Domain = ReturnType<typeof buildDomain>;

/** Builds the services of the domain, lowest first. */
export function buildDomain(world: World) {
  const { settings, stores, blobs, outbox, presence, clock, telemetry, log, keyWatch } = world;
  const { devices, tokens, signers } = stores;
  const { peers, whereabouts, lock: shared, lease } = world.nodes;
  const { requireSignature } = settings.firmware;
  const policy = {
    maxAttempts: settings.offers.maxAttempts,
    retryMs: settings.offers.retrySeconds * SECOND,
    requireSignature,
  };
  const timing = {
    settleMs: settings.offers.settleSeconds * SECOND,
    freshMs: settings.offers.freshSeconds * SECOND,
  };
  const lock = new KeyedLock();
  const transfers = new Transfers(peers);
  const conversations = new Conversations();
  const catalog = new Catalog(stores.firmware, signers, peers);
  const history = new History({ store: stores.history, clock, log });
  const { enabled, prefix } = settings.homeAssistant;
  const homeAssistant = enabled
    ? new HomeAssistantFeed(outbox, new HomeAssistantTopics(prefix), readVersion())
    : undefined;
  const feed = new OwnerFeed({
    outbox,
    catalog,
    rollouts: stores.rollouts,
    presence,
    transfers,
    history,
    clock,
    policy,
    homeAssistant,
  });
  const records = new Records(devices, tokens, feed, telemetry);
  const { admission } = settings.devices;
  const watch = new CountingLimitWatch(telemetry, log, clock);
  const { limits } = settings;
  const registry = new Registry({
    removed: (udid) => rollouts.forget(udid),
    quota: { kept: new Headcount(limits.devicesPerOwner, (owner) => devices.count(owner), clock), watch },
    devices,
    tokens,
    records,
    feed,
    transfers,
    clock,
    telemetry,
    shared,
    admission,
    log,
  });
  const desk = new Desk({
    catalog,
    records,
    tokens,
    transfers,
    clock,
    policy,
    lock,
    issuer: new Issuer({
      records,
      clock,
      telemetry,
      rate: new Rate(limits.tokensPerHourPerDevice, HOUR, clock),
      watch,
    }),
  });
  const orders = new Orders({ catalog, records, tokens, transfers, clock, policy, lock });
  const look = (udid: string, since?: number) => announcer.reconsiderHere(udid, since);
  const errands: Errands = new Errands(peers, clock, look);
  const announcer: Announcer = new Announcer({ devices, desk, conversations, whereabouts, errands, clock });
  const crowd = new StoredCrowd({ devices, records, catalog, announcer, presence });
  const rollouts = new Rollouts({
    store: stores.rollouts,
    accounts: stores.accounts,
    crowd,
    catalog,
    announcer,
    orders,
    feed,
    clock,
    lease,
    lock: shared,
    hasPeers: () => peers.count > 0,
    defaults: {
      deadlineMs: settings.rollouts.deadlineMinutes * MINUTE,
      probationMs: settings.rollouts.probationMinutes * MINUTE,
      retries: settings.rollouts.retries,
      successThreshold: settings.rollouts.successThreshold,
      failureThreshold: settings.rollouts.failureThreshold,
    },
    stagedFrom: settings.rollouts.stagedFrom,
    usualMs: USUAL_MS,
    log,
  });
  records.watch((before, after) => rollouts.observe(before, after));
  const postponeMs = settings.notices.postponeHours * HOUR;
  const consent = new Consent({ records, feed, clock, lock, postponeMs });
  const conversation: ConversationParts = { desk, registry, transfers, clock, timing, telemetry, log };
  return {
    accounts: new Accounts(stores.accounts, clock, shared, keyWatch),
    announcer,
    catalog,
    consent,
    conversation,
    conversations,
    desk,
    errands,
    downloads: new Downloads({ tokens, catalog, records, feed, transfers, clock, telemetry, policy }),
    feed,
    history,
    housekeeping: new Housekeeping({
      accounts: stores.accounts,
      devices,
      tokens,
      catalog,
      blobs,
      announcer,
      lease,
      clock,
      log,
    }),
    installs: new Installs({ records, feed, consent, orders }),
    manifests: new Manifests({ records, catalog, clock, policy }),
    orders,
    publisher: new Publisher({
      catalog,
      signers,
      requireSignature,
      blobs,
      devices,
      orders,
      rollouts,
      announcer,
      feed,
      clock,
      lock: shared,
    }),
    records,
    registry,
    rollback: new Rollback({ store: stores.rollouts, catalog, orders, announcer, clock }),
    rollouts,
    signers: new Signers({ store: signers, catalog, orders, announcer, feed, clock }),
    transfers,
    watch,
    json: new JsonBound(limits.jsonDepth, watch),
  };
}
