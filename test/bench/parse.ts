// How long it takes to read a ruleset: whole processes, ours beside the iptables of the machine, and start-up alone.
//
// Each command has a network namespace of its own; the files are only checked, so nothing comes into force anywhere.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { bundle } from './bundle.ts';
import { type Spread, spreadOf, takeTurns } from './measure.ts';
import { type CommandSubject, commandSubject } from './process.ts';
import { RULESETS } from './rulesets.ts';
import { count, number, ratio, type Table, time } from './table.ts';

const LAUNCHER = new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname;

export const parse: Bench = {
  name: 'parse',
  summary: 'reading rulesets of 1 000, 10 000 and 60 000 rules, and start-up',
  sizes: [1_000, 10_000, 60_000],
  quickSizes: [100],
  minutes: 2,
  seconds: 8,
  run: (options) => inDirectory((directory) => run(directory, options)),
};

interface Row {
  readonly ruleset: string;
  readonly rules: number;
  readonly subject: string;
  /** Milliseconds. */
  readonly samples?: readonly number[];
  /** What it said in place of taking the file. */
  readonly refused?: string;
}

async function run(directory: string, options: BenchOptions): Promise<BenchResult> {
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const link = (name: string): string => {
    symlinkSync(LAUNCHER, join(directory, name));
    return join(directory, name);
  };
  const restore = link('iptables-bpf-restore');
  const iptables = link('iptables-bpf');
  const driver = await bundle('parse-driver.ts', directory);
  const empty = file('empty.rules', '*filter\nCOMMIT\n');
  // Not the machine's own configuration.
  const environment = { ...process.env, BPFILTER_CONFIG: file('config.json', '{}') };
  return withNamespaces(['ours', 'legacy', 'nft'], ([ours, legacy, nft]) => {
    const timed = (name: string, namespace: Namespace | undefined, ...command: string[]) =>
      commandSubject(name, namespace!, command, environment);
    const checksSyntax = timed('', ours, restore, '--test=syntax', empty).run().refused === undefined;
    const whole = (path: string) =>
      checksSyntax
        ? timed('iptables-bpf-restore --test=syntax', ours, restore, '--test=syntax', path)
        : timed('a process with our parser', ours, process.execPath, driver, path);

    const rows = RULESETS.flatMap((kind) =>
      options.sizes.flatMap((rules) => {
        options.progress(`${kind.name}, ${rules} rules`);
        const path = file(`${kind.name}-${rules}.rules`, kind.text(rules));
        return compare(kind.name, rules, options, [
          whole(path),
          timed(LEGACY, legacy, 'iptables-legacy-restore', '--test', path),
          timed('iptables-nft-restore --test', nft, 'iptables-nft-restore', '--test', path),
          inside(timed(PARSER, ours, process.execPath, driver, path)),
        ]);
      }),
    );
    options.progress('start-up');
    const startUp = takeTurns(
      [
        timed(EMPTY_NODE, ours, process.execPath, '-e', '0'),
        timed('iptables-bpf -V', ours, iptables, '-V'),
        timed('iptables-bpf-restore -h', ours, restore, '-h'),
        timed('iptables-legacy -V', legacy, 'iptables-legacy', '-V'),
      ],
      // Short ones, whose ratio is looked at closely.
      { ...options, repetitions: 3 * options.repetitions },
    );
    return {
      tables: [parseTable(rows), startUpTable(startUp)],
      data: { rows, startUp: [...startUp].map(([subject, samples]) => ({ subject, samples })) },
    };
  });
}

const LEGACY = 'iptables-legacy-restore --test';
const PARSER = 'parseRuleset, its first call in a process';
const EMPTY_NODE = 'node -e 0';

/** What the driver has measured itself in place of the whole process. */
function inside(subject: CommandSubject): CommandSubject {
  return { ...subject, sample: () => Number(subject.run().output) };
}

/** Times those that take the file. */
function compare(ruleset: string, rules: number, options: BenchOptions, subjects: readonly CommandSubject[]): Row[] {
  const refusals = new Map(subjects.map((subject) => [subject.name, subject.run().refused]));
  const samples = takeTurns(
    subjects.filter(({ name }) => refusals.get(name) === undefined),
    options,
  );
  return subjects.map(({ name }) => {
    const [taken, refused] = [samples.get(name), refusals.get(name)];
    return { ruleset, rules, subject: name, ...(taken && { samples: taken }), ...(refused && { refused }) };
  });
}

function parseTable(rows: readonly Row[]): Table {
  const spreads = new Map(rows.map((row) => [row, row.samples && spreadOf(row.samples)]));
  const legacyOf = ({ ruleset, rules }: Row): Spread | undefined => {
    const found = rows.find((row) => row.ruleset === ruleset && row.rules === rules && row.subject === LEGACY);
    return found && spreads.get(found);
  };
  return {
    title: `Reading rulesets, milliseconds of ${rows.find((row) => row.samples)?.samples?.length ?? 0} runs`,
    columns: [
      { title: 'ruleset', align: 'left' },
      { title: 'rules', align: 'right' },
      { title: 'what', align: 'left' },
      { title: 'median', align: 'right' },
      { title: 'quartiles', align: 'right' },
      { title: 'lines/s', align: 'right' },
      { title: 'of legacy', align: 'right' },
    ],
    rows: rows.map((row) => {
      const spread = spreads.get(row);
      const head = [row.ruleset, count(row.rules), row.subject];
      if (spread === undefined) return [...head, 'refused'];
      return [...head, ...time(spread), number((row.rules / spread.median) * 1_000), ratio(spread, legacyOf(row))];
    }),
    notes: [...new Set(rows.flatMap((row) => (row.refused ? [`${row.ruleset}: ${row.subject}: ${row.refused}`] : [])))],
  };
}

function startUpTable(samples: ReadonlyMap<string, readonly number[]>): Table {
  const empty = spreadOf(samples.get(EMPTY_NODE)!);
  return {
    title: `Start-up, milliseconds of ${empty.count} runs`,
    columns: [
      { title: 'what', align: 'left' },
      { title: 'median', align: 'right' },
      { title: 'quartiles', align: 'right' },
      { title: 'of an empty Node', align: 'right' },
    ],
    rows: [...samples].map(([name, taken]) => [name, ...time(spreadOf(taken)), ratio(spreadOf(taken), empty)]),
  };
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'ipb-bench-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
