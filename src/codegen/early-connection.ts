// The connection state of a packet that connection tracking has not seen yet, as far as it is certain, at XDP.
//
// The kernel's own table is asked (`bpf_xdp_ct_lookup`, TCP and UDP only, whole packets). A packet of a known connection
// is left to netfilter: seeing it may change the connection. Of one that no connection is known for, tracking will make
// NEW or INVALID, by its header alone (`tcp_error` and `tcp_new`, net/netfilter/nf_conntrack_proto_tcp.c; `udp_error`,
// nf_conntrack_proto_udp.c):
//
//   TCP   a header that is too short or longer than the packet       INVALID
//         of the flags but PSH, ECE and CWR: SYN, SYN URG            NEW
//                                            ACK, ACK URG            NEW with `nf_conntrack_tcp_loose`, else INVALID
//                                            all others              INVALID
//   UDP   a length under 8 or over what is there                     INVALID, else NEW
//
// What XDP does not look at is the checksum behind the header: a packet without connection whose checksum is wrong counts
// as NEW here and as INVALID there. Strict verdicts tell it apart: see `src/classify/early-strict.ts`.

import { CLASS_SHIFT, classNumber, UNVERIFIED } from '../base/connection-state.ts';
import type { Family } from '../base/family.ts';
import { type Features, requireFunction } from '../base/features.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R6, R10 } from '../bpf/instruction.ts';
import { KEY_OFFSET, loadField, storeField, WIDE_OFFSET } from './key.ts';
import { requireSurroundings } from './surroundings.ts';
import { DATA, DATA_END, ETHERNET, emitDevicePointer } from './xdp-frame.ts';

/** The fields that finding the state out takes. */
export const STATE_ASKS: Readonly<Record<Family, readonly Field[]>> = {
  ipv4: ['src', 'dst', 'protocol', 'sport', 'dport'],
  ipv6: ['src6', 'dst6', 'protocol', 'sport', 'dport'],
};

const [TCP, UDP] = [6, 17];
/** Of a family's header: its bytes, and where it says how many bytes there are, of which the first `counted` are its own. */
const IP: Readonly<Record<Family, { readonly size: number; readonly length: number; readonly counted: number }>> = {
  ipv4: { size: 20, length: 2, counted: 20 },
  ipv6: { size: 40, length: 4, counted: 0 },
};
const [TCP_HEADER, UDP_HEADER] = [20, 8];
/** Of byte 13 of a TCP header. */
const [FIN_SYN_RST_ACK_URG, SYN, ACK, URG] = [0x37, 0x02, 0x10, 0x20];

/** `struct bpf_sock_tuple`, and `struct bpf_ct_opts` as of its first kernel: `netns_id`, `error`, `l4proto`. */
const TUPLE = KEY_OFFSET - 40;
const TUPLE_SIZE: Readonly<Record<Family, number>> = { ipv4: 12, ipv6: 36 };
const OPTIONS = TUPLE - 16;
const OPTIONS_SIZE = 12;
/** The stack below this offset is free for those who look connections up. */
export const LOOKUP_OFFSET = OPTIONS;
/** BPF_F_CURRENT_NETNS */
const THIS_NAMESPACE = -1;

const NEW = classNumber('NEW') << CLASS_SHIFT;
const INVALID = classNumber('INVALID') << CLASS_SHIFT;

/** Whether connections can be looked up at XDP on this kernel. */
export function canLookUpConnections({ surroundings, functions }: Features): boolean {
  return surroundings?.tcpLoose !== undefined && functions.bpf_xdp_ct_lookup !== undefined;
}

/**
 * Puts `state` into the key of a whole packet without options or extension headers, or goes to `unknown` where it is not certain. The
 * fields of `STATE_ASKS` are in the key. Keeps R6–R8, clobbers all else.
 */
