/**
 * Loaded into a server before its own program (`node --expose-gc --import`): answers over IPC how much memory it holds
 * once all garbage is gone. The server itself is the one people run.
 */
process.on('message', (question) => {
  if (question !== 'memory') return;
  globalThis.gc?.();
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.channel?.unref();
