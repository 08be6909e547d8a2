// Who changes rules in force: the engine in a process that goes on living, and commands, ours and those of the machine.
//
// All get the same ruleset, one chain at INPUT, and make the same changes with the same rule, which drops the probe.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { filterTable } from '../../src/engine/compile.ts';
import { openEngine } from '../../src/engine/engine.ts';
import type { Current, Engine } from '../../src/engine/types.ts';
import { applyCommand, resolveTargets } from '../../src/ruleset/apply.ts';
import { readWordsCommand } from '../../src/ruleset/command.ts';
import { TableDraft } from '../../src/ruleset/draft.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { systemNames } from '../../src/ruleset/names.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { Commands } from '../harness/commands.ts';
import type { Namespace } from '../harness/namespace.ts';
import { formatRuleset, type RulesetShape } from './classify-rulesets.ts';
import { PROBE } from './datagram-probe.ts';
import { NftUpdater } from './nft-updater.ts';
import { RESIDENT } from './update-tables.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;

/** Holds rules in force and changes them; every call returns when it is enforced, and gives the milliseconds it took. */
export interface Updater {
  readonly name: string;
  /** Returns why where it does not take the ruleset. */
  load(shape: RulesetShape): string | undefined;
  append(): number;
  /** Puts the rule at a place that counts from 1. */
  insert(place: number): number;
  remove(place: number): number;
  /** Puts a rule at a place that drops other ports than the probe's. */
  insertHarmless(place: number): number;
  /** Makes the ports of the rule at a place, which is harmless, a larger set, that holds the probe's. */
  widen(place: number): number;
  close(): void;
}

const RULE = ['-s', `${PROBE.source}/32`, '-p', 'udp', '-m', 'udp', '--dport'];
const DROP = ['-j', 'DROP'];
const PROBED = [...RULE, `${PROBE.port}`, ...DROP];
const HARMLESS = [...RULE, `${PROBE.port + 1}:${PROBE.port + 100}`, ...DROP];
const WIDE = [...RULE, `${PROBE.port - 100}:${PROBE.port + 100}`, ...DROP];

/** What the words of iptables do; the rest is words. */
function byWords(name: string, run: (words: readonly string[]) => number): Omit<Updater, 'load' | 'close'> {
  return {
    name,
    append: () => run(['-A', 'INPUT', ...PROBED]),
    insert: (place) => run(['-I', 'INPUT', `${place}`, ...PROBED]),
    remove: (place) => run(['-D', 'INPUT', `${place}`]),
    insertHarmless: (place) => run(['-I', 'INPUT', `${place}`, ...HARMLESS]),
    widen: (place) => run(['-R', 'INPUT', `${place}`, ...WIDE]),
  };
}

/** Commands that speak iptables. */
function commandUpdater(
  name: string,
  namespace: Namespace,
  environment: Readonly<Record<string, string | undefined>>,
  pathOf: (program: string) => string,
  close: () => void,
): Updater {
  const spawn = (program: string, words: readonly string[], input = '') => {
    const options = { input, env: environment, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
    const path = pathOf(program);
    const begin = performance.now();
    const { status, stderr, error } = namespace.enter(() => spawnSync(path, words, options));
    const milliseconds = performance.now() - begin;
    if (error !== undefined) throw error;
    return {
      milliseconds,
      refused: status === 0 ? undefined : stderr.trim().split('\n')[0] || `exit code ${status}`,
    };
  };
  return {
    ...byWords(name, (words) => {
      const { milliseconds, refused } = spawn(name, words);
      if (refused !== undefined) throw new Error(`${name} ${words.join(' ')}: ${refused}`);
      return milliseconds;
    }),
    load: (shape) => spawn(`${name}-restore`, [], formatRuleset(shape)).refused,
    close,
  };
}

function ownCommands(namespace: Namespace): Updater {
  const commands = new Commands(namespace, DIST);
  const directory = mkdtempSync('/tmp/ipb-bench-');
  const pathOf = (program: string): string => join(directory, program);
  for (const program of ['iptables-bpf', 'iptables-bpf-restore']) {
    symlinkSync(join(DIST, 'iptables-bpf.cjs'), pathOf(program));
  }
  return commandUpdater('iptables-bpf', namespace, commands.environment, pathOf, () => {
    rmSync(directory, { recursive: true });
    commands.remove();
  });
}

/** The engine as the service holds it. */
class ResidentUpdater {
  private readonly namespace: Namespace;
  private readonly commands: Commands;
  private readonly engine: Engine;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
    this.commands = new Commands(namespace, DIST);
    const { BPFILTER_RUN_DIR: run, BPFILTER_STATE_DIR: state } = this.commands.environment;
    this.engine = namespace.enter(() => openEngine({ run: run!, state: state! }));
  }

  load(shape: RulesetShape): string | undefined {
    const { ruleset } = parseRuleset(formatRuleset(shape), { file: 'bench' });
    return this.namespace.enter(() => this.put(ruleset));
  }

  /** Milliseconds from the words to their being enforced; what is left to be cleaned up is done outside of them. */
  run(words: readonly string[]): number {
    return this.namespace.enter(() => {
      const begin = performance.now();
      const basis = this.engine.basis('ipv4')!;
      const refused = this.put(changed(basis.ruleset, words), basis);
      const milliseconds = performance.now() - begin;
      if (refused !== undefined) throw new Error(`${words.join(' ')}: ${refused}`);
      this.engine.withLock(1, () => this.engine.settle());
      return milliseconds;
    });
  }

  close(): void {
    this.namespace.enter(() => this.engine.close());
    this.commands.remove();
  }

  private put(ruleset: Ruleset, before?: Current): string | undefined {
    const result = this.engine.withLock(1, () =>
      this.engine.apply({
        ...{ ruleset, before, counters: before === undefined ? 'ruleset' : 'kept' },
        source: { file: 'bench' },
        ...{ placement: 'netfilter', devices: [], mode: 'auto', allowInexact: [] },
      }),
    );
    return result.ok ? undefined : result.diagnostics[0]!.message;
  }
}

const SPAN = { line: 1, column: 1, length: 1 };

/** The ruleset after a command, as `iptables-bpf` makes it. */
function changed(ruleset: Ruleset, words: readonly string[]): Ruleset {
  const at = { family: 'ipv4', names: systemNames(), span: SPAN } as const;
  const read = readWordsCommand(words, { ...at, table: 'filter' });
  if (read.kind !== 'command') throw new Error(`${words.join(' ')} is no command`);
  const before = filterTable(ruleset);
  const draft = new TableDraft(before, at, false);
  resolveTargets(read.command, draft);
  applyCommand(read.command, draft, SPAN);
  const table = draft.finish();
  return { ...ruleset, tables: ruleset.tables.map((each) => (each === before ? table : each)) };
}

function resident(namespace: Namespace): Updater {
  const updater = new ResidentUpdater(namespace);
  return {
    ...byWords(RESIDENT, (words) => updater.run(words)),
    load: (shape) => updater.load(shape),
    close: () => updater.close(),
  };
}

const foreign = (name: string) => (namespace: Namespace) =>
  commandUpdater(
    name,
    namespace,
    process.env,
    (program) => program,
    () => {},
  );

/** Makes each in a namespace of its own. */
export const OWN_UPDATERS: readonly ((namespace: Namespace) => Updater)[] = [resident, ownCommands];
export const PEER_UPDATERS: readonly ((namespace: Namespace) => Updater)[] = [
  foreign('iptables-legacy'),
  foreign('iptables-nft'),
  (namespace) => new NftUpdater(namespace),
];
