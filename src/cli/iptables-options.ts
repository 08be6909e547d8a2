// The command line of iptables-bpf, with the rules and messages of iptables 1.8.9.

import type { ListOptions, Selection } from '../ruleset/list.ts';
import { CHAIN_NAME_LIMIT } from '../ruleset/rule.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import { badArgument, parameterProblem, parseSeconds, wrongFamily } from './compat.ts';
import type { Context } from './context.ts';
import { type Item, type OptionDefinition, OptionReader } from './getopt.ts';

export const PROGRAM = 'iptables';

export const IPTABLES_HELP = `Usage: iptables-bpf -[LS] [CHAIN [RULE]] [options]
       iptables-bpf -Z [CHAIN [RULE]] [options]
       iptables-bpf -F [CHAIN] [options]

Lists or changes the filter table that bpfilter enforces in this network namespace. Whole rulesets are set by
iptables-bpf-restore.

Commands:
  -L --list [CHAIN [RULE]]          list rules
  -S --list-rules [CHAIN [RULE]]    print rules as commands
  -Z --zero [CHAIN [RULE]]          set counters to zero; may go with -L and -S
  -F --flush [CHAIN]                delete the rules of a chain, or of all
  -h --help                         print this text
  -V --version                      print the version

Options:
  -t --table TABLE                  filter is the one there is
  -n --numeric                      numbers for protocols, ports, flags and ICMP types
  -v --verbose                      counters and devices too; say what is changed
  -x --exact                        counters in full
     --line-numbers                 the number of each rule
  -w --wait [SECONDS]               how long to wait for another command to end (default: for ever)
  -4 --ipv4                         nothing: rules are IPv4

Names of hosts and networks are not looked up: addresses are listed as numbers with and without -n.
`;

type CommandName = 'list' | 'list-rules' | 'zero' | 'flush';

export interface CommandLine {
  readonly commands: ReadonlySet<CommandName>;
  readonly selection: Selection;
  readonly list: ListOptions;
  readonly table: string;
  /** Seconds; absent without -w. */
  readonly wait?: number;
}

const COMMAND_LETTERS: Readonly<Record<CommandName, string>> = { list: 'L', 'list-rules': 'S', zero: 'Z', flush: 'F' };

const OPTIONS: readonly OptionDefinition[] = [
  { short: 'L', long: 'list', argument: 'optional' },
  { short: 'S', long: 'list-rules', argument: 'optional' },
  { short: 'Z', long: 'zero', argument: 'optional' },
  { short: 'F', long: 'flush', argument: 'optional' },
  { short: 'h', long: 'help', argument: 'optional' },
  { short: 'V', long: 'version', argument: 'none' },
  { short: 't', long: 'table', argument: 'required' },
  { short: 'n', long: 'numeric', argument: 'none' },
  { short: 'v', long: 'verbose', argument: 'none' },
  { short: 'x', long: 'exact', argument: 'none' },
  { long: 'line-numbers', argument: 'none' },
  { short: 'w', long: 'wait', argument: 'optional' },
  { short: 'W', long: 'wait-interval', argument: 'optional' },
  { short: 'M', long: 'modprobe', argument: 'required' },
  { short: '4', long: 'ipv4', argument: 'none' },
  { short: '6', long: 'ipv6', argument: 'none' },
];

/** What iptables has and this command does not do yet: all of it needs a rule or changes chains. */
const NOT_YET: readonly OptionDefinition[] = [
  ...['append', 'check', 'delete', 'insert', 'replace', 'new-chain', 'policy', 'rename-chain'],
  ...['protocol', 'source', 'src', 'destination', 'dst', 'in-interface', 'out-interface', 'jump', 'goto', 'match'],
  'set-counters',
]
  .map((long): OptionDefinition => ({ ...letterOf(long), long, argument: 'required' }))
  .concat([
    { short: 'X', long: 'delete-chain', argument: 'optional' },
    { short: 'f', long: 'fragments', argument: 'none' },
  ]);

function letterOf(long: string): { short?: string } {
  const letters =
    'A-append C-check D-delete I-insert R-replace N-new-chain P-policy E-rename-chain p-protocol s-source ';
  const more = 'd-destination i-in-interface o-out-interface j-jump g-goto m-match c-set-counters';
  const found = `${letters}${more}`.split(' ').find((pair) => pair.slice(2) === long);
  return found === undefined ? {} : { short: found[0]! };
}

interface Draft {
  readonly commands: Set<CommandName>;
  selection: Selection;
  table: string;
  wait?: number;
  interval: boolean;
  verbose: boolean;
  readonly flags: Set<'numeric' | 'exact' | 'line-numbers'>;
}

const FLAG_LETTERS = { numeric: 'n', exact: 'x', 'line-numbers': '0' } as const;

