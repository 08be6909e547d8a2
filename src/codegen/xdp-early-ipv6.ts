// The prologue of early verdicts for IPv6.
//
// It looks only at whole packets without extension headers, to the device's own MAC address, and at no message of neighbour
// discovery: a router may take those that are not its own (`ip6_forward_proxy_check`, net/ipv6/ip6_output.c). What
// `ip6_rcv_core` throws away (net/ipv6/ip6_input.c) goes on: other versions, and more payload than there is; by their addresses
// the rest meets no list of where packets go.
//
// A packet is not *forwardable* whose hop limit has run out, or that might be too long for where it goes: that is found out
// before FORWARD is asked (`ip6_forward`). No IPv6 device takes less than 1280 bytes (RFC 8200, section 5).

import type { Features } from '../base/features.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R8, R9, type Register } from '../bpf/instruction.ts';
import { emitExtensionBit, IPV6_HEADER } from './ipv6-chain.ts';
import { clearFields, closeSlots, copyWide, storeField } from './key.ts';
import { asksTransport, emitTransportFields, frameTransport } from './transport-fields.ts';
import {
  ETHERNET,
  ETHERTYPE_IPV6,
  emitDeviceName,
  emitDevicePointer,
  emitOwnFrame,
  emitRestOfFrame,
} from './xdp-frame.ts';

const HOP_LIMIT = 7;
const SMALLEST_MTU = 1280;
const ICMP6 = 58;
/** Types of messages of neighbour discovery: from router solicitation to redirect (RFC 4861, section 4). */
const [FIRST_DISCOVERY, LAST_DISCOVERY] = [133, 137];

/** Leaves the key, and R8 bytes to count; goes on at `enter`, or to `pass` with packets that this is not for. */
export function emitEarlyIpv6Prologue(
  a: Assembler,
  features: Features,
  fields: ReadonlySet<Field>,
  enter: Label,
  pass: Label,
): void {
  const [known, noDiscovery] = [a.label('length is known'), a.label('no neighbour discovery')];
  const store = (field: NumericField, value: Register | number) => {
    if (fields.has(field)) storeField(a, field, value);
  };
  clearFields(a, fields, ['state', 'outDevice', 'forwardable', 'malformed']);
  emitDevicePointer(a, features, R9);
  if (fields.has('inDevice')) emitDeviceName(a, features, R9);
  emitOwnFrame(a, features, R9, IPV6_HEADER.size, pass);
  a.load(2, R1, R2, ETHERNET - 2).jump('ne', R1, ETHERTYPE_IPV6, pass);
  a.alu('add', R2, ETHERNET);
  a.load(1, R1, R2, 0).alu('rsh', R1, 4).jump('ne', R1, 6, pass);

  // Without a payload length: a jumbo packet, or TCP in one piece.
  a.load(2, R8, R2, IPV6_HEADER.payloadLength).bigEndian(R8, 16).jump('eq', R8, 0, pass);
  a.alu('add', R8, IPV6_HEADER.size);
  a.mov(R5, R3).alu('sub', R5, R2).jump('le', R8, R5, known);
  emitRestOfFrame(a);
  a.jump('gt', R8, R5, pass).bind(known);

  a.load(1, R9, R2, IPV6_HEADER.next);
  emitExtensionBit(a, R1, R9);
  a.jump('ne', R1, 0, pass);
  a.mov(R0, R2).alu('add', R0, IPV6_HEADER.size);
  a.jump('ne', R9, ICMP6, noDiscovery);
  a.mov(R1, R0).alu('add', R1, 1).jump('gt', R1, R3, pass);
  a.load(1, R1, R0, 0).jump('lt', R1, FIRST_DISCOVERY, noDiscovery).jump('le', R1, LAST_DISCOVERY, pass);
  a.bind(noDiscovery);

  a.mov(R4, R2);
  if (fields.has('src6')) copyWide(a, 'src6', IPV6_HEADER.source);
  if (fields.has('dst6')) copyWide(a, 'dst6', IPV6_HEADER.destination);
  a.mov(R1, R8).alu('sub', R1, IPV6_HEADER.size);
  store('transportLength', R1);
  store('fragment', 0);
  store('protocol', R9);
  if (fields.has('forwardable')) {
    const not = a.label('not forwardable');
    a.load(1, R5, R2, HOP_LIMIT).jump('le', R5, 1, not).jump('gt', R8, SMALLEST_MTU, not);
    storeField(a, 'forwardable', 1);
    a.bind(not);
  }
  if (asksTransport(fields)) {
    a.mov(R4, 0);
    emitTransportFields(a, fields, frameTransport(a, R4, pass));
  }
  closeSlots(a, fields);
  a.goto(enter);
}
