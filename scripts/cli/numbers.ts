import { InvalidArgumentError } from 'commander';

/** Reads a whole number of at least 1 from an option; commander names the option in its complaint. */
export function readCount(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new InvalidArgumentError('It must be a whole number from 1 to 9999999.');
  return Number(text);
}

/** Reads a time span in seconds, fractions allowed, from an option. */
export function readSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  // Node's timers end at 2^31 ms and fire at once beyond.
  if (seconds <= 0 || seconds > 86_400)
    throw new InvalidArgumentError('It must be seconds, above 0 and up to 86400.');
  return seconds;
}

/** Reads a TCP port from an option; 0 stands for any free one. */
export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('It must be a port, from 0 to 65535.');
  return port;
}

/** Reads a number of bytes from an option. */
export function readBytes(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a number of bytes.');
  return Number(text);
}
