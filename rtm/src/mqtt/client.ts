import './node-globals.js';
// The modules themselves rather than the bundle, which also brings TLS, SOCKS and WeChat.
import * as clientModule from 'mqtt/lib/client';
import { browserStreamBuilder } from 'mqtt/lib/connect/ws';

type Client = clientModule.default;
type Constructor = typeof clientModule.default;

/** A CommonJS module's `default` is one level deeper for those that follow Node's rules, as the bundler does here. */
const unwrapped = (module: { default: Constructor | { default: Constructor } }): Constructor =>
  'default' in module.default ? module.default.default : module.default;

export type { Client };
export const MqttClient: Constructor = unwrapped(clientModule);
export { browserStreamBuilder };
