// The netfilter prologue for IPv6: from `struct bpf_nf_ctx` to the packet key.
//
// `skb->data` is at the IPv6 header, which always lies in the linear part: the kernel reads it there without asking. Behind
// it nearly all packets have their transport header, in the linear part too: both are read where they are, as in
// `netfilter.ts`. Of all others the extension headers are walked, through a dynptr. The walk is the kernel's own
// (`ipv6_find_hdr`, net/ipv6/exthdrs_core.c; `src/base/ipv6-headers.ts` says what it does), over any number of headers: an
// open-coded iterator counts its rounds, so the verifier sees that they end without going through all of them. Where
// nothing asks for what lies behind the IPv6 header, nothing is walked.
//
// A chain that cannot be walked makes the packet malformed, which rules ask before they ask for its protocol; what its
// other fields are then says nothing. The packet ends where the `sk_buff` does: the stack has cut it to its payload length at INPUT and FORWARD,
// and at OUTPUT iptables takes whatever a raw socket sends, and so do we. Bytes are counted as `skb->len`.
//
// Stack below the key, downwards: dynptr (16), slice buffer (24), iterator (8), and what the walk has come to (8):
//
//   0  unused   4  next header:8   5  malformed:8   6  fragment offset:16

import { type Features, type KernelFunction, requireFunction } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R6, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import { emitVerdict } from './actions.ts';
import { clearFields, closeSlots, copyWide, KEY_OFFSET, loadField, storeField } from './key.ts';
import { emitAtMost, emitDeviceNames, MAXIMUM_LENGTH, NETFILTER_ABI, storeAsked } from './netfilter.ts';
import { asksTransport, emitTransportFields, TRANSPORT_HEADER } from './transport-fields.ts';

const DYNPTR = KEY_OFFSET - 16;
const BUFFER = DYNPTR - 24;
const ITERATOR = BUFFER - 8;
/** Not at the start of their stack slot: the verifier then keeps "some bytes" for them. */
const NEXT = ITERATOR - 4;
const MALFORMED = ITERATOR - 3;
const FRAGMENT = ITERATOR - 2;

/** `struct ipv6hdr` */
const HEADER = { size: 40, next: 6, source: 8, destination: 24 } as const;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT_HEADER = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** The headers that are walked over, as bits: their numbers are below 64. */
const EXTENSIONS = [HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AUTHENTICATION, DESTINATION_OPTIONS].reduce(
  (bits, number) => bits | (1n << BigInt(number)),
  0n,
);
const FRAGMENT_SIZE = 8;
const LAST_EXTENSION = DESTINATION_OPTIONS;
/** Each has 8 bytes at least, and what segmentation offload puts together has at most 8 * 65535. */
const MOST_EXTENSIONS = 0x10000;

/** Emits the prologue. `fields` are those that something asks for. */
export function emitNetfilterIpv6Prologue(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const { layout, wordsType } = features;
  const plain = a.label('transport header is next');
  const isNear = a.label('transport header is in the linear part');
  const walk = a.label('headers are walked');
  const short = a.label('shorter than a header');
  const done = a.label('key complete');

  clearFields(a, fields, ['state', 'inDevice', 'outDevice']);
  emitDeviceNames(a, features, fields);
  a.load(8, R9, R6, layout.nfCtxSkb).load(4, R8, R9, layout.skbLen);
  a.jump('lt', R8, HEADER.size, short);
  a.load(8, R1, R9, layout.skbData).mov(R2, wordsType);
  callKernel(a, features, 'bpf_rdonly_cast');
  if (fields.has('src6') || fields.has('dst6')) {
    a.mov(R4, R0);
    if (fields.has('src6')) copyWide(a, 'src6', HEADER.source);
    if (fields.has('dst6')) copyWide(a, 'dst6', HEADER.destination);
  }
  if (asksWalk(fields)) {
    a.load(1, R1, R0, HEADER.next);
    a.load(4, R2, R9, layout.skbDataLen).jump('eq', R2, 0, isNear);
    a.mov(R3, R8)
      .alu('sub', R3, R2)
      .jump('lt', R3, HEADER.size + TRANSPORT_HEADER, walk);
    a.bind(isNear);
    emitExtensionBit(a, R1);
    a.jump('eq', R2, 0, plain);
    // The verifier looks at this way first: what it learns of the key holds for the other.
    a.bind(walk);
    emitWalk(a, features, fields);
    a.goto(done).bind(plain);
    emitPlain(a, fields);
    a.goto(done);
  } else {
    a.goto(done);
  }
  a.bind(short);
  emitVerdict(a, NETFILTER_ABI, 'drop');
  a.bind(done);
  closeSlots(a, fields);
}

/** Whether a prologue for these fields looks behind the IPv6 header. */
function asksWalk(fields: ReadonlySet<Field>): boolean {
  const behind: readonly Field[] = ['protocol', 'fragment', 'transportLength', 'malformed'];
  return asksTransport(fields) || behind.some((field) => fields.has(field));
}

/** R2 = a bit that says whether a register, which is not R2, has the number of an extension header; 1 also for some that are none. */
function emitExtensionBit(a: Assembler, number: Register): void {
  a.loadConstant(R2, EXTENSIONS).alu('rsh', R2, number).alu('and', R2, 1);
}

