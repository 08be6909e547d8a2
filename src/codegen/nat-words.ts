// The words of NAT: what changes when rules of NAT do, and what of hook lists a pointer alone does not tell.
//
// All tables and chains of NAT hang on one hook of netfilter, so their coming and going changes no hook list: the hook has a
// list of its own (`nf_nat_register_fn`, net/netfilter/nf_nat_core.c). iptables-legacy's table points to its rules, which are
// made anew with each change (`xt_replace_table`, net/netfilter/x_tables.c); nftables counts its changes in `struct net`.
//
// What is freed may be made anew at the same place, so a pointer that is the same proves nothing. Of the lists the functions
// are compared, with what each is for; of the rules all bytes, as far as PREROUTING can meet them: by a sum in which
// every word has a factor of its own, 64 bits. Both are asked for packets that are about to be dropped alone.
//
//   64    PREROUTING, INPUT, FORWARD: how many hooks, and the first of them   3 × u64, sums
//   88    what the hook of NAT is for: `struct nf_nat_lookup_hook_priv`      u64, address; 0 where there is no NAT
//   96    its list                                                         u64, sum
//   104   iptables-legacy's table, `struct xt_table`                       u64, address; 0 where there is none
//   112   its rules                                                        u64, sum
//   120   changes of nftables                                              u32
//   124   bytes of the rules that were summed up                           u32

import type { Family } from '../base/family.ts';
import { type Features, type NatTableLayout, requireFunction, type SurroundingsLayout } from '../base/features.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R10 } from '../bpf/instruction.ts';
import { KEY_OFFSET } from './key.ts';

export const NAT_WORDS = {
  lists: 64,
  nat: 88,
  natList: 96,
  table: 104,
  rules: 112,
  nftables: 120,
  ruleBytes: 124,
} as const;

/** Rules of more bytes are not summed up for every packet. */
export const MOST_RULE_BYTES = 8192;

/** How many hooks of PREROUTING, INPUT and FORWARD are summed up: all that there may be, or the first, which is ours. */
const SUMMED = [4, 1, 1] as const;
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
/** An entry that is a policy: a head and a standard target. */
const POLICY_SIZE: Readonly<Record<Family, number>> = { ipv4: 152, ipv6: 208 };

/** By which the hook of NAT is known, and in its list iptables-legacy's table: NF_IP_PRI_NAT_DST, NF_HOOK_OP_UNDEFINED. */
export const NAT = { priority: -100, kind: 0 } as const;

/** The stack that is used: below what finishes and look-ups of connections have. */
const [NAMESPACE, BASE, BYTES, AT, SUM] = [
  KEY_OFFSET - 232,
  KEY_OFFSET - 240,
  KEY_OFFSET - 248,
  KEY_OFFSET - 256,
  KEY_OFFSET - 264,
] as const;

/** What becomes of the words; an instruction's offsets of them are those of `NAT_WORDS`. */
export interface NatWordsUse {
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
export function emitNatWords(a: Assembler, hooks: number, use: NatWordsUse): void {
  const { features, layout } = use;
  const { nat } = layout;
  a.store(8, R10, NAMESPACE, R4);
  SUMMED.forEach((most, place) => {
    a.load(8, R4, R10, NAMESPACE).load(8, R1, R4, hooks + 8 * place);
    emitListSum(a, use, most);
    use.take(NAT_WORDS.lists + 8 * place, 8);
  });
  if (nat === undefined) return;
  const done = a.label('no NAT');
  use.known(NAT_WORDS.nat);
  a.jump('eq', R1, 0, done);
  cast(a, features);
  a.load(8, R1, R0, nat.entries);
  emitListSum(a, use, MOST_NAT_HOOKS);
  use.take(NAT_WORDS.natList, 8);
  if (nat.nftablesChanges !== undefined) {
    a.load(8, R4, R10, NAMESPACE).load(4, R5, R4, nat.nftablesChanges);
    use.take(NAT_WORDS.nftables, 4);
  }
  if (nat.table !== undefined) {
    use.known(NAT_WORDS.table);
    a.jump('eq', R1, 0, done);
    emitRuleSum(a, nat.table, use, use.tooMany ?? done);
  }
  a.bind(done);
}

/** R0 = what R1 is the address of. */
function cast(a: Assembler, features: Features): void {
  a.mov(R2, features.wordsType).callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
}

/** R5 = a sum of the hook list at R1; 0 where there is none. Clobbers R0–R4. */
function emitListSum(a: Assembler, { features, layout }: NatWordsUse, most: number): void {
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
 * Takes the sum of the rules that PREROUTING meets, of the table at R1. Without user chains these are the first; the last
 * of them is the policy. Clobbers R0–R5.
 */
function emitRuleSum(a: Assembler, nat: NatTableLayout, use: NatWordsUse, tooMany: Label): void {
  const { features, family } = use;
  const [all, next, whole] = ['all rules', 'next rules', 'not the last rules'].map((name) => a.label(name)) as [
    Label,
    Label,
    Label,
  ];
  cast(a, features);
  a.load(8, R1, R0, nat.tableRules).jump('eq', R1, 0, tooMany).store(8, R10, BASE, R1);
  cast(a, features);
  // The end of a table counts as a user chain.
  a.load(4, R5, R0, nat.size).load(4, R4, R0, nat.userChains).jump('gt', R4, 1, all);
  a.load(4, R5, R0, nat.policies).alu('add', R5, POLICY_SIZE[family]);
  a.bind(all).store(8, R10, BYTES, R5);
  use.take(NAT_WORDS.ruleBytes, 4);
  a.load(8, R5, R10, BYTES).jump('gt', R5, MOST_RULE_BYTES, tooMany).jump('lt', R5, CHUNK, tooMany);
  a.store(8, R10, SUM, R5).store(8, R10, AT, 0);
  a.bind(next).load(8, R1, R10, AT).load(8, R3, R10, BYTES).alu('sub', R3, CHUNK);
  a.jump('lt', R1, R3, whole).mov(R1, R3).bind(whole);
  a.load(8, R3, R10, BASE).alu('add', R1, R3).alu('add', R1, nat.rules);
  cast(a, features);
  a.load(8, R5, R10, SUM).alu('mul', R5, FACTOR);
  WORD_FACTORS.forEach((factor, i) => {
    a.load(8, R1, R0, 8 * i)
      .alu('mul', R1, factor)
      .alu('add', R5, R1);
  });
  a.store(8, R10, SUM, R5);
  a.load(8, R1, R10, AT).alu('add', R1, CHUNK).store(8, R10, AT, R1);
  a.load(8, R3, R10, BYTES).jump('lt', R1, R3, next);
  use.take(NAT_WORDS.rules, 8);
}
