// How long commands take, whole processes from their start to their end: ours beside the iptables of the machine.
//
// Each family of commands has a network namespace of its own, in which the same rules are in force. A change is taken
// back, and what a deletion deletes is put there, outside of the time. In the end all must have the rules they began with.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Commands } from '../harness/commands.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { type CommandRow, commandTables } from './commands-tables.ts';
import { takeTurns } from './measure.ts';
import { commandSubject } from './process.ts';
import { RULESETS } from './rulesets.ts';

const SIZES = [100, 1_000, 10_000];
const DIST = new URL('../../dist/', import.meta.url).pathname;
/** Rulesets that all of them enforce. */
const KINDS = RULESETS.filter(({ name }) => name === 'blocklist' || name === 'flows');

export const commands: Bench = {
  name: 'commands',
  summary: 'restore, append, insert, delete, list and save, whole processes',
  run: (options) =>
    withNamespaces(['ours', 'legacy', 'nft'], ([ours, legacy, nft]) => {
      const directory = mkdtempSync(join(tmpdir(), 'ipb-bench-'));
      const own = new Commands(ours!, DIST);
      try {
        const link = (name: string): string => {
          symlinkSync(join(DIST, 'iptables-bpf.cjs'), join(directory, name));
          return join(directory, name);
        };
        const families = [
          family('iptables-bpf', ours!, own.environment, link),
          family('iptables-legacy', legacy!, process.env),
          family('iptables-nft', nft!, process.env),
        ];
        return run(families, directory, options);
      } finally {
        own.remove();
        rmSync(directory, { recursive: true });
      }
    }),
};

type Outcome = ReturnType<ReturnType<typeof commandSubject>['run']>;

/** The three programs of one iptables. */
interface Family {
  readonly name: string;
  run(program: 'iptables' | 'restore' | 'save', ...words: string[]): Outcome;
  /** Throws unless it succeeds. */
  must(program: 'iptables' | 'restore' | 'save', ...words: string[]): Outcome;
}

function family(
  name: string,
  namespace: Namespace,
  environment: Readonly<Record<string, string | undefined>>,
  link: (name: string) => string = (program) => program,
): Family {
  const programs = { iptables: link(name), restore: link(`${name}-restore`), save: link(`${name}-save`) };
  const made: Family = {
    name,
    run: (program, ...words) => commandSubject(name, namespace, [programs[program], ...words], environment).run(),
    must: (program, ...words) => {
      const outcome = made.run(program, ...words);
      if (outcome.refused !== undefined) throw new Error(`${programs[program]} ${words.join(' ')}: ${outcome.refused}`);
      return outcome;
    },
  };
  return made;
}

const EXTRA = ['-s', '192.0.2.77/32', '-p', 'tcp', '-m', 'tcp', '--dport', '7777', '-j', 'DROP'];

interface Operation {
  readonly name: CommandRow['command'];
  /** Milliseconds; leaves the rules as they were. */
  time(family: Family, file: string, chain: string): number;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'restore', time: ({ must }, file) => must('restore', file).milliseconds },
  {
    name: 'append',
    time: ({ must }, _, chain) => {
      const { milliseconds } = must('iptables', '-A', chain, ...EXTRA);
      must('iptables', '-D', chain, ...EXTRA);
      return milliseconds;
    },
  },
  {
    name: 'insert',
    time: ({ must }, _, chain) => {
      const { milliseconds } = must('iptables', '-I', chain, ...EXTRA);
      must('iptables', '-D', chain, '1');
      return milliseconds;
    },
  },
  {
    name: 'delete',
    time: ({ must }, _, chain) => {
      must('iptables', '-A', chain, ...EXTRA);
      return must('iptables', '-D', chain, ...EXTRA).milliseconds;
    },
  },
  { name: 'list', time: ({ must }) => must('iptables', '-L', '-n').milliseconds },
  { name: 'save', time: ({ must }) => must('save').milliseconds },
];

function run(families: readonly Family[], directory: string, options: BenchOptions): BenchResult {
  const rows = KINDS.flatMap((kind) =>
    (options.sizes ?? SIZES).flatMap((rules) => {
      options.progress(`${kind.name}, ${rules} rules`);
      const text = kind.text(rules);
      const file = join(directory, `${kind.name}-${rules}.rules`);
      writeFileSync(file, text);
      return compare({ ruleset: kind.name, rules }, families, file, text, options);
    }),
  );
  return { tables: commandTables(rows), data: rows };
}

function compare(
  head: Pick<CommandRow, 'ruleset' | 'rules'>,
  families: readonly Family[],
  file: string,
  text: string,
  options: BenchOptions,
): CommandRow[] {
  const refusals = new Map(families.map((each) => [each, each.run('restore', file).refused]));
  const taking = families.filter((each) => refusals.get(each) === undefined);
  const chain = /^-A (\S+)/m.exec(text)![1]!;
  const rows = OPERATIONS.flatMap(({ name, time }): CommandRow[] => {
    const samples = takeTurns(
      taking.map((each) => ({ name: each.name, sample: () => time(each, file, chain) })),
      options,
    );
    return taking.map((each) => ({ ...head, command: name, subject: each.name, samples: samples.get(each.name)! }));
  });
  for (const each of taking) {
    const found = rulesOf(each.must('save').output);
    if (found.join('\n') !== rulesOf(text).join('\n'))
      throw new Error(`${each.name} has other rules than it was given`);
  }
  const refused = [...refusals].flatMap(([each, reason]): CommandRow[] =>
    reason === undefined ? [] : [{ ...head, command: 'restore', subject: each.name, refused: reason }],
  );
  return [...refused, ...rows];
}

function rulesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('-A '));
}
