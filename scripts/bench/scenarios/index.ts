import type { Scenario } from '../model.js';
import { HTTP_SCENARIOS } from './http.js';
import { MQTT_SCENARIOS } from './mqtt.js';
import { NODES } from './nodes.js';
import { push } from './push.js';

/** Every scenario, in the order of the README's table. */
export const SCENARIOS: readonly Scenario[] = [
  push(5000),
  push(10_000),
  ...MQTT_SCENARIOS,
  ...HTTP_SCENARIOS,
  NODES,
];
