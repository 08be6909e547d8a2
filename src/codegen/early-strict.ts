// Strict early verdicts: what else nothing may be able to tell from netfilter's.
//
// Software behind XDP puts packets of a flow together (GRO), and netfilter counts them as one. So where a device does that,
// packets that may be put together are left to netfilter: all but ICMP, and TCP with one of the flags SYN, RST and URG
// (`tcp_gro_receive`, net/ipv4/tcp_offload.c). It does not where it is switched off, nor where the program is a generic one
// (`netif_elide_gro`, include/linux/netdevice.h).

import type { Features } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R1, R4 } from '../bpf/instruction.ts';
import { loadField } from './key.ts';
import { requireSurroundings } from './surroundings.ts';
import { emitDevicePointer } from './xdp-frame.ts';

/** The fields that the question takes. */
export const STRICT_ASKS: readonly Field[] = ['protocol', 'tcpFlags'];

/** NETIF_F_GRO, include/linux/netdev_features.h. */
const MERGES = 1 << 14;
const [ICMP, TCP, ICMP6] = [1, 6, 58];
/** Of byte 13 of a TCP header. */
const SYN_RST_URG = 0x26;

/** Why this kernel has no strict early verdicts, in words that follow "because"; `undefined` if it has. */
export function whyNotStrict({ surroundings }: Features): string | undefined {
  if (surroundings === undefined) return undefined; // the same is said of all early verdicts
  if (surroundings.netListeners.length === 0)
    return 'this kernel does not show who listens to all devices, which strict ones need';
  if (surroundings.deviceMerging === undefined)
    return 'this kernel does not show which devices put packets together, which strict ones need';
  return undefined;
}

/** Goes to `undecided` with a packet that may be put together with others. Its fields are in the key. Clobbers R0–R5. */
export function emitWhole(a: Assembler, features: Features, undecided: Label): void {
  const { deviceMerging } = requireSurroundings(features);
  if (deviceMerging === undefined) {
    a.goto(undecided);
    return;
  }
  const [tcp, whole] = [a.label('TCP that may be put together'), a.label('stays alone')];
  emitDevicePointer(a, features, R4);
  a.load(8, R1, R4, deviceMerging.features).jump('set', R1, MERGES, tcp).goto(whole).bind(tcp);
  a.load(8, R1, R4, deviceMerging.genericProgram).jump('ne', R1, 0, whole);
  loadField(a, R1, 'protocol');
  for (const protocol of [ICMP, ICMP6]) a.jump('eq', R1, protocol, whole);
  a.jump('ne', R1, TCP, undecided);
  loadField(a, R1, 'tcpFlags');
  a.jump('set', R1, SYN_RST_URG, whole).goto(undecided);
  a.bind(whole);
}
