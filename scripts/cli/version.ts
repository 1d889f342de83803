import { readFileSync } from 'node:fs';

/** The version in our package.json, which lies at the top of the package: above `dist/scripts/cli`. */
export function readVersion(): string {
  try {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    const manifest: unknown = JSON.parse(text);
    return String(Reflect.get(Object(manifest), 'version'));
  } catch {
    // Built to some other place: no reason to fail.
    return 'unknown';
  }
}