export function emitEarlyState(
  a: Assembler,
  features: Features,
  family: Family,
  strict: boolean,
  unknown: Label,
): void {
  const { size, length, counted } = IP[family];
  const [tcp, udp, missed, isNew, isInvalid, known] = [
    'TCP',
    'UDP',
    'no connection',
    'NEW',
    'INVALID',
    'state is known',
  ].map((name) => a.label(name)) as [Label, Label, Label, Label, Label, Label];
  emitLookup(a, features, family, unknown, missed);
  a.bind(missed);
  a.load(4, R2, R6, DATA).load(4, R3, R6, DATA_END);
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + size + UDP_HEADER)
    .jump('gt', R1, R3, isInvalid);
  // R5: bytes of the packet behind its IP header.
  a.load(2, R5, R2, ETHERNET + length).bigEndian(R5, 16);
  if (counted > 0) a.alu('sub', R5, counted);
  a.jump('slt', R5, UDP_HEADER, isInvalid);
  loadField(a, R4, 'protocol');
  a.jump('eq', R4, UDP, udp);

  a.bind(tcp)
    .mov(R1, R2)
    .alu('add', R1, ETHERNET + size + TCP_HEADER)
    .jump('gt', R1, R3, isInvalid);
  a.load(1, R1, R2, ETHERNET + size + 12)
    .alu('rsh', R1, 4)
    .alu('lsh', R1, 2);
  a.jump('lt', R1, TCP_HEADER, isInvalid).jump('gt', R1, R5, isInvalid);
  a.load(1, R1, R2, ETHERNET + size + 13).alu('and', R1, FIN_SYN_RST_ACK_URG);
  for (const flags of [SYN, SYN | URG]) a.jump('eq', R1, flags, isNew);
  const isAck = a.label('ACK alone');
  for (const flags of [ACK, ACK | URG]) a.jump('eq', R1, flags, isAck);
  a.goto(isInvalid).bind(isAck);
  emitDevicePointer(a, features, R4);
  a.load(8, R4, R4, features.layout.deviceNet)
    .load(1, R1, R4, requireSurroundings(features).tcpLoose!)
    .jump('ne', R1, 0, isNew)
    .goto(isInvalid);

  a.bind(udp)
    .load(2, R1, R2, ETHERNET + size + 4)
    .bigEndian(R1, 16);
  a.jump('lt', R1, UDP_HEADER, isInvalid).jump('gt', R1, R5, isInvalid);
  a.bind(isNew);
  storeField(a, 'state', strict ? UNVERIFIED : NEW);
  a.goto(known).bind(isInvalid);
  storeField(a, 'state', INVALID);
  a.bind(known);
}

/** Goes to `unknown` where the packet is of a connection, or cannot be asked for, else to `missed`. */
export function emitLookup(a: Assembler, features: Features, family: Family, unknown: Label, missed: Label): void {
  const asked = a.label('tracked by ports');
  loadField(a, R1, 'protocol');
  a.jump('eq', R1, TCP, asked).jump('ne', R1, UDP, unknown).bind(asked);
  a.store(4, R10, OPTIONS, THIS_NAMESPACE)
    .store(4, R10, OPTIONS + 4, 0)
    .store(4, R10, OPTIONS + 8, 0);
  a.store(1, R10, OPTIONS + 8, R1);
  const store = (field: NumericField, size: 2 | 4, offset: number): void => {
    loadField(a, R1, field);
    a.bigEndian(R1, size === 4 ? 32 : 16).store(size, R10, TUPLE + offset, R1);
  };
  if (family === 'ipv4') {
    store('src', 4, 0);
    store('dst', 4, 4);
  } else {
    const words = [0, 8].flatMap(
      (at) =>
        [
          [WIDE_OFFSET.src6 + at, at],
          [WIDE_OFFSET.dst6 + at, 16 + at],
        ] as const,
    );
    for (const [from, to] of words) a.load(8, R1, R10, from).store(8, R10, TUPLE + to, R1);
  }
  const ports = TUPLE_SIZE[family] - 4;
  store('sport', 2, ports);
  store('dport', 2, ports + 2);
  a.mov(R1, R6).mov(R2, R10).alu('add', R2, TUPLE).mov(R3, TUPLE_SIZE[family]).mov(R4, R10).alu('add', R4, OPTIONS);
  a.mov(R5, OPTIONS_SIZE).callKernel('bpf_xdp_ct_lookup', requireFunction(features, 'bpf_xdp_ct_lookup'));
  const nothing = a.label('nothing found');
  a.jump('eq', R0, 0, nothing);
  a.mov(R1, R0).callKernel('bpf_ct_release', requireFunction(features, 'bpf_ct_release'));
  a.goto(unknown);
  // −ENOENT is a miss; whatever else it says, nothing is certain.
  a.bind(nothing)
    .load(4, R1, R10, OPTIONS + 4)
    .jump32('eq', R1, -2, missed)
    .goto(unknown);
}
