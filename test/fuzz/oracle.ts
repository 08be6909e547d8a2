// The machine's iptables-legacy, asked about many cases by one shell in a network namespace of its own.
//
// Each case is restored for real, so that the kernel has its say, then saved, then all five tables are emptied. Needs
// root.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inScriptFolder, legacyProgram, runLegacyScript } from '../harness/legacy-shell.ts';
import type { CommandCase, FuzzCase } from './case.ts';

export interface Answer {
  readonly exitCode: number;
  /** All that was printed on the standard error, byte for byte as Latin-1. */
  readonly message: string;
  /** The tables as saved with counters, without comments, as Latin-1; empty where the file was refused. */
  readonly saved: string;
}

export const TABLES = ['filter', 'nat', 'mangle', 'raw', 'security'] as const;

const CHAINS: Readonly<Record<(typeof TABLES)[number], string>> = {
  filter: 'INPUT FORWARD OUTPUT',
  nat: 'PREROUTING INPUT OUTPUT POSTROUTING',
  mangle: 'PREROUTING INPUT FORWARD OUTPUT POSTROUTING',
  raw: 'PREROUTING OUTPUT',
  security: 'INPUT FORWARD OUTPUT',
};

const emptied = (table: (typeof TABLES)[number]) =>
  `*${table}\n${CHAINS[table]
    .split(' ')
    .map((chain) => `:${chain} ACCEPT [0:0]\n`)
    .join('')}COMMIT\n`;

/** A file that leaves all tables empty. */
const EMPTY = TABLES.map(emptied).join('');

const RESTORES = `
ask() { # command number options
  command=$1 case=$2; shift 2
  $command-restore "$@" <$case.in >/dev/null 2>$case.err; status=$?
  echo $status >$case.rc
  if [ $status = 0 ]; then $command-save -c >$case.save; fi
  $command-restore <empty
}
`;

const COMMANDS = `
ask() { # command number words
  command=$1 step=$2; shift 2
  $command "$@" >$step.out 2>$step.err </dev/null
  echo $? >$step.rc
}
`;

/** Milliseconds for a batch and for each case in it. */
const PATIENCE = { batch: 20_000, each: 200 };

/** Asks about all files of a batch, in order. Throws where the shell did not come to its end. */
export function askIptables(cases: readonly FuzzCase[]): Promise<Answer[]> {
  return inShell(async (directory) => {
    cases.forEach(({ text }, i) => {
      writeFileSync(join(directory, `${i}.in`), text);
    });
    const lines = cases.map(({ family, options }, i) => ['ask', legacyProgram(family), i, ...options].join(' '));
    await runScript(directory, RESTORES, lines);
    return cases.map((_, i) => {
      const exitCode = Number(read(directory, `${i}.rc`));
      const saved = exitCode === 0 ? withoutComments(read(directory, `${i}.save`)) : '';
      return { exitCode, message: read(directory, `${i}.err`), saved };
    });
  });
}

/** One command of a case: what it printed, and how it ended. */
export interface CommandAnswer {
  readonly exitCode: number;
  readonly output: string;
  readonly message: string;
}

/** Runs the commands of each case one after the other, beginning with empty tables. */
export function askCommands(cases: readonly CommandCase[]): Promise<CommandAnswer[][]> {
  return inShell(async (directory) => {
    const lines = cases.flatMap(({ family, commands }, i) => [
      `${legacyProgram(family)}-restore <empty`,
      ...commands.map((words, j) => ['ask', legacyProgram(family), `${i}.${j}`, ...words.map(shellWord)].join(' ')),
    ]);
    await runScript(directory, COMMANDS, lines);
    return cases.map(({ commands }, i) =>
      commands.map((_, j) => ({
        exitCode: Number(read(directory, `${i}.${j}.rc`)),
        output: read(directory, `${i}.${j}.out`),
        message: read(directory, `${i}.${j}.err`),
      })),
    );
  });
}

function inShell<T>(work: (directory: string) => Promise<T>): Promise<T> {
  return inScriptFolder((directory) => {
    writeFileSync(join(directory, 'empty'), EMPTY);
    return work(directory);
  });
}

function runScript(directory: string, functions: string, lines: readonly string[]): Promise<void> {
  const begin = 'iptables-legacy-restore <empty\nip6tables-legacy-restore <empty\n';
  const patience = PATIENCE.batch + PATIENCE.each * lines.length;
  return runLegacyScript(directory, `${functions}${begin}${lines.join('\n')}`, patience);
}

function read(directory: string, name: string): string {
  return readFileSync(join(directory, name), 'latin1');
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function withoutComments(text: string): string {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .join('\n');
}
