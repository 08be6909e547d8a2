// Where we differ from iptables-legacy on purpose. Each class has a reason and an example; `fuzz.test.ts` asks for both
// answers to the example and fails when there is no difference any more, or one of another class.

import { caseOf, type FuzzCase } from './case.ts';
import type { Difference } from './compare.ts';

export interface DifferenceClass {
  readonly name: string;
  readonly reason: string;
  readonly example: FuzzCase;
  applies(difference: Difference): boolean;
}

export const CLASSES: readonly DifferenceClass[] = [
  {
    name: 'not there yet',
    reason: 'TEMPORARY',
    example: inFilter('-A INPUT -m addrtype'),
    applies: ({ theirs, ours }) => /Couldn't load (match|target)/.test(ours) && !/Couldn't load/.test(theirs),
  },
  {
    name: 'the kernel lacks it',
    reason:
      'iptables refuses what the running kernel was built without; bpfilter knows the language whatever the kernel.',
    example: inFilter('-A INPUT -m ipvs --ipvs'),
    applies: ({ message }) => /missing kernel module\?/.test(message),
  },
  {
    name: 'an object of the host is missing',
    reason:
      'iptables looks up pinned programs, sets and accounting objects while it parses; bpfilter parses on any machine and asks when a rule is to be enforced.',
    example: inFilter('-A INPUT -m bpf --object-pinned /nosuch'),
    applies: ({ message, case: { text } }) =>
      /failed to get bpf object|^Set .* doesn't exist/m.test(message.replace(/.*legacy\): /, '')) ||
      (/line \d+ failed/.test(message) && /nfacct/.test(text.toString('latin1'))),
  },
  {
    name: 'what no packet fulfils is printed',
    reason:
      'iptables-save leaves out `! -i +`, `! -o +` and `! --dport 0:65535`, so that the rule restored from what it prints matches everything.',
    example: inFilter('-A INPUT ! -i + -j DROP'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'print' && theirs === ours.replaceAll(/ ! (-[io] \+|--[sd]port 0:65535)(?= |$)/gm, ''),
  },
];

export function classOf(difference: Difference): DifferenceClass | undefined {
  return CLASSES.find((each) => each.applies(difference));
}

/** A file of one rule in the filter table. */
export function inFilter(rule: string): FuzzCase {
  return caseOf('ipv4', `*filter\n${rule}\nCOMMIT\n`);
}
