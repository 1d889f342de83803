import type { Scenario } from '../model.js';
import { CHECK_IN, REGISTERED } from './check-in.js';
import { IDLE_MEMORY } from './idle-memory.js';
import { OWNER_LOGIN } from './owner-login.js';
import { RELEASE_ASKED } from './release-asked.js';
import { RETAINED_CONNECT } from './retained-connect.js';
import { START } from './start.js';
import { STORM } from './storm.js';

/** What goes over MQTT besides the push, and what a large fleet costs. */
export const MQTT_SCENARIOS: readonly Scenario[] = [
  CHECK_IN,
  STORM,
  RETAINED_CONNECT,
  OWNER_LOGIN,
  IDLE_MEMORY,
  REGISTERED,
  START,
  RELEASE_ASKED,
];
