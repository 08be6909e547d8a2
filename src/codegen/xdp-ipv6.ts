// The XDP prologue for IPv6: from a frame to the packet key, and to the chain that the stack would ask.
//
// A frame that ip6tables would never be shown is passed on uncounted, for the stack to do with as it always does: what stands
// in front of the packet says so (`xdp-frame.ts`), or `ip6_rcv_core` throws it out (net/ipv6/ip6_input.c): version, payload
// length beyond the frame, a group address as its source, the loopback address as either end, a group of no or of the
// interface's scope as its destination, hop-by-hop options that are cut off. What is thrown out by a sysctl, for what its
// options say or as no member of a group is judged, and counted, before. The packet ends where its payload length says; without one, behind a header of hop-by-hop
// options, it ends with the frame, as the length that a jumbo payload option gives is then the frame's.
// Fragments are judged one by one: so they come to INPUT while nothing puts them together before.
//
// Local are the destinations of the local routing table, and all groups. Link-local addresses are local where they come in by
// the device that has them, and are another host's elsewhere, which no router forwards: those pass uncounted.
//
// Stack below the key, downwards: packet start (8), data_end (8), the walk's.

import { addressGenerationOf, type Features, type HostFacts, type HostFacts6 } from '../base/features.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import { normalizeWide } from '../base/wide-intervals.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R6, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import { emitVerdict } from './actions.ts';
import {
  asksChain,
  CHAIN_STACK,
  type ChainSource,
  emitChain,
  emitChainEnd,
  emitExtensionBit,
  HOP_BY_HOP,
  IPV6_HEADER,
  loadChain,
} from './ipv6-chain.ts';
import { clearFields, closeSlots, copyWide, KEY_OFFSET, storeField } from './key.ts';
import { emitAtMost, MAXIMUM_LENGTH } from './netfilter.ts';
import { emitWideMember, loadWide } from './tests.ts';
import { asksTransport, emitTransportFields, frameTransport } from './transport-fields.ts';
import { XDP_ABI, type XdpWays } from './xdp.ts';
import {
  ETHERTYPE_IPV6,
  emitCutOff,
  emitDevice,
  emitDevicePointer,
  emitNetWord,
  emitRestOfFrame,
  emitTags,
  INGRESS_IFINDEX,
} from './xdp-frame.ts';

const START = KEY_OFFSET - 8;
const END = START - 8;
const CHAIN = END - CHAIN_STACK;

/** The farthest that the verifier lets an offset reach into a frame, with what is loaded there. */
const FARTHEST = 0xff00;
/** The first byte of group addresses, the low four bits of whose second are their scope. */
const GROUP = 0xff;
const INTERFACE_SCOPE = 1;
/** ::1 as its second half is loaded. */
const LOOPBACK = 1n << 56n;
/** The ten bits of link-local addresses: fe80::/10. */
const LINK_LOCAL = 0xfe80 >> 6;

/** Emits the prologue, which goes on at one of the ways. `fields` are those that something asks for. */
export function emitXdpIpv6Prologue(
  a: Assembler,
  features: Features,
  facts: HostFacts,
  fields: ReadonlySet<Field>,
  ways: XdpWays,
): void {
  const pass = a.label('not for ip6tables');
  clearFields(a, fields, ['state', 'outDevice']);
  const exits = { pass, undecided: ways.undecided, cutOff: a.label('cut off') };
  emitDevice(a, features, fields, IPV6_HEADER.size, exits);
  emitTags(a, ETHERTYPE_IPV6, IPV6_HEADER.size, exits);
  emitAddressChecks(a, pass);
  emitLength(a, pass, ways.undecided);
  a.mov(R4, R2);
  if (fields.has('src6')) copyWide(a, 'src6', IPV6_HEADER.source);
  copyWide(a, 'dst6', IPV6_HEADER.destination);
  if (asksChain(fields)) emitBehindHeader(a, features, fields, ways.undecided);
  closeSlots(a, fields);
  emitDestination(a, features, facts, ways);
  a.goto(pass).bind(exits.cutOff);
  emitCutOff(a, ways.undecided);
  a.bind(pass);
  emitVerdict(a, XDP_ABI, 'accept');
}

/** Leaves packets of other versions, and with addresses that the stack takes from no other host. Clobbers R0, R1, R4 and R5. */
function emitAddressChecks(a: Assembler, pass: Label): void {
  const unicast = a.label('destination is no group');
  a.load(1, R1, R2, 0).alu('rsh', R1, 4).jump('ne', R1, 6, pass);
  for (const offset of [IPV6_HEADER.source, IPV6_HEADER.destination]) {
    const other = a.label('not the loopback address');
    a.load(8, R4, R2, offset).jump('ne', R4, 0, other);
    a.load(8, R5, R2, offset + 8).loadConstant(R1, LOOPBACK);
    a.jump('eq', R5, R1, pass).bind(other);
    if (offset === IPV6_HEADER.source) a.alu('and', R4, GROUP).jump('eq', R4, GROUP, pass);
  }
  a.mov(R5, R4).alu('and', R5, GROUP).jump('ne', R5, GROUP, unicast);
  a.alu('rsh', R4, 8).alu('and', R4, 0x0f).jump('le', R4, INTERFACE_SCOPE, pass).bind(unicast);
}

/**
 * R8 = bytes of the packet at R2, R1 = number of the header behind its own; R3 is data_end. Leaves packets whose hop-by-hop
 * options, which the stack reads first of all, are cut off. Clobbers R0, R4 and R5.
 */
