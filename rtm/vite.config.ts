import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { sizeBudget } from './size-budget.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const outDir = fileURLToPath(new URL('../dist/rtm/page', import.meta.url));

/** MQTT.js and what it stands on bring one library in several copies; the page needs one of each. */
const ofMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt/package.json'));
const sameAsMqtt = (name: string, entry: string) => ({
  find: new RegExp(`^${name}$`),
  replacement: ofMqtt.resolve(entry),
});

export default defineConfig({
  root,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // What of Node the MQTT libraries ask for by name.
  define: { global: 'globalThis' },
  resolve: {
    alias: [
      sameAsMqtt('readable-stream', 'readable-stream/lib/ours/browser.js'),
      sameAsMqtt('lru-cache', 'lru-cache/min'),
    ],
  },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    // Everything is a file of its own, so that the page's policy needs no exception.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  plugins: [sizeBudget(outDir, 150_000)],
});
