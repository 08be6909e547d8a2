// Random commands of iptables on all tables, with rules of all extensions: sequences that build upon each other.

import type { Family } from '../../src/base/family.ts';
import { TABLE_NAMES, type TableName } from '../../src/base/hooks.ts';
import { BUILTIN_CHAINS } from '../../src/ruleset/tables.ts';
import type { CommandCase } from '../fuzz/case.ts';
import type { Choice } from './random.ts';

/** Words of a rule, and the families and tables it was written for. */
export type RulePool = (family: Family, table: TableName) => readonly (readonly string[])[];

const CHAINS = ['c', 'd', 'e'];
const NUMBERS = ['0', '-1', 'x', '', '4294967296', '1x', '0x1', '99', ' 1', '+2', '01'];
const NAMES = [
  'nosuch',
  'ACCEPT',
  'LOG',
  'tcp',
  '-x',
  '!y',
  '',
  'x y',
  'a"b',
  'constructor',
  'RETURN',
  '__proto__',
  'x'.repeat(29),
];

/** Three to ten commands on one table, and one each that shows the rules as text and as a table. */
export function randomTableCommands(choice: Choice, pool: RulePool): CommandCase {
  const family: Family = choice.chance(0.6) ? 'ipv4' : 'ipv6';
  const table = choice.chance(0.4) ? 'filter' : choice.pick(TABLE_NAMES);
  const some = Array.from({ length: 6 }, () => choice.pick(pool(family, table)));
  const commands = Array.from({ length: choice.integer(3, 10) }, () => randomCommand(choice, table, some));
  const begin = [
    ['-t', table, '-N', 'c'],
    ['-t', table, '-N', 'd'],
    ['-t', table, '-A', 'd', '-j', 'c'],
  ];
  const end = [
    ['-t', table, '-S', '-v'],
    ['-t', table, '-L', '-n', ...choice.pick([[], ['-v'], ['-v', '-x'], ['--line-numbers'], ['-x'], ['-nv']])],
    ['-t', table, '-vL'],
  ];
  return { family, commands: [...begin, ...commands, ...end] };
}

function randomCommand(choice: Choice, table: TableName, rules: readonly (readonly string[])[]): string[] {
  const chain = choice.weighted([
    [8, choice.pick([...BUILTIN_CHAINS[table], ...CHAINS])],
    [1, choice.pick([...NAMES, 'INPUT', 'PREROUTING'])],
  ]);
  const name = choice.chance(0.5) ? choice.pick(CHAINS) : choice.pick([...NAMES, 'INPUT']);
  // What rules say of a chain of another name reads back with us, and does not with iptables.
  const plainName = /^[^\s"]+$/.test(name) ? name : 'e';
  const number = choice.chance(0.8) ? `${choice.integer(1, 3)}` : choice.pick(NUMBERS);
  const target = choice.pick([[], ['-j', 'ACCEPT'], ['-j', 'c'], ['-g', 'e'], ['-j', name], ['-g', chain]]);
  const rule = choice.weighted([
    [4, choice.pick(rules)],
    [3, target],
    [1, [...choice.pick(rules), ...target]],
    [1, ['-s', '10.0.0.1,10.0.0.2', ...target]],
    [1, ['-f', ...target]],
    [1, ['-p', choice.pick(['tcp', '!', 'udp', '6', '0', 'all', 'icmp', 'ipv6-icmp', '256', 'nosuch']), ...target]],
    [1, ['-i', choice.pick(['lo', 'eth+', 'e'.repeat(15), 'e'.repeat(16), '']), ...target]],
    [1, ['!', '-o', choice.pick(['lo', '+', 'eth+']), ...target]],
  ]);
  const counters = choice.weighted([
    [4, []],
    [1, ['-c', '3', '123456']],
    [1, ['-c', '18446744073709551615', '99999']],
    [1, ['-c', '100000', '10500000']],
    [1, ['-c', '5']],
    [1, ['-c', 'x', '5']],
  ]);
  const plain = choice.weighted<readonly string[]>([
    [8, ['-A', chain, ...rule, ...counters]],
    [2, ['-I', chain, ...rule, ...counters]],
    [2, ['-I', chain, number, ...rule]],
    [2, ['-R', chain, number, ...rule, ...counters]],
    [2, ['-D', chain, number]],
    [3, ['-D', chain, ...rule]],
    [3, ['-C', chain, ...rule]],
    [3, ['-N', name]],
    [2, ['-X', chain]],
    [1, ['-X']],
    [3, ['-E', chain, plainName]],
    [1, ['-F', chain]],
    [1, ['-F']],
    [1, ['-Z', chain]],
    [1, ['-Z', chain, number]],
    [1, ['-Z']],
    [2, ['-P', chain, choice.pick(['ACCEPT', 'DROP', 'RETURN', 'QUEUE', 'c', '']), ...counters]],
    [1, ['-L', chain]],
    [1, ['-L', chain, number, '-v']],
    [1, ['-S', chain]],
    [1, ['-S', chain, number]],
    [1, ['-L', '-Z', '-v']],
    [1, ['-S', chain, '-Z']],
    [1, ['-L', chain, '-Z', number]],
    [1, []],
  ]);
  const extra = choice.weighted<readonly string[]>([
    [12, []],
    [5, ['-v']],
    [1, ['-vv']],
    [1, ['-n']],
    [1, ['-x']],
    [1, ['-w']],
    [1, ['--line-numbers']],
    [
      1,
      choice.pick([
        ['x'],
        ['!'],
        ['-j'],
        ['--nosuch'],
        ['-W', '1'],
        ['-4'],
        ['-6'],
        ['-A', 'c'],
        ['--l'],
        ['-m'],
        ['-c'],
      ]),
    ],
  ]);
  return ['-t', table, ...(choice.chance(0.3) ? [...extra, ...plain] : [...plain, ...extra])];
}