/** Stores the fields of a packet at R0 of which the header behind the IPv6 header has number R1. Clobbers R2–R5 and R9. */
function emitPlain(a: Assembler, fields: ReadonlySet<Field>): void {
  const store = storeAsked(a, fields);
  a.mov(R4, R8).alu('sub', R4, HEADER.size);
  if (fields.has('transportLength')) {
    a.mov(R2, R4);
    emitAtMost(a, R2, MAXIMUM_LENGTH);
    store('transportLength', R2);
  }
  a.mov(R9, 0);
  store('fragment', R9);
  store('protocol', R1);
  if (asksTransport(fields)) {
    emitTransportFields(a, fields, {
      fragment: R9,
      require(size, missing) {
        a.jump('lt', R4, size, missing);
      },
      load(size, offset) {
        a.load(size, R2, R0, HEADER.size + offset);
      },
    });
  }
  store('malformed', R9);
}

/**
 * Walks the headers of a packet of which the one behind the IPv6 header has number R1, and stores the fields. Clobbers all
 * but R6–R8.
 */
function emitWalk(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const store = storeAsked(a, fields);
  const ended = a.label('the chain ends');
  const positive = a.label('transport length is positive');
  a.store(1, R10, NEXT, R1).store(1, R10, MALFORMED, 0).store(2, R10, FRAGMENT, 0);
  a.load(8, R1, R6, features.layout.nfCtxSkb).mov(R2, 0).mov(R3, R10).alu('add', R3, DYNPTR);
  callKernel(a, features, 'bpf_dynptr_from_skb');
  emitRounds(a, features, ended);
  a.bind(ended).mov(R1, R10).alu('add', R1, ITERATOR);
  callKernel(a, features, 'bpf_iter_num_destroy');

  // Both this and the fragment offset are in the key whether asked for or not.
  a.mov(R1, R8).alu('sub', R1, R9).jump('sge', R1, 0, positive).mov(R1, 0);
  a.bind(positive);
  emitAtMost(a, R1, MAXIMUM_LENGTH);
  storeField(a, 'transportLength', R1);
  a.load(2, R1, R10, FRAGMENT);
  storeField(a, 'fragment', R1);
  if (fields.has('protocol')) {
    a.load(1, R2, R10, NEXT);
    store('protocol', R2);
  }
  if (asksTransport(fields)) {
    emitTransportFields(a, fields, {
      fragment: R1,
      require(size, missing) {
        loadField(a, R1, 'transportLength');
        a.jump('lt', R1, size, missing);
        emitSlice(a, features, size, missing);
      },
      load(size, offset) {
        a.load(size, R2, R0, offset);
      },
    });
  }
  if (fields.has('malformed')) {
    a.load(1, R2, R10, MALFORMED);
    store('malformed', R2);
  }
}

/**
 * Walks from the header of number NEXT. Goes to `ended` with the number of what the chain ends in there, and R9 its place;
 * that is the packet's end where it is malformed. The iterator is then still to be destroyed.
 */
function emitRounds(a: Assembler, features: Features, ended: Label): void {
  const round = a.label('one header');
  const [options, routing, sized] = [a.label('options'), a.label('routing header'), a.label('header of known size')];
  const [fragment, later] = [a.label('fragment header'), a.label('later fragment')];
  const [on, malformed] = [a.label('next header'), a.label('malformed')];
  a.mov(R9, HEADER.size);
  a.mov(R1, R10).alu('add', R1, ITERATOR).mov(R2, 0).mov(R3, MOST_EXTENSIONS);
  callKernel(a, features, 'bpf_iter_num_new');
  a.bind(round).mov(R1, R10).alu('add', R1, ITERATOR);
  callKernel(a, features, 'bpf_iter_num_next');
  a.jump('eq', R0, 0, malformed);
  a.load(1, R1, R10, NEXT);
  a.jump('eq', R1, HOP_BY_HOP, options).jump('eq', R1, DESTINATION_OPTIONS, options);
  a.jump('eq', R1, FRAGMENT_HEADER, fragment).jump('eq', R1, ROUTING, routing);
  a.jump('ne', R1, AUTHENTICATION, ended);

  emitSlice(a, features, 2, malformed);
  a.load(1, R2, R0, 1).alu('add', R2, 2).alu('lsh', R2, 2).goto(on);
  a.bind(routing);
  emitSlice(a, features, 4, malformed);
  a.goto(sized).bind(options);
  emitSlice(a, features, 2, malformed);
  a.bind(sized).load(1, R2, R0, 1).alu('add', R2, 1).alu('lsh', R2, 3).goto(on);
  a.bind(fragment);
  emitSlice(a, features, 4, malformed);
  a.load(2, R2, R0, 2).bigEndian(R2, 16).alu('rsh', R2, 3).jump('ne', R2, 0, later).mov(R2, FRAGMENT_SIZE);
  a.bind(on).load(1, R1, R0, 0).store(1, R10, NEXT, R1).alu('add', R9, R2).goto(round);

  a.bind(later).load(1, R1, R0, 0).store(1, R10, NEXT, R1).store(2, R10, FRAGMENT, R2).alu('add', R9, FRAGMENT_SIZE);
  a.jump('gt', R1, LAST_EXTENSION, ended);
  emitExtensionBit(a, R1);
  a.jump('eq', R2, 0, ended);
  a.bind(malformed).store(1, R10, MALFORMED, 1).mov(R9, R8);
}

/** R0 = address of `size` bytes at R9, or goes to `missing` where the packet ends before. Clobbers R1–R5. */
function emitSlice(a: Assembler, features: Features, size: number, missing: Label): void {
  a.mov(R1, R10).alu('add', R1, DYNPTR).mov(R2, R9);
  a.mov(R3, R10).alu('add', R3, BUFFER).mov(R4, size);
  callKernel(a, features, 'bpf_dynptr_slice');
  a.jump('eq', R0, 0, missing);
}

function callKernel(a: Assembler, features: Features, name: KernelFunction): void {
  a.callKernel(name, requireFunction(features, name));
}
