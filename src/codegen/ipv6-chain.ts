// The chain of IPv6 extension headers as code: the kernel's own walk (`ipv6_find_hdr`, net/ipv6/exthdrs_core.c;
// `src/base/ipv6-headers.ts` says what it does), over any number of headers.
//
// An open-coded iterator counts the rounds, so the verifier sees that they end without going through all of them. What the
// walk has come to lies on the stack between rounds, not at the start of a stack slot: the verifier then takes it for
// some bytes, and one round for all. Without iterators rounds are counted, up to a number of headers, and the verifier goes
// through as many.
//
//   0  iterator, or the number of rounds
//   8  malformed:8   9  next header:8   10  fragment offset:16   12  offset of the next header in bytes:32

import { type Features, requireFunction } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import { asksTransport } from './transport-fields.ts';

/** `struct ipv6hdr` (RFC 8200, section 3) */
export const IPV6_HEADER = { size: 40, payloadLength: 4, next: 6, source: 8, destination: 24 } as const;

export const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const LAST = DESTINATION_OPTIONS;

/** The headers that are walked over, as bits: their numbers are below 64. */
const EXTENSIONS = [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS].reduce(
  (bits, number) => bits | (1n << BigInt(number)),
  0n,
);
const FRAGMENT_SIZE = 8;
/** Each has 8 bytes at least, and what segmentation offload puts together has at most 8 * 65535. */
const MOST_EXTENSIONS = 0x10000;
/** The same without iterators: many times what real packets have, and little for the verifier to go through. */
export const MOST_COUNTED = 64;

/** Bytes of stack that a walk takes. */
export const CHAIN_STACK = 16;
const STATE = { malformed: 8, next: 9, fragment: 10, offset: 12 } as const;

/** Whether a prologue for these fields looks behind the IPv6 header. */
export function asksChain(fields: ReadonlySet<Field>): boolean {
  const behind: readonly Field[] = ['protocol', 'fragment', 'transportLength', 'malformed'];
  return asksTransport(fields) || behind.some((field) => fields.has(field));
}

/**
 * Sets `bit` to whether another register has the number of an extension header; it says so of some numbers above all of
 * theirs too.
 */
export function emitExtensionBit(a: Assembler, bit: Register, number: Register): void {
  a.loadConstant(bit, EXTENSIONS).alu('rsh', bit, number).alu('and', bit, 1);
}

/** How a prologue reads extension headers. */
export interface ChainSource {
  /** Where the walk's part of the stack begins, relative to R10; a multiple of 8. */
  readonly stack: number;
  /** R0 = address of `size` bytes that are R9 bytes behind the IPv6 header's start, or goes to `missing`. Clobbers R1–R5. */
  fetch(size: number, missing: Label): void;
  /** Where packets of more than `MOST_COUNTED` headers go, if headers are counted; netfilter programs have iterators. */
  readonly tooMany?: Label;
}

/**
 * Walks the chain of a packet of R8 bytes of which the header behind the IPv6 header has number R1. Leaves R9, the bytes to
 * where the chain ends, which may be behind the packet's end, and is that end where the chain is malformed; `loadChain` has
 * the rest. Clobbers R0–R5.
 */
export function emitChain(a: Assembler, features: Features, source: ChainSource): void {
  const { stack, fetch } = source;
  const round = a.label('one header');
  const [options, routing, sized] = [a.label('options'), a.label('routing header'), a.label('header of known size')];
  const [fragment, later] = [a.label('fragment header'), a.label('later fragment')];
  const [on, malformed, ended] = [a.label('next header'), a.label('malformed'), a.label('the chain ends')];
  const state = (part: keyof typeof STATE) => stack + STATE[part];

  a.store(1, R10, state('malformed'), 0).store(1, R10, state('next'), R1);
  a.store(2, R10, state('fragment'), 0).store(4, R10, state('offset'), IPV6_HEADER.size);
  if (hasIterators(features)) {
    a.mov(R1, R10).alu('add', R1, stack).mov(R2, 0).mov(R3, MOST_EXTENSIONS);
    callIterator(a, features, 'new');
    a.bind(round).mov(R1, R10).alu('add', R1, stack);
    callIterator(a, features, 'next');
    a.jump('eq', R0, 0, malformed);
  } else {
    a.mov(R1, 0).store(8, R10, stack, R1);
    a.bind(round)
      .load(8, R1, R10, stack)
      .jump('gt', R1, MOST_COUNTED, source.tooMany ?? malformed);
    a.alu('add', R1, 1).store(8, R10, stack, R1);
  }
  a.load(4, R9, R10, state('offset')).load(1, R1, R10, state('next'));
  a.jump('eq', R1, HOP_BY_HOP, options).jump('eq', R1, DESTINATION_OPTIONS, options);
  a.jump('eq', R1, FRAGMENT, fragment).jump('eq', R1, ROUTING, routing);
  a.jump('ne', R1, AUTHENTICATION, ended);

  fetch(2, malformed);
  a.load(1, R2, R0, 1).alu('add', R2, 2).alu('lsh', R2, 2).goto(on);
  a.bind(routing);
  fetch(4, malformed);
  a.goto(sized).bind(options);
  fetch(2, malformed);
  a.bind(sized).load(1, R2, R0, 1).alu('add', R2, 1).alu('lsh', R2, 3).goto(on);
  a.bind(fragment);
  fetch(4, malformed);
  a.load(2, R2, R0, 2).bigEndian(R2, 16).alu('rsh', R2, 3).jump('ne', R2, 0, later).mov(R2, FRAGMENT_SIZE);
  a.bind(on).load(1, R1, R0, 0).store(1, R10, state('next'), R1);
  a.alu('add', R9, R2).store(4, R10, state('offset'), R9).goto(round);

  a.bind(later).load(1, R1, R0, 0).store(1, R10, state('next'), R1).store(2, R10, state('fragment'), R2);
  a.alu('add', R9, FRAGMENT_SIZE).jump('gt', R1, LAST, ended);
  emitExtensionBit(a, R2, R1);
  a.jump('eq', R2, 0, ended);
  a.bind(malformed).store(1, R10, state('malformed'), 1).mov(R9, R8);
  emitChainEnd(a.bind(ended), features, stack);
}

/** What ends a walk, also one that `fetch` has left. Clobbers R0–R5. */
export function emitChainEnd(a: Assembler, features: Features, stack: number): void {
  if (!hasIterators(features)) return;
  a.mov(R1, R10).alu('add', R1, stack);
  callIterator(a, features, 'destroy');
}

function hasIterators({ functions }: Features): boolean {
  return functions.bpf_iter_num_new !== undefined;
}

function callIterator(a: Assembler, features: Features, what: 'new' | 'next' | 'destroy'): void {
  const name = `bpf_iter_num_${what}` as const;
  a.callKernel(name, requireFunction(features, name));
}

/** Loads what a walk has found into a register. */
export function loadChain(
  a: Assembler,
  dst: Register,
  part: 'malformed' | 'next' | 'fragment',
  { stack }: ChainSource,
): void {
  a.load(part === 'fragment' ? 2 : 1, dst, R10, stack + STATE[part]);
}
