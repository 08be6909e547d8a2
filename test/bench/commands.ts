// How long commands take, whole processes from their start to their end: ours beside the iptables of the machine.
//
// Each family of commands has a network namespace of its own, in which the same rules are in force. In the end all must have
// the rules they began with.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Commands } from '../harness/commands.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { type CommandRow, commandTables } from './commands-tables.ts';
import { Patience, takeTurnsPatiently } from './measure.ts';
import { commandSubject } from './process.ts';
import { RULESETS } from './rulesets.ts';

/** What all commands of a family on one ruleset may take together. */
const PATIENCE_SECONDS = 30;
const DIST = new URL('../../dist/', import.meta.url).pathname;
/** Rulesets that all of them enforce. */
const KINDS = RULESETS.filter(({ name }) => name === 'blocklist' || name === 'flows');

export const commands: Bench = {
  name: 'commands',
  summary: 'restore, list and save, whole processes',
  sizes: [1_000, 10_000, 60_000, 100_000],
  quickSizes: [100],
  seconds: 5,
  minutes: 4,
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

interface Operation {
  readonly name: CommandRow['command'];
  /** Milliseconds; leaves the rules as they were. */
  time(family: Family, file: string): number;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'restore', time: ({ must }, file) => must('restore', file).milliseconds },
  { name: 'list', time: ({ must }) => must('iptables', '-L', '-n').milliseconds },
  { name: 'save', time: ({ must }) => must('save').milliseconds },
];

function run(families: readonly Family[], directory: string, options: BenchOptions): BenchResult {
  const rows = KINDS.flatMap((kind) =>
    options.sizes.flatMap((rules) => {
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
  const patience = new Patience(PATIENCE_SECONDS);
  const rows = OPERATIONS.flatMap(({ name, time }): CommandRow[] => {
    const samples = takeTurnsPatiently(
      taking.map((each) => ({ name: each.name, sample: () => time(each, file) })),
      options,
      patience,
    );
    return taking.map((each): CommandRow => {
      const found = samples.get(each.name);
      const row = { ...head, command: name, subject: each.name };
      return found === undefined ? { ...row, refused: 'too slow to be tried' } : { ...row, samples: found };
    });
  });
  for (const each of taking) {
    if (!patience.has(each.name)) continue;
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
