/**
 * The page's MQTT client, in a thread of its own: a burst of messages does not hold up the page, and its timers keep
 * running while the page is in the background.
 */
import { browserStreamBuilder, type Client, MqttClient } from './client.js';
import type { Arrived, FromWorker, Refused, ToWorker } from './messages.js';

/** The part of DedicatedWorkerGlobalScope that is used; TypeScript has it in a library that excludes the page's. */
interface WorkerScope {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}
const scope = self as unknown as WorkerScope;

/** Messages are handed on so often, ms; more often than a person can see would only cost. */
const GATHER_MS = 50;
/** And so many at once, so that the page can draw in between. */
const MOST_AT_ONCE = 500;

/** CONNACK codes with which the same words will never do (MQTT 3.1.1, 3.2.2.3). */
const BAD_CREDENTIALS: ReadonlySet<unknown> = new Set([4, 5]);
const REFUSED_FILTER = 128;

let client: Client | undefined;
let waiting: Arrived[] = [];
let isDue = false;

function handOn(): void {
  isDue = waiting.length > MOST_AT_ONCE;
  const messages = waiting.slice(0, MOST_AT_ONCE);
  waiting = waiting.slice(MOST_AT_ONCE);
  if (messages.length > 0) scope.postMessage({ kind: 'arrived', messages });
  if (isDue) setTimeout(handOn, GATHER_MS / 2);
}

function gather(message: Arrived): void {
  waiting.push(message);
  if (isDue) return;
  isDue = true;
  setTimeout(handOn, GATHER_MS);
}

/** What was gathered goes first, so that nothing of an old connection comes behind the word of the new one. */
function tell(message: FromWorker): void {
  if (waiting.length > 0) scope.postMessage({ kind: 'arrived', messages: waiting });
  waiting = [];
  scope.postMessage(message);
}

function refuse(why: Refused): void {
  client?.end(true);
  client = undefined;
  tell({ kind: 'refused', why });
}

function open(url: string, owner: string, key: string): void {
  const { protocol, hostname, port, pathname } = new URL(url);
  const isSecure = protocol === 'wss:';
  const options = {
    protocol: isSecure ? ('wss' as const) : ('ws' as const),
    hostname,
    port: Number(port || (isSecure ? 443 : 80)),
    path: pathname,
    username: owner,
    password: key,
    clientId: `rtm-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`,
    clean: true,
    // Where the network falls silent without a word, the page would show old things as true for one and a half of these.
    keepalive: 10,
    connectTimeout: 10_000,
    reconnectPeriod: 1000,
    reconnectOnConnackError: true,
    resubscribe: false,
    queueQoSZero: false,
    // Timers in a worker are not slowed down: MQTT.js need not start a second one for them.
    timerVariant: 'native' as const,
  };
  const opened = new MqttClient((self) => browserStreamBuilder(self, options), options);
  client = opened;
  opened.on('connect', () => {
    // QoS 0: on one connection nothing is lost, and after the next one everything is told anew.
    opened.subscribe(`/${owner}/rtm/#`, { qos: 0 }, (error, _subscriptions, suback) => {
      if (client !== opened) return;
      // What MQTT.js hands back as granted is what was asked for if any of it was refused.
      if (suback?.granted.includes(REFUSED_FILTER)) refuse('device_key');
      else if (error) opened.reconnect();
      else tell({ kind: 'live' });
    });
  });
  opened.on('message', (topic, payload) => gather({ topic, text: payload.toString() }));
  opened.on('error', (error) => {
    if (BAD_CREDENTIALS.has((error as { code?: unknown }).code)) refuse('credentials');
  });
  opened.on('close', () => {
    if (client === opened) tell({ kind: 'lost' });
  });
}

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'open':
      return open(data.url, data.owner, data.key);
    case 'publish': {
      const { id, topic, text } = data;
      if (!client?.connected) return tell({ kind: 'published', id, taken: false });
      client.publish(topic, text, { qos: 1 }, (error) => tell({ kind: 'published', id, taken: !error }));
      return;
    }
    case 'offline':
      // What closes the connection for the network would be a ping without an answer, much later.
      client?.stream?.destroy();
      return;
    case 'close':
      client?.end(true);
      client = undefined;
      waiting = [];
  }
};
