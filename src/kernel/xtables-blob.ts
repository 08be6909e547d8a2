// The rules of an iptables-legacy table as the kernel takes them: entries one behind the other, each as long as it says.
//
// Layouts of include/uapi/linux/netfilter/x_tables.h, .../netfilter_ipv4/ip_tables.h and .../netfilter_ipv6/ip6_tables.h, for
// 64-bit kernels. A user chain is an entry whose target is called ERROR and has the chain's name, then its rules, then an
// entry that returns; the last entry of a table is an ERROR of that name. Jumps are offsets into the table.

import type { Family } from '../base/family.ts';

/** `struct ipt_entry` and `struct ip6t_entry`. */
const ENTRY = {
  ipv4: { target: 88, next: 90, size: 112 },
  ipv6: { target: 140, next: 142, size: 168 },
} as const;
/** `struct xt_entry_match` and `struct xt_entry_target` begin alike. */
const EXTENSION = { size: 0, name: 2, revision: 31, data: 32 } as const;
const STANDARD_TARGET = 40;
const ERROR_TARGET = 64;
const XT_RETURN = -5;

/** `struct xt_conntrack_mtinfo3`, rounded up: what is asked, and which states. */
const CONNTRACK = { size: 168, flags: 146, states: 150, revision: 3 } as const;
const ASKS_STATE = 1;
const STATE_NEW = 8;

export interface Entry {
  readonly at: number;
  readonly end: number;
  /** Offset of its target. */
  readonly target: number;
}

export function entriesOf(family: Family, table: Buffer): Entry[] {
  const found: Entry[] = [];
  for (let at = 0; at < table.length; ) {
    const end = at + table.readUInt16LE(at + ENTRY[family].next);
    if (end <= at || end > table.length) throw new Error('an entry of a table of iptables ends nowhere');
    found.push({ at, end, target: at + table.readUInt16LE(at + ENTRY[family].target) });
    at = end;
  }
  return found;
}

/** The name of the chain that begins at an entry; of the last entry `ERROR`. */
export function chainAt(table: Buffer, { target }: Entry): string | undefined {
  if (textAt(table, target + EXTENSION.name) !== 'ERROR') return undefined;
  return textAt(table, target + EXTENSION.data);
}

function textAt(table: Buffer, at: number): string {
  return table.toString('latin1', at, table.indexOf(0, at));
}

/** A match or a target. */
export interface Extension {
  /** Of a verdict or a jump the empty name. */
  readonly name: string;
  readonly revision: number;
  readonly data: Buffer;
}

export function targetOf(table: Buffer, { target, end }: Entry): Extension {
  return extensionAt(table, target, end);
}

export function matchesOf(family: Family, table: Buffer, { at, target }: Entry): Extension[] {
  const found: Extension[] = [];
  for (let match = at + ENTRY[family].size; match < target; match += table.readUInt16LE(match + EXTENSION.size)) {
    found.push(extensionAt(table, match, target));
  }
  return found;
}

function extensionAt(table: Buffer, at: number, end: number): Extension {
  const [name, revision] = [textAt(table, at + EXTENSION.name), table.readUInt8(at + EXTENSION.revision)];
  return { name, revision, data: table.subarray(at + EXTENSION.data, end) };
}

/** How many entries a table has. */
export function entryCount(family: Family, table: Buffer): number {
  return entriesOf(family, table).length;
}

/** A piece of a table: which bytes, and which entries. */
export interface Piece {
  readonly bytes: readonly [from: number, to: number];
  readonly entries: readonly [from: number, to: number];
}

/** Where a user chain is. */
export function findChain(family: Family, table: Buffer, name: string): Piece | undefined {
  const entries = entriesOf(family, table);
  const first = entries.findIndex((entry) => chainAt(table, entry) === name);
  if (first === -1) return undefined;
  const next = entries.findIndex((entry, i) => i > first && chainAt(table, entry) !== undefined);
  return { bytes: [entries[first]!.at, entries[next]!.at], entries: [first, next] };
}

/** Whether a user chain still has the rule that `withStateChain` gives it. */
export function asksState(family: Family, table: Buffer, { bytes }: Piece): boolean {
  const inside = entriesOf(family, table).filter(({ at }) => at >= bytes[0] && at < bytes[1]);
  const hasMatch = ({ at, target: end }: Entry) => end > at + ENTRY[family].size;
  const matchOf = ({ at }: Entry) => textAt(table, at + ENTRY[family].size + EXTENSION.name);
  return inside.some((each) => hasMatch(each) && matchOf(each) === 'conntrack');
}

/** The table with one more user chain, behind all others: its one rule asks for new connections, and returns. */
export function withStateChain(family: Family, table: Buffer, name: string): { table: Buffer; added: Piece } {
  const entries = entriesOf(family, table);
  const last = entries.at(-1)!;
  const chain = Buffer.concat([
    entry(
      family,
      [],
      target('ERROR', ERROR_TARGET, (data) => data.write(name, 'latin1')),
    ),
    entry(family, [askNew()], standard(XT_RETURN)),
    entry(family, [], standard(XT_RETURN)),
  ]);
  const [from, count] = [last.at, entries.length - 1];
  return {
    table: Buffer.concat([table.subarray(0, from), chain, table.subarray(from)]),
    added: { bytes: [from, from + chain.length], entries: [count, count + 3] },
  };
}

/** The table without a piece; `undefined` where something jumps into it. */
export function withoutPiece(family: Family, table: Buffer, { bytes: [from, to] }: Piece): Buffer | undefined {
  const rest = Buffer.from(table);
  for (const { at, target: offset } of entriesOf(family, rest)) {
    if ((at >= from && at < to) || textAt(rest, offset + EXTENSION.name) !== '') continue;
    const verdict = rest.readInt32LE(offset + EXTENSION.data);
    if (verdict > from && verdict < to) return undefined;
    if (verdict >= to) rest.writeInt32LE(verdict - (to - from), offset + EXTENSION.data);
  }
  return Buffer.concat([rest.subarray(0, from), rest.subarray(to)]);
}

function entry(family: Family, matches: readonly Buffer[], action: Buffer): Buffer {
  const { target: targetOffset, next, size } = ENTRY[family];
  const head = Buffer.alloc(size);
  const before = matches.reduce<number>((sum, match) => sum + match.length, size);
  head.writeUInt16LE(before, targetOffset);
  head.writeUInt16LE(before + action.length, next);
  return Buffer.concat([head, ...matches, action]);
}

function target(name: string, size: number, fill: (data: Buffer) => void): Buffer {
  const made = Buffer.alloc(size);
  made.writeUInt16LE(size, EXTENSION.size);
  made.write(name, EXTENSION.name, 'latin1');
  fill(made.subarray(EXTENSION.data));
  return made;
}

function standard(verdict: number): Buffer {
  return target('', STANDARD_TARGET, (data) => data.writeInt32LE(verdict));
}

/** `-m conntrack --ctstate NEW` */
function askNew(): Buffer {
  const match = target('conntrack', EXTENSION.data + CONNTRACK.size, (data) => {
    data.writeUInt16LE(ASKS_STATE, CONNTRACK.flags);
    data.writeUInt16LE(STATE_NEW, CONNTRACK.states);
  });
  match.writeUInt8(CONNTRACK.revision, EXTENSION.revision);
  return match;
}
