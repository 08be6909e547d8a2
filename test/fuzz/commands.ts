// Whole commands: made by chance, run by iptables-legacy and by ours in process, compared command by command.

import type { Family } from '../../src/base/family.ts';
import { runCommand } from '../../src/cli/errors.ts';
import { iptables } from '../../src/cli/iptables.ts';
import { PROGRAMS } from '../../src/cli/program.ts';
import type { Choice } from '../harness/random.ts';
import { FakeFirewall } from '../unit/cli/fake-engine.ts';
import type { CommandCase } from './case.ts';
import { errorLine } from './compare.ts';
import { randomRule } from './generate.ts';
import type { CommandAnswer } from './oracle.ts';

const CHAINS = ['INPUT', 'FORWARD', 'OUTPUT', 'c', 'd', 'nosuch', 'x'.repeat(29)];

/** One to six commands that build upon each other, and one that shows what came of it. */
export function randomCommands(choice: Choice): CommandCase {
  const family: Family = choice.chance(0.6) ? 'ipv4' : 'ipv6';
  const commands = Array.from({ length: choice.integer(1, 6) }, () => randomCommand(choice, family));
  const last = choice.pick([
    ['-S'],
    ['-L', '-n'],
    ['-L', '-n', '-v'],
    ['-L', '-nvx', '--line-numbers'],
    ['-L', '-n', '-v', '-x'],
    ['-S', '-v'],
    ['-L'],
  ]);
  return { family, commands: [['-N', 'c'], ...commands, last] };
}

function randomCommand(choice: Choice, family: Family): string[] {
  const chain = choice.weighted([
    [6, choice.pick(CHAINS.slice(0, 5))],
    [1, choice.pick(CHAINS)],
  ]);
  const number = choice.weighted([
    [6, `${choice.integer(1, 3)}`],
    [1, choice.pick(['0', '-1', 'x', '', '4294967296', '1x', '0x1'])],
  ]);
  const rule = choice.weighted([
    [3, wordsOf(choice, family)],
    [5, choice.pick(RULES)],
  ]);
  const target = choice.pick(['ACCEPT', 'DROP', 'RETURN', 'REJECT', 'c', 'x', '']);
  const plain = choice.pick([
    ['-A', chain, ...rule],
    ['-A', chain, ...rule],
    ['-A', chain, ...rule],
    ['-I', chain, ...rule],
    ['-I', chain, number, ...rule],
    ['-R', chain, number, ...rule],
    ['-D', chain, number],
    ['-D', chain, ...rule],
    ['-C', chain, ...rule],
    ['-N', choice.pick([...CHAINS, '-x', '!y', 'ACCEPT', 'tcp', ''])],
    ['-X', chain],
    ['-X'],
    ['-E', chain, choice.pick([...CHAINS, '-x'])],
    ['-F', chain],
    ['-F'],
    ['-Z', chain],
    ['-Z', chain, number],
    ['-Z'],
    ['-P', chain, target],
    ['-L', chain],
    ['-L', chain, number],
    ['-S', chain],
    ['-S', chain, number],
    ['-L', '-Z'],
    [],
    ['-V'],
  ]);
  const extra = choice.weighted([
    [20, []],
    [1, ['-v']],
    [1, ['-n']],
    [1, ['-x']],
    [1, ['-w']],
    [1, ['-w', '5']],
    [1, ['--line-numbers']],
    [1, ['-c', '1', '2']],
    [1, ['-t', 'filter']],
    [1, ['-t', 'nosuch']],
    [1, ['-4']],
    [1, ['-6']],
    [1, ['x']],
    [1, ['!']],
    [1, ['-j']],
    [1, ['--nosuch']],
    [1, ['-W', '1']],
  ]);
  return choice.chance(0.3) ? [...extra, ...plain] : [...plain, ...extra];
}

/** Short rules, so that the same one comes back. */
const RULES: readonly (readonly string[])[] = [
  [],
  ['-j', 'ACCEPT'],
  ['-p', 'tcp', '-j', 'DROP'],
  ['-p', 'tcp', '--dport', '22'],
  ['-i', 'lo', '-j', 'c'],
  ['-j', 'd'],
  ['-g', 'c'],
  ['-j', 'nosuch'],
  ['-j', 'INPUT'],
  ['!', '-i', 'eth0', '-m', 'comment', '--comment', 'a b'],
];

function wordsOf(choice: Choice, family: Family): string[] {
  const line = randomRule(choice, family).lines.at(-1)!;
  const words = (line.match(/"(\\.|[^"])*"|\S+/g) ?? []).map((word) =>
    word.replace(/^"(.*)"$/s, '$1').replace(/\\(.)/gs, '$1'),
  );
  const at = words.findIndex((word) => /^-A|^-I|^--append/.test(word));
  if (at < 0) return words;
  return words.slice(/^-A./.test(words[at]!) ? at + 1 : at + 2);
}

/** What ours do. */
export function runCommands({ family, commands }: CommandCase): CommandAnswer[] {
  const firewall = new FakeFirewall();
  const program = PROGRAMS.find((each) => each.family === family)!;
  return commands.map((words) => {
    firewall.out = '';
    firewall.err = '';
    const exitCode = runCommand(
      `${program.name}-bpf`,
      (given, context) => iptables(given, context, program),
      words,
      firewall.context({ BPFILTER_PLACEMENT: 'none' }),
    );
    return { exitCode, output: asBytes(firewall.out), message: asBytes(firewall.err) };
  });
}

function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The first command that ended otherwise; undefined where all are alike. */
export function firstUnlike(
  { commands }: CommandCase,
  theirs: readonly CommandAnswer[],
  ours: readonly CommandAnswer[],
): { readonly words: readonly string[]; readonly theirs: string; readonly ours: string } | undefined {
  const i = commands.findIndex((_, j) => tell(theirs[j]!) !== tell(ours[j]!));
  return i < 0 ? undefined : { words: commands[i]!, theirs: tell(theirs[i]!), ours: tell(ours[i]!) };
}

function tell({ exitCode, output, message }: CommandAnswer): string {
  return `${exitCode} ${errorLine(message)}\n${output.replaceAll(/ \((legacy|bpf)\)/g, '')}`;
}
