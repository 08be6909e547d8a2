// Files from a grammar: mostly one rule in a table that suits it, right or nearly so.

import type { Family } from '../../src/base/family.ts';
import type { Choice } from '../harness/random.ts';
import { caseOf, type FuzzCase } from './case.ts';
import { valueFrom } from './values.ts';
import { VOCABULARY, type VocabularyExtension, type VocabularyOption } from './vocabulary.ts';

const CHAINS: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const TABLES = Object.keys(CHAINS);
const PROTOCOLS = [
  'tcp',
  'udp',
  'icmp',
  'ipv6-icmp',
  'icmpv6',
  'sctp',
  'all',
  '6',
  '17',
  '0',
  'TCP',
  'esp',
  '255',
  '256',
  'nosuch',
  'udplite',
  'dccp',
  'ah',
  '47',
];

/** What a rule is built from, before it is written down. */
interface Draft {
  readonly family: Family;
  table: string;
  chain: string;
  protocol: string | undefined;
  readonly before: string[];
  readonly matches: string[];
  target: string[];
}

/** A file made by chance. */
export function randomCase(choice: Choice): FuzzCase {
  const family: Family = choice.chance(0.5) ? 'ipv4' : 'ipv6';
  const options = choice.chance(0.15) ? ['-c'] : [];
  const text = choice.chance(0.12) ? randomFile(choice, family) : smallFile(choice, family);
  return caseOf(family, text, options);
}

/** One rule in its table. */
function smallFile(choice: Choice, family: Family): string {
  const { table, lines } = randomRule(choice, family);
  return `*${table}\n:c - [0:0]\n${lines.join('\n')}\nCOMMIT\n`;
}

/** Several tables, chains and rules, with lines that do not belong there. */
function randomFile(choice: Choice, family: Family): string {
  const lines: string[] = [];
  for (let tables = choice.integer(1, 2); tables > 0; tables--) {
    const drafts = Array.from({ length: choice.integer(0, 4) }, () => randomRule(choice, family));
    const table = choice.chance(0.9)
      ? (drafts[0]?.table ?? choice.pick(TABLES))
      : choice.pick([...TABLES, 'nosuch', '', 'FILTER']);
    lines.push(
      choice.chance(0.95) ? `*${table}` : choice.pick([`* ${table}`, `*${table} `, ` *${table}`, `*${table} x`]),
    );
    for (let chains = choice.integer(0, 3); chains > 0; chains--) lines.push(chainLine(choice, table));
    for (const draft of drafts) lines.push(...draft.lines);
    for (
      let edits = choice.weighted([
        [4, 0],
        [1, 1],
        [1, 2],
      ]);
      edits > 0;
      edits--
    )
      lines.push(commandLine(choice, table));
    if (choice.chance(0.08)) lines.splice(choice.integer(0, lines.length), 0, oddLine(choice));
    if (choice.chance(0.96)) lines.push('COMMIT');
  }
  return lines.join('\n') + (choice.chance(0.97) ? '\n' : '');
}

function chainLine(choice: Choice, table: string): string {
  const builtin = CHAINS[table] ?? ['INPUT'];
  const isBuiltin = choice.chance(0.4);
  const name = isBuiltin
    ? choice.pick(builtin)
    : choice.pick([
        'c',
        'd',
        'e',
        'x'.repeat(28),
        'x'.repeat(29),
        '-c',
        '!c',
        'ACCEPT',
        'LOG',
        'a"b',
        'tcp',
        'PREROUTING',
        'ä',
      ]);
  const policy = choice.chance(0.9)
    ? isBuiltin
      ? choice.pick(['ACCEPT', 'DROP', '-'])
      : '-'
    : choice.pick(['ACCEPT', 'DROP', '-', 'QUEUE', 'RETURN', 'REJECT', 'accept', 'x']);
  const counters = choice.weighted([
    [12, ' [0:0]'],
    [4, ` [${choice.integer(0, 9)}:${choice.word()}]`],
    [1, ''],
    [1, ' [1:]'],
    [1, ' [x:y]'],
    [1, ' [1:2'],
    [1, ' [18446744073709551615:18446744073709551616]'],
    [1, ' [-1:0]'],
    [1, ' [1:2]x'],
    [1, ' 1:2'],
  ]);
  return `:${name} ${policy}${counters}`;
}

