// The dispatchers: what is attached to the kernel, once, and stays while rulesets come and go behind it.
//
// A namespace has one word for each family, the generation in force. A dispatcher reads it and tail-calls one of the two
// slots that its family has at its hook, the one of the word's parity; a new ruleset is put into the other slot and goes
// live with one store. All slot numbers are constants, so the JIT turns the tail call into a direct jump.
//
//   state map:   0  generation of IPv4, 32 bits             8  IPv4 packets dropped at an empty slot, 64 bits
//                4  generation of IPv6, 32 bits            16  IPv6 packets dropped at an empty slot, 64 bits
//                generations are written by user space alone
//   slot arrays: one per family and program type; hook h has slots 2h (even generations) and 2h + 1 (odd ones)
//
// Generation 0 means that nothing is enforced: accept. An empty slot in any other generation means that the kernel has
// taken the rules away (a program array empties itself with its last pin and descriptor): drop, and count it.
//
// Netfilter has hooks for each family. A device has one XDP dispatcher, for the families whose rules are enforced there: of
// one alone it need not look at the frame, as the rules pass what is not theirs; of both, it chooses by the ethertype.
// Earlier versions enforced IPv4 alone; its part of the state map, its slots and its dispatchers are still what they were.

import { FAMILIES, type Family } from '../base/family.ts';
import type { FilterChain } from '../base/hooks.ts';
import { Assembler, type Label } from '../bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import { R0, R1, R2, R3, R4, R6 } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { guardMap } from './guards.ts';
import { NETFILTER_ABI } from './netfilter.ts';
import { XDP_ABI } from './xdp.ts';
import {
  DATA,
  DATA_END,
  ETHERNET,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPES_VLAN,
  emitCutOff,
  VLAN_ID,
  VLAN_TAG,
} from './xdp-frame.ts';

/** Where a program of a generation is put and called from: a chain's netfilter hook, or XDP for both its chains. */
export type DispatchPoint = FilterChain | 'XDP';

/** Every point there is for a family, with the number of its slot pair in the array of its program type. */
export const DISPATCH_POINTS: readonly { point: DispatchPoint; type: ProgramType; pair: number }[] = [
  { point: 'INPUT', type: 'netfilter', pair: 0 },
  { point: 'FORWARD', type: 'netfilter', pair: 1 },
  { point: 'OUTPUT', type: 'netfilter', pair: 2 },
  { point: 'XDP', type: 'xdp', pair: 0 },
];

/** Byte offsets in the state map's value. */
export const STATE = {
  generation: { ipv4: 0, ipv6: 4 },
  emptySlotDrops: { ipv4: 8, ipv6: 16 },
  size: 64,
} as const;

export const STATE_MAP = 'state';
export const SLOT_MAPS: Readonly<Record<Family, Readonly<Record<ProgramType, string>>>> = {
  ipv4: { netfilter: 'slots_nf', xdp: 'slots_xdpf' },
  ipv6: { netfilter: 'slots_nf6', xdp: 'slots_xdpf6' },
};
/** Those of earlier versions, whose XDP programs take frames of one buffer only: an array takes no others then. */
export const FORMER_XDP_SLOTS: Readonly<Record<Family, string>> = { ipv4: 'slots_xdp', ipv6: 'slots_xdp6' };

/** The index in its slot array of a point's slot for a generation. */
export function slotIndex(pair: number, generation: number): number {
  return 2 * pair + (generation & 1);
}

/** The maps that all generations of a namespace share, the state map last. */
export function dispatcherMaps(): MapDefinition[] {
  const slots = (family: Family, type: ProgramType): MapDefinition => {
    const pairs = DISPATCH_POINTS.filter((p) => p.type === type).length;
    const maxEntries = 2 * pairs;
    return { name: SLOT_MAPS[family][type], type: 'program-array', valueSize: 4, maxEntries, mmapable: false };
  };
  return [
    ...FAMILIES.flatMap((family) => [slots(family, 'netfilter'), slots(family, 'xdp')]),
    guardMap(),
    { name: STATE_MAP, type: 'array', valueSize: STATE.size, maxEntries: 1, mmapable: true },
  ];
}

/** The dispatcher of a family's hook. */
export function netfilterDispatcher(family: Family, chain: FilterChain): Program {
  const { pair } = DISPATCH_POINTS.find(({ point }) => point === chain)!;
  const name = `d_${chain.toLowerCase()}${SUFFIX[family]}`;
  return dispatcher(name, 'netfilter', (a, off) => emitDispatch(a, family, 'netfilter', pair, off));
}

/** The dispatcher of a device at which the rules of some families are enforced. */
export function xdpDispatcher(families: readonly Family[]): Program {
  const name = xdpDispatcherName(families);
  return dispatcher(name, 'xdp', (a, off) => {
    if (families.length === 1) emitDispatch(a, families[0]!, 'xdp', 0, off);
    else emitChoice(a, off);
  });
}

const XDP_FAMILIES: readonly (readonly Family[])[] = [['ipv4'], ['ipv6'], FAMILIES];

/** The families that the XDP dispatcher of this name serves; none if there is no such dispatcher. */
export function familiesOfDispatcher(name: string): readonly Family[] {
  return XDP_FAMILIES.find((families) => xdpDispatcherName(families) === name) ?? [];
}

