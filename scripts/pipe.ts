/** `firmwire devices | head`: once nobody reads any more there is nothing left to do, and nothing to complain about. */
export function endWhenUnread(): void {
  const end = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  };
  process.stdout.on('error', end);
  process.stderr.on('error', end);
}
