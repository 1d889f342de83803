/** What MQTT.js takes for granted of Node, and a browser does not have. To be imported before it. */
const later = (action: (...args: unknown[]) => void, ...args: unknown[]): void => {
  queueMicrotask(() => action(...args));
};
Object.assign(globalThis, { process: { nextTick: later, env: {}, browser: true, version: '' } });