function xdpDispatcherName(families: readonly Family[]): string {
  return families.length === 1 ? `d_xdp${SUFFIX[families[0]!]}` : 'd_xdp46';
}

const SUFFIX: Readonly<Record<Family, string>> = { ipv4: '', ipv6: '6' };

/** A dispatcher whose `body` goes to `off` where nothing is enforced. The context stays in R1. */
function dispatcher(name: string, type: ProgramType, body: (a: Assembler, off: Label) => void): Program {
  const a = new Assembler();
  const off = a.label('nothing is enforced');
  a.from({ file: 'bpfilter', line: 1, column: 1, text: `dispatcher ${name}` });
  body(a, off);
  a.bind(off).mov(R0, abiOf(type).accept).exit();
  return { name, type, ...a.finish() };
}

/**
 * How many tags of VLAN 0 are looked behind: more than the rules skip (src/codegen/xdp.ts), as what they do with frames that
 * have more is for the rules of their family to say.
 */
const TAGS_TO_SKIP = 8;

/**
 * Dispatches a frame to its family by the ethertype, the one behind tags of VLAN 0 if there are some; what is neither
 * passes. A frame with too many tags, or with them behind its first buffer, may be of either: it is dropped, as if there were
 * nothing in its slot. The context is in R1. Clobbers R0–R6 and R8.
 */
function emitChoice(a: Assembler, off: Label): void {
  const [other, ipv4, ipv6] = [a.label('not plain IPv4'), a.label('tagged IPv4'), a.label('IPv6')];
  const [cutOff, either] = [a.label('cut off'), a.label('of either family')];
  // The context, for `emitCutOff`.
  a.mov(R6, R1);
  a.load(4, R2, R1, DATA).load(4, R3, R1, DATA_END);
  a.alu('add', R2, ETHERNET).jump('gt', R2, R3, cutOff);
  a.load(2, R4, R2, -2).jump('ne', R4, ETHERTYPE_IPV4, other);
  emitDispatch(a, 'ipv4', 'xdp', 0, off);
  a.bind(other);
  for (let tags = 0; ; tags++) {
    const tag = a.label('VLAN tag');
    if (tags > 0) a.jump('eq', R4, ETHERTYPE_IPV4, ipv4);
    a.jump('eq', R4, ETHERTYPE_IPV6, ipv6);
    for (const etherType of ETHERTYPES_VLAN) a.jump('eq', R4, etherType, tag);
    a.goto(off).bind(tag);
    a.alu('add', R2, VLAN_TAG).jump('gt', R2, R3, cutOff);
    a.load(2, R4, R2, -4).bigEndian(R4, 16).alu('and', R4, VLAN_ID).jump('ne', R4, 0, off);
    if (tags === TAGS_TO_SKIP) break;
    a.load(2, R4, R2, -2);
  }
  a.bind(either).loadMapValue(R3, STATE_MAP);
  for (const family of FAMILIES) {
    const unused = a.label('no rules');
    a.load(4, R4, R3, STATE.generation[family]).jump('eq', R4, 0, unused);
    emitEmpty(a, family, 'xdp');
    a.bind(unused);
  }
  a.goto(off).bind(cutOff);
  emitCutOff(a, either);
  a.goto(off).bind(ipv4);
  emitDispatch(a, 'ipv4', 'xdp', 0, off);
  a.bind(ipv6);
  emitDispatch(a, 'ipv6', 'xdp', 0, off);
}

/**
 * Tail-calls the slot of a family's generation; where it is empty, drops. The context is in R1, which a tail call asks for: a
 * program that keeps nothing in R6–R9 saves no registers. Clobbers R0–R5.
 */
function emitDispatch(a: Assembler, family: Family, type: ProgramType, pair: number, off: Label): void {
  const odd = a.label('odd generation');
  const empty = a.label('empty slot');
  a.loadMapValue(R2, STATE_MAP).load(4, R3, R2, STATE.generation[family]);
  a.jump('eq', R3, 0, off).jump('set', R3, 1, odd);
  for (const parity of [0, 1]) {
    if (parity === 1) a.bind(odd);
    a.loadMap(R2, SLOT_MAPS[family][type]).mov(R3, slotIndex(pair, parity)).call(12 /* bpf_tail_call */);
    if (parity === 0) a.goto(empty);
  }
  a.bind(empty);
  emitEmpty(a, family, type);
}

/** Drops and counts a packet that has no rules to meet. Clobbers R0–R2. */
function emitEmpty(a: Assembler, family: Family, type: ProgramType): void {
  a.loadMapValue(R2, STATE_MAP).mov(R1, 1).atomicAdd(8, R2, STATE.emptySlotDrops[family], R1);
  emitVerdict(a, abiOf(type), 'drop');
}

/** A program for a point that a generation leaves alone: what it is shown goes on. */
export function passProgram(type: ProgramType): Program {
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'not used by this generation' });
  emitVerdict(a, abiOf(type), 'accept');
  return { name: type === 'xdp' ? 'pass_xdp' : 'pass_nf', type, ...a.finish() };
}

function abiOf(type: ProgramType): HookAbi {
  return type === 'xdp' ? XDP_ABI : NETFILTER_ABI;
}
