// What a command has around it. Tests put other things there.

import { readFileSync } from 'node:fs';
import { openEngine } from '../engine/engine.ts';
import type { Kernel } from '../engine/kernel.ts';
import type { Directories } from '../engine/layout.ts';
import { systemKernel } from '../engine/system-kernel.ts';
import type { Engine } from '../engine/types.ts';

export interface Context {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether what is printed may be coloured. */
  readonly colour: boolean;
  /** The text of a file, or of the standard input where there is none. Throws as `readFileSync` does. */
  readInput(path: string | undefined): string;
  print(text: string): void;
  printError(text: string): void;
  now(): Date;
  readonly kernel: Kernel;
  openEngine(directories: Directories): Engine;
}

/** A command: takes its words, gives its exit code. */
export type Command = (words: readonly string[], context: Context) => number;

export function processContext(): Context {
  return {
    environment: process.env,
    get colour() {
      return process.stdout.isTTY === true && !process.env.NO_COLOR;
    },
    readInput: (path) => readFileSync(path ?? 0, 'utf8'),
    print: (text) => void standardOutput().write(text),
    printError: (text) => void process.stderr.write(text),
    now: () => new Date(),
    kernel: systemKernel,
    openEngine: (directories) => openEngine(directories, systemKernel),
  };
}

let output: NodeJS.WriteStream | undefined;

/** Made by the first use: Node loads its sockets for it, and a restore prints nothing. */
function standardOutput(): NodeJS.WriteStream {
  // A reader that has seen enough (`| head`) is no error.
  output ??= process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  return output;
}
