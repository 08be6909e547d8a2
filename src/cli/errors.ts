// What stops a command, as a message and an exit code. A stack is shown only where BPFILTER_DEBUG asks for it.

import { UnsupportedError } from '../base/unsupported.ts';
import { InstallationError } from '../engine/pins.ts';
import { PinDirectoryError } from '../kernel/bpffs.ts';
import { KernelError, LockError, VerifierError } from '../kernel/errors.ts';
import { StoreError } from '../store/errors.ts';
import { CommandError, EXIT } from './compat.ts';
import { ConfigError } from './config.ts';
import type { Command, Context } from './context.ts';

/** Runs a command; whatever it throws becomes text on the standard error, if that takes it, and an exit code. */
export function runCommand(program: string, command: Command, words: readonly string[], context: Context): number {
  try {
    return command(words, context);
  } catch (error) {
    const { text, exitCode } = describeError(error, program, context.environment.BPFILTER_DEBUG !== undefined);
    try {
      context.printError(text);
    } catch {
      // Nobody can be told; the exit code says it.
    }
    return exitCode;
  }
}

function describeError(error: unknown, program: string, debug: boolean): { text: string; exitCode: number } {
  const [message, exitCode] = explain(error, program);
  const stack = debug && error instanceof Error ? `${error.stack}\n` : '';
  return { text: `${message}${stack}`, exitCode };
}

function explain(error: unknown, program: string): [message: string, exitCode: number] {
  if (error instanceof CommandError) return [error.text, error.exitCode];
  const say = (...lines: readonly string[]) => lines.map((line) => `${program}: ${line}\n`).join('');
  if (error instanceof LockError) {
    const held = `Another app is currently holding the ${error.lock} lock. Stopped waiting for it.\n`;
    return [`${held}${say(error.message)}`, EXIT.resource];
  }
  if (error instanceof ConfigError) return [say(...error.message.split('\n')), EXIT.parameter];
  if (error instanceof UnsupportedError) {
    const { message, remedy } = error;
    return [say(message, ...(remedy === undefined ? [] : [`hint: ${remedy}`])), EXIT.version];
  }
  if (error instanceof StoreError) return [say(error.message, error.remedy), EXIT.resource];
  if (error instanceof VerifierError) {
    return [say(error.message, 'this is a fault of bpfilter; nothing was changed'), EXIT.resource];
  }
  if (error instanceof KernelError) return [say(error.message), EXIT.resource];
  if (error instanceof InstallationError || error instanceof PinDirectoryError) return [say(error.message), EXIT.other];
  if (error instanceof Error && 'syscall' in error) {
    const denied = 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
    return [say(error.message, ...(denied ? ['run the command as root'] : [])), EXIT.resource];
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return [say(`internal error: ${message}`, 'set BPFILTER_DEBUG=1 to see where'), EXIT.other];
}