/** Reads the words behind the program's name. Throws `CommandError`. */
export function readCommandLine(words: readonly string[], context: Context): CommandLine | 'help' | 'version' {
  const draft: Draft = {
    commands: new Set(),
    selection: {},
    table: ENFORCED_TABLE,
    interval: false,
    verbose: false,
    flags: new Set(),
  };
  const reader = new OptionReader(words, [...OPTIONS, ...NOT_YET]);
  for (let item = reader.next(); item !== undefined; item = reader.next()) {
    if (item.kind === 'problem') throw problemOf(item);
    if (item.kind === 'word') {
      if (item.afterDashes) throw parameterProblem(PROGRAM, 'unknown arguments found on commandline');
      if (item.word !== '!') throw badArgument(PROGRAM, item.word);
    } else if (item.name === 'help' || item.name === 'version') {
      return item.name;
    } else {
      readOption(item, reader, draft, context);
    }
  }
  return finish(draft);
}

function readOption(
  { name, value }: Extract<Item, { kind: 'option' }>,
  reader: OptionReader,
  draft: Draft,
  context: Context,
): void {
  switch (name) {
    case 'list':
    case 'list-rules':
    case 'zero':
    case 'flush':
      readCommand(name, value, reader, draft);
      return;
    case 'numeric':
    case 'exact':
    case 'line-numbers':
      if (draft.flags.has(name)) throw parameterProblem(PROGRAM, `multiple -${FLAG_LETTERS[name]} flags not allowed`);
      draft.flags.add(name);
      return;
    case 'verbose':
      draft.verbose = true;
      return;
    case 'table':
      draft.table = value!;
      return;
    case 'wait': {
      const seconds = value ?? reader.takeWord();
      draft.wait = seconds === undefined ? Number.POSITIVE_INFINITY : parseSeconds(PROGRAM, seconds);
      return;
    }
    case 'wait-interval':
      if (value === undefined) reader.takeWord();
      context.printError('Ignoring deprecated --wait-interval option.\n');
      draft.interval = true;
      return;
    case 'ipv6':
      throw wrongFamily(PROGRAM);
    case 'ipv4':
    case 'modprobe':
      return;
    default: {
      const message = `--${name} is not supported yet: change rules with iptables-bpf-restore --noflush`;
      throw parameterProblem(PROGRAM, message);
    }
  }
}

function readCommand(name: CommandName, value: string | undefined, reader: OptionReader, draft: Draft): void {
  const [other] = draft.commands;
  const mayJoin = (a: CommandName, b: CommandName) => a === 'zero' && (b === 'list' || b === 'list-rules');
  if (other !== undefined && other !== name && !mayJoin(name, other) && !mayJoin(other, name)) {
    throw parameterProblem(PROGRAM, `Cannot use -${COMMAND_LETTERS[name]} with -${COMMAND_LETTERS[other]}`);
  }
  draft.commands.add(name);
  const chain = value ?? reader.takeWord();
  if (chain === undefined) return;
  draft.selection = { chain };
  const number = name === 'flush' ? undefined : reader.takeWord();
  if (number === undefined) return;
  const rule = /^\d+$/.test(number) ? Number(number) : 0;
  if (rule === 0) throw parameterProblem(PROGRAM, `Invalid rule number \`${number}'`);
  draft.selection = { chain, rule };
}

function finish(draft: Draft): CommandLine {
  const { commands, selection, table, wait, verbose, flags } = draft;
  if (draft.interval && wait === undefined) {
    throw parameterProblem(PROGRAM, '--wait-interval only makes sense with --wait\n');
  }
  if (commands.size === 0) throw parameterProblem(PROGRAM, 'no command specified');
  if (!commands.has('list')) {
    for (const flag of flags) {
      throw parameterProblem(PROGRAM, `Illegal option \`-${FLAG_LETTERS[flag]}' with this command`);
    }
  }
  if (selection.chain !== undefined && Buffer.byteLength(selection.chain) > CHAIN_NAME_LIMIT) {
    const message = `chain name \`${selection.chain}' too long (must be under ${CHAIN_NAME_LIMIT + 1} chars)`;
    throw parameterProblem(PROGRAM, message);
  }
  const list: ListOptions = {
    verbose,
    numeric: flags.has('numeric'),
    exact: flags.has('exact'),
    lineNumbers: flags.has('line-numbers'),
  };
  return { commands, selection, list, table, ...(wait !== undefined && { wait }) };
}

function problemOf(item: Extract<Item, { kind: 'problem' }>) {
  switch (item.problem) {
    case 'argument-missing':
      return parameterProblem(PROGRAM, `option "${item.option}" requires an argument`);
    case 'argument-forbidden':
    case 'ambiguous':
    case 'unknown':
      return parameterProblem(PROGRAM, `unknown option "${item.option}"`);
  }
}
