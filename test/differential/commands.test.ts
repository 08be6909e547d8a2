// Random sequences of commands, by iptables-legacy in a namespace of its own and by us in process: exit code, output and
// first line of the error after every command.

import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { splitLine } from '../../grammar/getopt.ts';
import type { Family } from '../../src/base/family.ts';
import type { TableName } from '../../src/base/hooks.ts';
import type { CommandCase } from '../fuzz/case.ts';
import { firstUnlike, randomCommands, runCommands } from '../fuzz/commands.ts';
import { askCommands, type CommandAnswer } from '../fuzz/oracle.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { randomTableCommands } from '../harness/random-commands.ts';
import type { TextCase } from './text-cases/text-case.ts';

const CASES = Number(process.env.BPFILTER_RUNS ?? 300);
const SEED = Number(process.env.BPFILTER_SEED ?? 11);

/** Cases that one shell is asked about. */
const BATCH = 50;

const FOLDER = new URL('text-cases/', import.meta.url);
const pool = await textPool();

/**
 * Objects of the kernel; sizes that it cuts only when it has them. And oddities of iptables: it takes one icmp6 match for
 * another when it looks for a rule, loses the counters of a policy with the command behind -P, does not know the value of an attached -p, and
 * shows a port of HMARK as 0 beside an SPI.
 */
function isBeyond(words: readonly string[], earlier: readonly (readonly string[])[]): boolean {
  const has = (command: readonly string[], ...any: readonly string[]) => any.some((word) => command.includes(word));
  return (
    has(words, '--nfacct-name', '5000000', '--hmark-spi') ||
    words.some((word) => /^-p.|^--prot.*=/.test(word)) ||
    (has(words, '--icmpv6-type') && has(words, '-C', '-D')) ||
    earlier.some((command) => has(command, '-P') && has(command, '-c'))
  );
}

/** Left out by iptables-save and -S, printed here. */
const unprinted = (text: string) => text.replaceAll(/ ! (-[io] \+|--[sd]port 0:65535)(?= |$)/gm, '');

/** What the machine has not, or has otherwise than a test without a kernel: behind such a command all may differ. */
const BEYOND = /missing kernel module\?|Set .* doesn't exist|failed to get bpf object|unable to load/;

test('random sequences of commands', async () => {
  const cases = Array.from({ length: CASES }, (_, i) => {
    const choice = seededChoice(SEED, i);
    return i % 4 === 0 ? randomCommands(choice) : randomTableCommands(choice, pool);
  });
  const differences: string[] = [];
  let compared = 0;
  let succeeded = 0;
  for (let at = 0; at < CASES; at += BATCH) {
    const batch = cases.slice(at, at + BATCH);
    const theirs = await askCommands(batch);
    batch.forEach((given, i) => {
      const until = theirs[i]!.findIndex(
        ({ message }, j) => BEYOND.test(message) || isBeyond(given.commands[j]!, given.commands.slice(0, j)),
      );
      const known = until < 0 ? theirs[i]! : theirs[i]!.slice(0, until);
      compared += known.length;
      succeeded += known.filter(({ exitCode }) => exitCode === 0).length;
      const difference = told(given, known);
      if (difference !== undefined) differences.push(difference);
    });
  }
  expect(differences.join('\n\n')).toBe('');
  expect(compared).toBeGreaterThan(CASES * 4);
  expect(succeeded).toBeGreaterThan(compared / 3);
});

function told({ family, commands }: CommandCase, theirs: readonly CommandAnswer[]): string | undefined {
  const part = { family, commands: commands.slice(0, theirs.length) };
  const ours = runCommands(part).map((answer) => ({ ...answer, output: unprinted(answer.output) }));
  const unlike = firstUnlike(part, theirs.map(withoutDump).map(withoutNames), ours);
  if (unlike === undefined) return undefined;
  const done = part.commands.slice(0, part.commands.indexOf(unlike.words) + 1);
  const lines = done.map((words) => `${family} ${JSON.stringify(words.join(' '))}`);
  return `${lines.join('\n')}\n theirs: ${unlike.theirs}\n ours:   ${unlike.ours}`;
}

/** Nobody is asked for names of networks here; and of an old type of REJECT iptables says something in front. */
function withoutNames(answer: CommandAnswer): CommandAnswer {
  const message = answer.message.replace(/^--reject-with .* no longer supported\n/, '');
  return {
    ...answer,
    message,
    output: answer.output.replaceAll(/\bdefault {3,}/g, (text) => '0.0.0.0'.padEnd(text.length)),
  };
}

/** From the second -v on iptables shows the bytes that it gives to the kernel, which do not exist here. */
function withoutDump(answer: CommandAnswer): CommandAnswer {
  return { ...answer, output: answer.output.replace(/^libiptc v.*?^Entry .*?error=`ERROR'\n\n/ms, '') };
}

/** The words of all rules in `text-cases/`, by family and table. */
async function textPool() {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && name !== 'text-case.ts');
  const modules = await Promise.all(files.map((file) => import(new URL(file, FOLDER).href)));
  const byKey = new Map<string, string[][]>();
  for (const { family, table, rule, prints } of modules.flatMap(({ cases }) => cases as readonly TextCase[])) {
    if (prints !== undefined) continue;
    const words = splitLine(rule).words.map(({ text }) => text);
    const key = `${family} ${table}`;
    byKey.set(key, [...(byKey.get(key) ?? []), words]);
  }
  return (family: Family, table: TableName) => byKey.get(`${family} ${table}`) ?? byKey.get(`${family} filter`)!;
}
