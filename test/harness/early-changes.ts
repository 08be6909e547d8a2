// Changes of a network namespace between two commands, and what becomes of early verdicts with each: they stop, packets are
// judged as iptables-legacy judges them beside us, and with `sync` they go on where there still is ground.

import type { HookPacket } from '../../src/base/packet.ts';
import { sleep } from '../../src/kernel/wait.ts';
import type { Beside } from './beside.ts';
import type { Namespace } from './namespace.ts';

export interface Change {
  readonly name: string;
  make(router: Namespace): void;
  undo(router: Namespace): void;
  /** How many are dropped early while the change has not been looked at. */
  readonly early: number;
  /** How many once it has been; or why none is, as `sync` says. */
  readonly synced: number | RegExp;
  /** Early verdicts go on behind it without `sync`. */
  readonly isPassing?: true;
  /** What rules of others have counted, which both routers must have counted alike. */
  readonly counters?: (router: Namespace) => string;
}

export const ip =
  (...lines: readonly string[]) =>
  (router: Namespace) => {
    for (const line of lines) router.ip(line);
  };
export const run =
  (...lines: readonly string[]) =>
  (router: Namespace) => {
    for (const line of lines) router.exec('sh', ['-c', line]);
  };
export const nft =
  (...lines: readonly string[]) =>
  (router: Namespace) =>
    void router.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);

/** What is changed on two routers of their own, by name: what is done first, and how many are dropped early at last. */
type Group = readonly [name: string, prepare: (router: Namespace) => void, changes: readonly Change[], atLast: number];

export const NOTHING = () => {};

/** Rules of PREROUTING, by what they ask and do; they come and go without any hook list changing. */
export interface NatRules {
  /** How many are dropped early beside each. */
  readonly rules: readonly (readonly [name: string, words: string, synced: number])[];
  /** The same of a rule in a chain of its own, which packets of `from` are led to. */
  readonly chain: { readonly from: string; readonly words: string; readonly synced: number };
  readonly masquerade: string;
}

/** Groups where NAT is done already, by each of the commands; all but what is translated stays early. */
export function natGroups(
  commands: readonly string[],
  { rules, chain, masquerade }: NatRules,
  all: number,
): readonly Group[] {
  return commands.map((command) => {
    const words = (change: string) => `${command} -w -t nat ${change}`;
    const changes = rules.map(([name, asked, synced]) => ({
      name: `${command}: ${name}`,
      make: run(words(`-I PREROUTING ${asked}`)),
      undo: run(words(`-D PREROUTING ${asked}`)),
      ...{ early: 0, synced },
    }));
    const { from, synced } = chain;
    const ofChain = {
      name: `${command}: a chain`,
      make: run(words('-N one'), words(`-A one ${chain.words}`), words(`-A PREROUTING -s ${from} -j one`)),
      undo: run(words(`-D PREROUTING -s ${from} -j one`), words('-F one'), words('-X one')),
      ...{ early: 0, synced },
    };
    const prepare = run(words(`-A POSTROUTING -s ${masquerade} -j MASQUERADE`));
    return [`NAT of ${command}`, prepare, [...changes, ofChain], all];
  });
}

/** Rules in front of the filter table: the table, the chain, what else they say, and how many are dropped early beside each. */
export type FrontRules = readonly (readonly [table: 'raw' | 'mangle', words: string, synced: Change['synced']])[];

/** Groups with these rules, by each of the commands; what tables and chains they leave empty keeps nothing from being early. */
export function frontGroups(commands: readonly string[], rules: FrontRules, all: number): readonly Group[] {
  return commands.map((command) => {
    const changes = rules.map(([table, words, synced]): Change => {
      const change = (what: string) => run(`${command} -w -t ${table} ${what} ${words}`);
      const name = `${command}: ${table} ${words}`;
      return { name, make: change('-A'), undo: change('-D'), early: 0, synced, counters: rulesOf(command, table) };
    });
    return [`rules of raw and mangle of ${command}`, NOTHING, changes, all];
  });
}

/** What the rules of a table, which is there, have counted; policies are left out. */
const rulesOf = (command: string, table: string) => (router: Namespace) =>
  router.exec(`${command}-save`, ['-c', '-t', table]).replace(/^[^[].*\n/gm, '');

const MOST_TRIES = 30;

/** Makes and undoes changes, with the same packets before and after each; `all` are dropped early at first, `atLast` then. */
export function followChanges(
  both: Beside,
  packets: readonly HookPacket[],
  all: number,
  changes: readonly Change[],
  atLast: number,
): void {
  const pass = (when: string, early: number) => {
    const dropped = both.pass(packets, when);
    if (dropped !== early) throw unexpected(when, early, dropped);
  };
  const unexpected = (when: string, early: number, dropped: number) =>
    new Error(`${when}: expected ${early} early drops, found ${dropped}: ${JSON.stringify(both.status)}`);
  /**
   * Devices come up, and change routes, a moment after they were told to: up to a second (the kernel's `linkwatch`), on a busy
   * machine more. Such a change may also come right behind packets that were dropped early, so it is not asked twice.
   */
  const passSynced = (when: string, early: number) => {
    for (let tries = 1; ; tries++) {
      const notes = both.sync();
      const dropped = both.pass(packets, when);
      if (dropped === early) return notes.join('; ');
      if (tries === MOST_TRIES) throw unexpected(when, early, dropped);
      sleep(5 * tries);
    }
  };
  passSynced('before', all);
  for (const { name, make, undo, early, synced, isPassing, counters } of changes) {
    both.each(make);
    pass(name, early);
    const notes = passSynced(`${name}, looked at`, typeof synced === 'number' ? synced : 0);
    if (typeof synced !== 'number' && !synced.test(notes)) throw new Error(`${name}: sync says ${notes}`);
    if (counters !== undefined) {
      const [expected, found] = both.labs.map(({ router }) => counters(router));
      if (found !== expected) throw new Error(`${name}: expected\n${expected}found\n${found}`);
    }
    both.each(undo);
    if (isPassing) pass(`${name}, undone`, all);
    passSynced(`${name}, undone and looked at`, atLast);
  }
}
