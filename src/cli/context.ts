// What a command has around it. Tests put other things there.

import { isAscii } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { openEngine } from '../engine/engine.ts';
import type { Kernel } from '../engine/kernel.ts';
import type { Directories } from '../engine/layout.ts';
import { systemKernel } from '../engine/system-kernel.ts';
import type { Engine } from '../engine/types.ts';
import { readWhole } from './input.ts';
import { writeWhole } from './output.ts';

/** UTF-8 by default; in `latin1` each character is one byte, whatever the bytes mean. */
type Encoding = 'utf8' | 'latin1';

export interface Context {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether what is printed may be coloured. */
  readonly colour: boolean;
  /** The text of a file, or of the standard input where there is none. Throws as `readFileSync` does. */
  readInput(path: string | undefined, encoding?: Encoding): string;
  print(text: string, encoding?: Encoding): void;
  printError(text: string): void;
  now(): Date;
  readonly kernel: Kernel;
  openEngine(directories: Directories): Engine;
}

/** A command: takes its words, gives its exit code. */
export type Command = (words: readonly string[], context: Context) => number;

/** What holds ASCII only, as nearly all rulesets do, need not be decoded. */
function readInput(path: string | undefined, encoding: Encoding = 'utf8'): string {
  const bytes = path === undefined ? readWhole(0) : readFileSync(path);
  return bytes.toString(isAscii(bytes) ? 'latin1' : encoding);
}

export function processContext(): Context {
  return {
    environment: process.env,
    // Asked for by one command only: Node makes a stream to answer it.
    get colour() {
      return process.stdout.isTTY === true && !process.env.NO_COLOR;
    },
    readInput,
    print: (text, encoding) => writeWhole(1, text, encoding),
    printError: (text) => writeWhole(2, text),
    now: () => new Date(),
    kernel: systemKernel,
    openEngine: (directories) => openEngine(directories, systemKernel),
  };
}
