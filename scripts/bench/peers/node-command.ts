import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../../../../package.json', import.meta.url);

/** The flags of Node with which `npm start` starts the product. @throws Error if it starts something else */
function startFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { scripts: { start: string } };
  const [, flags] = /^exec node (.*)dist\/scripts\/firmwire\.js serve$/.exec(scripts.start) ?? [];
  if (flags === undefined) throw new Error(`npm start is not what the bench takes it for: ${scripts.start}`);
  return flags.split(' ').filter(Boolean);
}

/** How Node is started, for the product and for its peers alike: a ratio is to be about the program. */
export const nodeCommand = (): string[] => [process.execPath, ...startFlags()];