function emitLength(a: Assembler, pass: Label, undecided: Label): void {
  const [sized, known] = [a.label('payload length is given'), a.label('length is known')];
  const readable = a.label('no options, or all of them');
  const options = IPV6_HEADER.size + 2;
  a.mov(R5, R3).alu('sub', R5, R2);
  a.load(2, R8, R2, IPV6_HEADER.payloadLength).bigEndian(R8, 16).jump('ne', R8, 0, sized);
  a.load(1, R1, R2, IPV6_HEADER.next).jump('ne', R1, HOP_BY_HOP, sized);
  emitRestOfFrame(a);
  a.mov(R8, R5).goto(known);
  a.bind(sized).alu('add', R8, IPV6_HEADER.size).jump('le', R8, R5, known);
  emitRestOfFrame(a);
  a.jump('gt', R8, R5, pass);
  a.bind(known).load(1, R1, R2, IPV6_HEADER.next).jump('ne', R1, HOP_BY_HOP, readable);
  a.jump('lt', R8, options, pass);
  a.mov(R0, R2).alu('add', R0, options).jump('gt', R0, R3, undecided);
  a.load(1, R0, R2, IPV6_HEADER.size + 1)
    .alu('add', R0, 1)
    .alu('lsh', R0, 3)
    .alu('add', R0, IPV6_HEADER.size);
  a.jump('gt', R0, R8, pass).bind(readable);
}

/**
 * Stores the fields of what is behind the header at R2, of number R1; R3 is data_end. On the way R0 is the transport header,
 * R1 its length with what follows, R4 the fragment offset, R9 whether the chain is malformed. Headers behind the first buffer, or
 * too many of them, are undecided. Clobbers all but R6–R8.
 */
function emitBehindHeader(a: Assembler, features: Features, fields: ReadonlySet<Field>, undecided: Label): void {
  const beyond = a.label('behind the first buffer');
  const [plain, behind, near] = [a.label('transport header is next'), a.label('behind the chain'), a.label('near')];
  const store = (field: NumericField, value: Register) => {
    if (fields.has(field)) storeField(a, field, value);
  };
  const storeLength = (): void => {
    emitAtMost(a, R5, MAXIMUM_LENGTH);
    store('transportLength', R5);
  };
  const chain: ChainSource = {
    stack: CHAIN,
    fetch(size, missing) {
      a.mov(R1, R9).alu('add', R1, size).jump('gt', R1, R8, missing).jump('gt', R9, FARTHEST, missing);
      a.load(8, R0, R10, START).load(8, R3, R10, END).alu('add', R0, R9);
      a.mov(R1, R0).alu('add', R1, size).jump('gt', R1, R3, beyond);
    },
    tooMany: undecided,
  };
  emitExtensionBit(a, R4, R1);
  a.jump('eq', R4, 0, plain);
  // The verifier looks at this way first: what it learns of the key holds for the other.
  a.store(8, R10, START, R2).store(8, R10, END, R3);
  emitChain(a, features, chain);
  const inside = a.label('the chain ends in the packet');
  a.mov(R5, R8).alu('sub', R5, R9).jump('sge', R5, 0, inside).mov(R5, 0).bind(inside);
  storeLength();
  loadChain(a, R4, 'fragment', chain);
  store('fragment', R4);
  loadChain(a, R1, 'next', chain);
  store('protocol', R1);
  a.jump('le', R9, FARTHEST, near).mov(R9, 0).mov(R5, 0).bind(near);
  a.load(8, R0, R10, START).load(8, R3, R10, END).alu('add', R0, R9).mov(R1, R5);
  loadChain(a, R9, 'malformed', chain);
  a.goto(behind);

  emitChainEnd(a.bind(beyond), features, CHAIN);
  a.goto(undecided);

  a.bind(plain).mov(R5, R8).alu('sub', R5, IPV6_HEADER.size);
  storeLength();
  a.mov(R4, 0).mov(R9, 0);
  store('fragment', R4);
  store('protocol', R1);
  a.mov(R0, R2).alu('add', R0, IPV6_HEADER.size).mov(R1, R5);
  a.bind(behind);
  if (asksTransport(fields)) emitTransportFields(a, fields, frameTransport(a, R4, undecided));
  store('malformed', R9);
}

/** Goes where the destination in the key leads, and on where that is nowhere. Clobbers all but R6–R8. */
function emitDestination(a: Assembler, features: Features, facts: HostFacts, ways: XdpWays): void {
  const linkLocal = a.label('link-local destination');
  const { localDestinations, ofDevices } = requireFacts(facts);
  loadWide(a, 'dst6');
  a.mov(R3, R1)
    .alu('rsh', R3, 64 - 10)
    .jump('eq', R3, LINK_LOCAL, linkLocal);
  emitWideMember(a, normalizeWide(localDestinations), ways.input);
  emitGeneration(a, features, facts, ways.undecided);
  a.goto(ways.forward);
  a.bind(linkLocal).load(4, R4, R6, INGRESS_IFINDEX);
  for (const { ifindex, destination } of ofDevices) {
    const other = a.label('another destination');
    a.jump('ne', R4, ifindex, other);
    emitWideMember(a, [{ low: destination, high: destination }], ways.input);
    a.bind(other);
  }
  emitGeneration(a, features, facts, ways.undecided);
}

/** Goes to `undecided` where the host's addresses are no longer those that the rules were compiled for. Clobbers R0–R5. */
function emitGeneration(a: Assembler, features: Features, { addressGeneration }: HostFacts, undecided: Label): void {
  if (addressGeneration === undefined) return;
  emitDevicePointer(a, features, R4);
  emitNetWord(a, features, R4, addressGenerationOf(features, 'ipv6'));
  a.jump32('ne', R1, addressGeneration, undecided);
}

function requireFacts({ ipv6 }: HostFacts): HostFacts6 {
  if (ipv6 === undefined) throw new Error('codegen: a host has local destinations');
  return ipv6;
}
