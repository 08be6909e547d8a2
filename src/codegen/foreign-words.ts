// The words of rules in front of the filter table: what changes when they do, and what of hook lists a pointer alone does not tell.
//
// All tables and chains of NAT hang on one hook of netfilter, so their coming and going changes no hook list: the hook has a
// list of its own (`nf_nat_register_fn`, net/netfilter/nf_nat_core.c). A table of iptables-legacy points to its rules, which
// are made anew with each change (`xt_replace_table`, net/netfilter/x_tables.c); nftables counts its changes in `struct net`.
//
// What is freed may be made anew at the same place, so a pointer that is the same proves nothing. Of the lists the functions
// are compared, with what each is for; of the rules all bytes: by a sum in which every word has a factor of its own, 64
// bits. Of NAT without user chains those that PREROUTING meets are enough. All is asked for packets that are about to be
// dropped alone.
//
//   64    PREROUTING, INPUT, FORWARD: how many hooks, and the first of them   3 × u64, sums
//   88    what the hook of NAT is for: `struct nf_nat_lookup_hook_priv`      u64, address; 0 where there is no NAT
//   96    its list                                                         u64, sum
//   104   whether changes of nftables matter: of NAT, or in front of us      u64, 0 or 1
//   112   changes of nftables, if they do                                  u32
//   120   iptables-legacy's raw: the table, `struct xt_table`                u64, address; 0 where there is none
//   128   its rules                                                        u64, sum
//   136   bytes of the rules that were summed up                           u32
//   144   mangle likewise
//   168   nat likewise

import type { Family } from '../base/family.ts';
import { type Features, requireFunction, type SurroundingsLayout, type TableLayout } from '../base/features.ts';
import { LEGACY_TABLES, type LegacyTable } from '../base/foreign-rules.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R10 } from '../bpf/instruction.ts';
import { KEY_OFFSET } from './key.ts';

/** Who registers a hook (`enum nf_hook_ops_type`, include/linux/netfilter.h). */
export const HOOK_KIND = { module: 0, nftables: 1, bpf: 2 } as const;

/** By which tables of iptables-legacy are known among hooks: NF_IP_PRI_RAW, NF_IP_PRI_MANGLE, NF_IP_PRI_NAT_DST, which is NAT's. */
export const TABLE_PRIORITY: Readonly<Record<LegacyTable, number>> = { raw: -300, mangle: -150, nat: -100 };

/** Words of a table, in front of all of which the address is. */
interface TableWords {
  readonly address: number;
  readonly rules: number;
  readonly bytes: number;
}

export const FOREIGN_WORDS = {
  lists: 64,
  nat: 88,
  natList: 96,
  asksNftables: 104,
  nftables: 112,
  tables: { raw: tableWords(120), mangle: tableWords(144), nat: tableWords(168) },
  end: 192,
} as const;

function tableWords(at: number): TableWords {
  return { address: at, rules: at + 8, bytes: at + 16 };
}

/** Rules of more bytes are not summed up for every packet. */
export const MOST_RULE_BYTES = 8192;

/** How many hooks of PREROUTING, INPUT and FORWARD are summed up: more there may not be, but for those behind us. */
export const SUMMED = { PREROUTING: 8, INPUT: 4, FORWARD: 4 } as const;
const MOST_NAT_HOOKS = 4;
/** `struct nf_hook_entry`: two pointers. */
export const ENTRY_SIZE = 16;

/** Odd factors without a pattern, so that no change of one word is lost. */
const FACTOR = 0x2b7e1517;
const WORD_FACTORS = [
  0x28aed2a7, 0x6abf7159, 0x09cf4f3d, 0x762e7161, 0x38b4da57, 0x6a784d91, 0x45190cff, 0x3d45d4f7, 0x1bbf8d8f,
  0x0e6b4e3b, 0x5a0f3b9d, 0x4c6f7b35, 0x7db1c6e9, 0x12f6a8c1, 0x63d5f02b, 0x2f9e8d47,
] as const;
const CHUNK = 8 * WORD_FACTORS.length;
/** Chunks of one turn of the iterator, which costs as much as summing up one. */
const ROUNDS = 4;
/** An entry that is a policy: a head and a standard target. */
const POLICY_SIZE: Readonly<Record<Family, number>> = { ipv4: 152, ipv6: 208 };

/** The stack that is used: below what finishes and look-ups of connections have. */
const [NAMESPACE, BASE, BYTES, SUM, PLACE, ITERATOR, ROUND] = [
  KEY_OFFSET - 232,
  KEY_OFFSET - 240,
  KEY_OFFSET - 248,
  KEY_OFFSET - 256,
  KEY_OFFSET - 264,
  KEY_OFFSET - 272,
  KEY_OFFSET - 280,
] as const;
/** Not at the start of a stack slot: the verifier then takes it for some bytes, and one round of a loop for all. */
const AT = PLACE + 4;

/** What becomes of the words; an instruction's offsets of them are those of `FOREIGN_WORDS`. */
export interface ForeignWordsUse {
  readonly features: Features;
  readonly layout: SurroundingsLayout;
  readonly family: Family;
  /** R1 = a word of 8 bytes that is known already. */
  known(word: number): void;
  /** Takes R5 for a word of 4 or 8 bytes. Clobbers R1–R4. */
  take(word: number, size: 4 | 8): void;
  /** Where rules lead that are too many. */
  readonly tooMany?: Label;
}

