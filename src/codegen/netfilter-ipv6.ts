// The netfilter prologue for IPv6: from `struct bpf_nf_ctx` to the packet key.
//
// `skb->data` is at the IPv6 header, which always lies in the linear part: the kernel reads it there without asking. Behind
// it nearly all packets have their transport header, in the linear part too: both are read where they are, as in
// `netfilter.ts`. Of all others the extension headers are walked (`ipv6-chain.ts`), through a dynptr. Where nothing asks
// for what lies behind the IPv6 header, nothing is walked.
//
// A chain that cannot be walked makes the packet malformed, which rules ask before they ask for its protocol; what its
// other fields are then says nothing. The packet ends where the `sk_buff` does: the stack has cut it to its payload
// length at INPUT and FORWARD, and at OUTPUT iptables takes whatever a raw socket sends, and so do we. Bytes are counted as
// `skb->len`.
//
// Stack below the key, downwards: dynptr (16), slice buffer (24), the walk's.

import { type Features, type KernelFunction, netfilterContextOf, requireFunction } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R6, R8, R9, R10 } from '../bpf/instruction.ts';
import { emitVerdict } from './actions.ts';
import { emitConnection } from './connection.ts';
import {
  asksChain,
  CHAIN_STACK,
  type ChainSource,
  emitChain,
  emitExtensionBit,
  IPV6_HEADER,
  loadChain,
} from './ipv6-chain.ts';
import { closeSlots, copyWide, KEY_OFFSET, loadField, storeField } from './key.ts';
import { emitAtMost, emitDeviceNames, MAXIMUM_LENGTH, NETFILTER_ABI, storeAsked } from './netfilter.ts';
import { asksTransport, emitTransportFields, TRANSPORT_HEADER } from './transport-fields.ts';

const DYNPTR = KEY_OFFSET - 16;
const BUFFER = DYNPTR - 24;
const CHAIN = BUFFER - CHAIN_STACK;

/** Emits the prologue. `fields` are those that something asks for. */
export function emitNetfilterIpv6Prologue(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const { layout, wordsType } = features;
  const plain = a.label('transport header is next');
  const isNear = a.label('transport header is in the linear part');
  const walk = a.label('headers are walked');
  const short = a.label('shorter than a header');
  const done = a.label('key complete');

  emitDeviceNames(a, features, fields);
  a.load(8, R9, R6, netfilterContextOf(features).skb).load(4, R8, R9, layout.skbLen);
  a.jump('lt', R8, IPV6_HEADER.size, short);
  a.load(8, R1, R9, layout.skbData).mov(R2, wordsType);
  callKernel(a, features, 'bpf_rdonly_cast');
  if (fields.has('src6') || fields.has('dst6')) {
    a.mov(R4, R0);
    if (fields.has('src6')) copyWide(a, 'src6', IPV6_HEADER.source);
    if (fields.has('dst6')) copyWide(a, 'dst6', IPV6_HEADER.destination);
  }
  if (asksChain(fields)) {
    a.load(1, R1, R0, IPV6_HEADER.next);
    a.load(4, R2, R9, layout.skbDataLen).jump('eq', R2, 0, isNear);
    a.mov(R3, R8)
      .alu('sub', R3, R2)
      .jump('lt', R3, IPV6_HEADER.size + TRANSPORT_HEADER, walk);
    a.bind(isNear);
    emitExtensionBit(a, R2, R1);
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
  // Behind the walk, which uses the place of addresses.
  emitConnection(a, features, fields);
  closeSlots(a, fields);
}

/** Stores the fields of a packet at R0 of which the header behind the IPv6 header has number R1. Clobbers R2–R5 and R9. */
function emitPlain(a: Assembler, fields: ReadonlySet<Field>): void {
  const store = storeAsked(a, fields);
  a.mov(R4, R8).alu('sub', R4, IPV6_HEADER.size);
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
        a.load(size, R2, R0, IPV6_HEADER.size + offset);
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
  const positive = a.label('transport length is positive');
  const fetch = (size: number, missing: Label) => {
    a.mov(R1, R10).alu('add', R1, DYNPTR).mov(R2, R9);
    a.mov(R3, R10).alu('add', R3, BUFFER).mov(R4, size);
    callKernel(a, features, 'bpf_dynptr_slice');
    a.jump('eq', R0, 0, missing);
  };
  const chain: ChainSource = { stack: CHAIN, fetch };
  a.mov(R9, R1);
  a.load(8, R1, R6, netfilterContextOf(features).skb).mov(R2, 0).mov(R3, R10).alu('add', R3, DYNPTR);
  callKernel(a, features, 'bpf_dynptr_from_skb');
  a.mov(R1, R9);
  emitChain(a, features, chain);

  // Both this and the fragment offset are in the key whether asked for or not.
  a.mov(R1, R8).alu('sub', R1, R9).jump('sge', R1, 0, positive).mov(R1, 0);
  a.bind(positive);
  emitAtMost(a, R1, MAXIMUM_LENGTH);
  storeField(a, 'transportLength', R1);
  loadChain(a, R1, 'fragment', chain);
  storeField(a, 'fragment', R1);
  if (fields.has('protocol')) {
    loadChain(a, R2, 'next', chain);
    store('protocol', R2);
  }
  if (asksTransport(fields)) {
    emitTransportFields(a, fields, {
      fragment: R1,
      require(size, missing) {
        loadField(a, R1, 'transportLength');
        a.jump('lt', R1, size, missing);
        fetch(size, missing);
      },
      load(size, offset) {
        a.load(size, R2, R0, offset);
      },
    });
  }
  if (fields.has('malformed')) {
    loadChain(a, R2, 'malformed', chain);
    store('malformed', R2);
  }
}

function callKernel(a: Assembler, features: Features, name: KernelFunction): void {
  a.callKernel(name, requireFunction(features, name));
}
