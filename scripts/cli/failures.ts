import { CommanderError } from 'commander';
import { FirmwireError } from '../../core/errors.js';
import { ApiError, ClientError } from '../client/errors.js';
import { plain } from './text.js';

/** The person asked for something that makes no sense; exits 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command has failed and has said so itself; exits with this code. */
export class QuietFailure extends Error {
  override readonly name = 'QuietFailure';

  constructor(readonly exitCode: number) {
    super(`exit code ${exitCode}`);
  }
}

/** How a command ends: its exit code and what stderr is told, if anything. */
export interface Ending {
  readonly exitCode: number;
  readonly text?: string;
}

const FAILED = 1;
const WRONG_USE = 2;
/** 128 + SIGINT, as shells count. */
const INTERRUPTED = 130;

const line = (exitCode: number, message: string): Ending => ({
  exitCode,
  text: `firmwire: ${plain(message)}`,
});

/** `commander.help` stands for "here is the help instead" when no command, or no known one, was named. */
function ofCommander({ code, exitCode, message }: CommanderError): Ending {
  if (exitCode === 0) return { exitCode };
  if (code === 'commander.help') return line(WRONG_USE, 'which command? See firmwire --help');
  return line(WRONG_USE, message.replace(/^error: /, ''));
}

function ofApi(error: ApiError): Ending {
  switch (error.code) {
    case 'unreachable':
      return line(FAILED, `${error.message}; start it (firmwire serve) or say where it is (--server URL)`);
    case 'unauthorized':
    case 'forbidden':
      return line(FAILED, `${error.message} Say where the owner's key is (--data DIR or --credentials FILE)`);
    default:
      return line(FAILED, error.message);
  }
}

const isSystemError = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && 'syscall' in error;

/** Says how to end after an error. What nobody foresaw keeps its stack, because it has to be repaired here. */
export function endingOf(error: unknown): Ending {
  if (error instanceof QuietFailure) return { exitCode: error.exitCode };
  if (error instanceof CommanderError) return ofCommander(error);
  if (error instanceof UsageError) return line(WRONG_USE, error.message);
  if (error instanceof ApiError) return ofApi(error);
  if (error instanceof FirmwireError)
    return line(error.code === 'config_invalid' ? WRONG_USE : FAILED, error.message);
  if (error instanceof ClientError || isSystemError(error)) return line(FAILED, error.message);
  if (error instanceof Error && error.name === 'AbortError') return line(INTERRUPTED, 'interrupted');
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: FAILED, text: `firmwire: ${text}` };
}