/** A line that edits what stands before it. */
function commandLine(choice: Choice, table: string): string {
  const chain = choice.pick([...(CHAINS[table] ?? ['INPUT']), 'c', 'd', 'nosuch']);
  const number = choice.pick(['1', '2', '0', '9', '-1', 'x']);
  return choice.pick([
    `-N ${choice.pick(['c', 'd', 'f', 'INPUT', 'ACCEPT', 'x'.repeat(29), '-x'])}`,
    `-X ${chain}`,
    '-X',
    `-F ${chain}`,
    '-F',
    `-Z ${chain}`,
    `-Z ${chain} ${number}`,
    '-Z',
    `-E c ${choice.pick(['d', 'g', 'INPUT'])}`,
    `-P ${chain} ${choice.pick(['ACCEPT', 'DROP', 'REJECT', 'RETURN', 'x'])}`,
    `-D ${chain} ${number}`,
    `-D ${chain} -j ACCEPT`,
    `-I ${chain} -j ACCEPT`,
    `-I ${chain} ${number} -p tcp -j c`,
    `-R ${chain} ${number} -j DROP`,
    `-C ${chain} -j ACCEPT`,
    `-A ${chain} -j ${choice.pick(['c', 'd', 'nosuch', 'INPUT', 'ACCEPT'])}`,
    `-A ${chain} -g ${choice.pick(['c', 'd', 'nosuch', 'ACCEPT'])}`,
    `-A c -j ${choice.pick(['c', 'd', 'e'])}`,
    `-L ${chain}`,
    `-S`,
  ]);
}

function oddLine(choice: Choice): string {
  return choice.pick([
    '',
    ' ',
    '# comment',
    ' # comment',
    'COMMIT',
    ' COMMIT',
    'COMMIT ',
    'commit',
    'x',
    '-A',
    '-A INPUT x',
    '[0:0]',
    '[1:2',
    '*filter',
    ':',
    ': ',
    ':INPUT',
    '-j ACCEPT',
    '!',
    '--',
    '-',
    '\t',
    '""',
    '-A ""',
    '-t nat -A INPUT',
    '-A INPUT -w',
    '-4 -A INPUT',
    '-6 -A INPUT',
    '-h',
    '-V',
  ]);
}

/** A rule and the table it is meant for. */
export function randomRule(
  choice: Choice,
  family: Family,
): { readonly table: string; readonly lines: readonly string[] } {
  const draft: Draft = {
    family,
    table: choice.pick(TABLES),
    chain: '',
    protocol: undefined,
    before: [],
    matches: [],
    target: [],
  };
  if (choice.chance(0.6)) draft.table = 'filter';
  const chains: string[] = [];
  const extensions = VOCABULARY.filter((extension) => (extension.family ?? family) === family || choice.chance(0.01));
  const matches = extensions.filter(({ kind }) => kind === 'match');
  const targets = extensions.filter(({ kind }) => kind === 'target');
  const count = choice.weighted([
    [3, 0],
    [9, 1],
    [2, 2],
    [1, 3],
  ]);
  for (let i = 0; i < count; i++) addMatch(choice.pick(matches), draft, chains, choice);
  const target = choice.pick(targets);
  if (count === 0 || choice.chance(0.3)) addTarget(target, draft, chains, choice);
  else draft.target = choice.pick([[], ['-j', 'ACCEPT'], ['-j', 'DROP'], ['-j', 'c'], ['-g', 'c'], ['-j', 'RETURN']]);
  const builtin = CHAINS[draft.table]!;
  const suiting = chains.filter((chain) => builtin.includes(chain));
  draft.chain =
    suiting.length > 0 && choice.chance(0.97) ? choice.pick(suiting) : choice.pick([...builtin, ...builtin, 'c']);
  const before = draft.before.map((rule) => `-A ${draft.chain} ${rule}`);
  return { table: draft.table, lines: [...before, writeLine(draft, choice)] };
}

function addMatch(extension: VocabularyExtension, draft: Draft, chains: string[], choice: Choice): void {
  settle(extension, draft, chains, choice);
  const implicit =
    extension.protocols.length > 0 && extension.protocols.includes(extension.name) && choice.chance(0.25);
  const words = implicit ? [] : [choice.chance(0.97) ? '-m' : '--match', extension.name];
  draft.matches.push(...words, ...optionWords(extension, draft, choice));
}

function addTarget(extension: VocabularyExtension, draft: Draft, chains: string[], choice: Choice): void {
  settle(extension, draft, chains, choice);
  const option = choice.weighted([
    [40, '-j'],
    [1, '--jump'],
    [1, '-g'],
  ]);
  draft.target = [option, extension.name, ...optionWords(extension, draft, choice)];
}

/** Table, chain and protocol as the extension needs them, mostly. */
function settle(extension: VocabularyExtension, draft: Draft, chains: string[], choice: Choice): void {
  if (extension.tables.length > 0 && choice.chance(0.95)) draft.table = choice.pick(extension.tables);
  chains.push(...extension.chains);
  if (extension.before !== undefined && choice.chance(0.9)) draft.before.push(extension.before);
  if (choice.chance(0.9)) draft.matches.push(...extension.needs);
  if (extension.protocols.length > 0 && choice.chance(0.95)) draft.protocol = choice.pick(extension.protocols);
}