/** Finds the words of a namespace, which R4 points to. Clobbers R0–R5 and some stack. */
export function emitForeignWords(a: Assembler, hooks: number, use: ForeignWordsUse): void {
  const { features, layout } = use;
  const { natEntries, table, nftablesChanges } = layout.foreign;
  a.store(8, R10, NAMESPACE, R4);
  Object.values(SUMMED).forEach((most, place) => {
    a.load(8, R4, R10, NAMESPACE).load(8, R1, R4, hooks + 8 * place);
    emitListSum(a, use, most);
    use.take(FOREIGN_WORDS.lists + 8 * place, 8);
  });
  if (nftablesChanges !== undefined) {
    const skip = a.label('nftables does not matter');
    use.known(FOREIGN_WORDS.asksNftables);
    a.jump('eq', R1, 0, skip).load(8, R4, R10, NAMESPACE).load(4, R5, R4, nftablesChanges);
    use.take(FOREIGN_WORDS.nftables, 4);
    a.bind(skip);
  }
  if (natEntries !== undefined) {
    const none = a.label('no NAT');
    use.known(FOREIGN_WORDS.nat);
    a.jump('eq', R1, 0, none);
    cast(a, features);
    a.load(8, R1, R0, natEntries);
    emitListSum(a, use, MOST_NAT_HOOKS);
    use.take(FOREIGN_WORDS.natList, 8);
    a.bind(none);
  }
  // Where there can be but one CPU, counters lie among the rules, whose bytes change with every packet then.
  if (table === undefined || features.possibleCpus === 1) return;
  for (const name of LEGACY_TABLES) {
    const done = a.label(`no more of table ${name}`);
    use.known(FOREIGN_WORDS.tables[name].address);
    a.jump('eq', R1, 0, done);
    emitRuleSum(a, table, name, use, use.tooMany ?? done);
    a.bind(done);
  }
}

/** R0 = what R1 is the address of. */
function cast(a: Assembler, features: Features): void {
  a.mov(R2, features.wordsType).callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
}

/** R5 = a sum of the hook list at R1; 0 where there is none. Clobbers R0–R4. */
function emitListSum(a: Assembler, { features, layout }: ForeignWordsUse, most: number): void {
  const { hookCount, hookList } = layout;
  const done = a.label('a list is summed up');
  a.mov(R5, 0).jump('eq', R1, 0, done);
  cast(a, features);
  a.load(2, R4, R0, hookCount).mov(R5, R4);
  for (let i = 0; i < most; i++) {
    a.jump('le', R4, i, done);
    for (const pointer of [0, 8]) {
      a.load(8, R3, R0, hookList + i * ENTRY_SIZE + pointer)
        .alu('mul', R5, FACTOR)
        .alu('add', R5, R3);
    }
  }
  a.bind(done);
}

/**
 * Takes the sum of the rules of the table at R1: of NAT without user chains, of those that PREROUTING meets, which are the
 * first and end with its policy. An iterator counts the turns, so that the verifier need not go through all of them.
 * Clobbers R0–R5.
 */
function emitRuleSum(a: Assembler, layout: TableLayout, name: LegacyTable, use: ForeignWordsUse, tooMany: Label): void {
  const { features, family } = use;
  const words = FOREIGN_WORDS.tables[name];
  const labels = ['all rules', 'turn', 'next rules', 'not the last rules', 'summed up'].map((each) => a.label(each));
  const [all, turn, next, whole, summed] = labels as [Label, Label, Label, Label, Label];
  const iterator = (what: 'new' | 'next' | 'destroy') => {
    const called = `bpf_iter_num_${what}` as const;
    a.mov(R1, R10).alu('add', R1, ITERATOR).callKernel(called, requireFunction(features, called));
  };
  cast(a, features);
  a.load(8, R1, R0, layout.tableRules).jump('eq', R1, 0, tooMany).store(8, R10, BASE, R1);
  cast(a, features);
  a.load(4, R5, R0, layout.size);
  if (name === 'nat') {
    // The end of a table counts as a user chain.
    a.load(4, R4, R0, layout.userChains).jump('gt', R4, 1, all);
    a.load(4, R5, R0, layout.policies).alu('add', R5, POLICY_SIZE[family]);
    a.bind(all);
  }
  a.store(8, R10, BYTES, R5);
  use.take(words.bytes, 4);
  a.load(8, R5, R10, BYTES).jump('gt', R5, MOST_RULE_BYTES, tooMany).jump('lt', R5, CHUNK, tooMany);
  a.store(8, R10, SUM, R5).store(4, R10, AT, 0);
  a.mov(R2, 0).mov(R3, MOST_RULE_BYTES / (CHUNK * ROUNDS) + 1);
  iterator('new');
  a.bind(turn);
  iterator('next');
  a.jump('eq', R0, 0, summed).store(8, R10, ROUND, 0).bind(next);
  a.load(4, R1, R10, AT).load(8, R3, R10, BYTES).jump('ge', R1, R3, summed).alu('sub', R3, CHUNK);
  a.jump('lt', R1, R3, whole).mov(R1, R3).bind(whole);
  a.load(8, R3, R10, BASE).alu('add', R1, R3).alu('add', R1, layout.rules);
  cast(a, features);
  a.load(8, R5, R10, SUM).alu('mul', R5, FACTOR);
  WORD_FACTORS.forEach((factor, i) => {
    a.load(8, R1, R0, 8 * i)
      .alu('mul', R1, factor)
      .alu('add', R5, R1);
  });
  a.store(8, R10, SUM, R5);
  a.load(4, R1, R10, AT).alu('add', R1, CHUNK).store(4, R10, AT, R1);
  a.load(8, R1, R10, ROUND).alu('add', R1, 1).store(8, R10, ROUND, R1);
  a.jump('lt', R1, ROUNDS, next).goto(turn);
  a.bind(summed);
  iterator('destroy');
  a.load(8, R5, R10, SUM);
  use.take(words.rules, 8);
}
