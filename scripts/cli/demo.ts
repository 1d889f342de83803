import type { Command } from 'commander';
import type { Cli } from './context.js';
import { QuietFailure } from './failures.js';
import { readCount, readSeconds } from './numbers.js';

interface DemoArguments {
  readonly devices?: number;
  readonly timeout?: number;
}

/** `firmwire demo` */
export function addDemo(program: Command, cli: Cli): void {
  program
    .command('demo')
    .description('show a simulated fleet move to a new version, on a server of its own')
    .option('--devices <n>', 'how many devices (default: 200)', readCount)
    .option('--timeout <seconds>', 'when to give up (default: 120)', readSeconds)
    .action(async ({ devices, timeout }: DemoArguments) => {
      const [{ demo }, { startDemoServer }] = await Promise.all([
        import('../commands/demo.js'),
        import('./demo-server.js'),
      ]);
      const io = { out: cli.out, err: cli.err, signal: cli.interrupt() };
      const exitCode = await demo(startDemoServer, io, {
        ...(devices !== undefined && { devices }),
        ...(timeout !== undefined && { timeoutSeconds: timeout }),
      });
      if (exitCode !== 0) throw new QuietFailure(exitCode);
    });
}