function optionWords(extension: VocabularyExtension, draft: Draft, choice: Choice): string[] {
  const { options, starts } = extension;
  const start = starts.length > 0 && choice.chance(0.6) ? choice.pick(starts) : [];
  const usual = start.length > 0 ? [] : extension.usual;
  const first = options.filter(({ spellings }) => usual.includes(spellings[0]!) && choice.chance(0.93));
  const rest = options.filter((option) => !first.includes(option));
  const more = choice.weighted([
    [usual.length + start.length > 0 ? 5 : 1, 0],
    [4, 1],
    [2, 2],
    [1, 3],
  ]);
  const chosen = [...first];
  for (let i = 0; i < more && rest.length > 0; i++) {
    const option = choice.pick(rest);
    if (!chosen.includes(option) || choice.chance(0.08)) chosen.push(option);
  }
  if (chosen.length > 0 && choice.chance(0.02)) chosen.push(choice.pick(chosen));
  if (choice.chance(0.3)) chosen.reverse();
  return [...start, ...chosen.flatMap((option) => writeOption(option, draft, choice))];
}

function writeOption(option: VocabularyOption, draft: Draft, choice: Choice): string[] {
  const negation = choice.chance(option.negatable ? 0.2 : 0.015) ? ['!'] : [];
  const values = option.values.map((source) => quoted(valueFrom(source, choice, draft.family), choice));
  const name = spelled(choice.pick(option.spellings), choice);
  if (choice.chance(0.006) && values.length > 0) values.pop();
  if (choice.chance(0.004)) values.push('x');
  if (values.length === 1 && choice.chance(0.04)) return [...negation, `${name}=${values[0]}`];
  if (values.length > 0 && choice.chance(0.006)) return [name, '!', ...values];
  return [...negation, name, ...values];
}

/** Sometimes shortened, seldom wrong. */
function spelled(name: string, choice: Choice): string {
  if (choice.chance(0.94)) return name;
  return choice.weighted([
    [10, name.slice(0, choice.integer(4, name.length))],
    [1, `${name}x`],
    [1, name.toUpperCase()],
    [1, name.slice(1)],
  ]);
}

/** A word as a file has it: in quotes where it must be, and sometimes where it need not. */
function quoted(text: string, choice: Choice): string {
  if (/^[^\s"\\]+$/.test(text) && choice.chance(0.97)) return text;
  if (choice.chance(0.02)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function writeLine(draft: Draft, choice: Choice): string {
  const { family } = draft;
  const value = (source: string) => quoted(valueFrom(source, choice, family), choice);
  const not = (probability = 0.12) => (choice.chance(probability) ? ['!'] : []);
  const isFrom = !/^(OUTPUT|POSTROUTING)$/.test(draft.chain);
  const isTo = !/^(INPUT|PREROUTING)$/.test(draft.chain);
  const settings: string[][] = [];
  if (choice.chance(0.14)) settings.push([...not(), choice.pick(['-s', '--source', '--src']), value('address')]);
  if (choice.chance(0.1))
    settings.push([
      ...not(),
      choice.pick(['-d', '--destination', '--dst']),
      value(choice.chance(0.15) ? 'addresses' : 'address'),
    ]);
  if (choice.chance(isFrom ? 0.12 : 0.004))
    settings.push([...not(), choice.pick(['-i', '--in-interface', '--in-i']), value('interface')]);
  if (choice.chance(isTo ? 0.1 : 0.004))
    settings.push([...not(), choice.pick(['-o', '--out-interface']), value('interface')]);
  if (choice.chance(family === 'ipv4' ? 0.03 : 0.004)) settings.push([...not(), '-f']);
  const protocol = draft.protocol ?? (choice.chance(0.12) ? choice.pick(PROTOCOLS) : undefined);
  if (protocol !== undefined)
    settings.push([...not(0.04), choice.pick(['-p', '-p', '-p', '--protocol', '--proto']), protocol]);
  if (choice.chance(0.02)) settings.push(['-c', value('number64'), ...(choice.chance(0.9) ? [value('number64')] : [])]);
  if (choice.chance(0.01))
    settings.push([
      choice.pick([
        '-v',
        '-n',
        '-x',
        '--line-numbers',
        '-w',
        '-t',
        'nat',
        '-4',
        '-6',
        '-h',
        '-M',
        '--modprobe=x',
        '-C',
        '-P',
        '--',
        '-i',
        '-s',
        '!',
        'x',
      ]),
    ]);
  const parts = [...settings.flat(), ...draft.matches, ...draft.target];
  const late = choice.chance(0.06) ? [...draft.target, ...settings.flat(), ...draft.matches] : parts;
  const append = choice.weighted([
    [40, ['-A', draft.chain]],
    [1, ['--append', draft.chain]],
    [1, [`-A${draft.chain}`]],
    [1, ['-I', draft.chain]],
    [1, ['-I', draft.chain, '1']],
    [1, ['-A', 'nosuch']],
  ]);
  const counters = choice.weighted([
    [16, ''],
    [2, `[${choice.integer(0, 99)}:${choice.word()}] `],
    [1, '[1:2]'],
    [1, '[x:1] '],
  ]);
  const all = choice.chance(0.04) ? [...late, ...append] : [...append, ...late];
  return counters + all.join(choice.chance(0.98) ? ' ' : '  ');
}
