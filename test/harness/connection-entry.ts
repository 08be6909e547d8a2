// A packet's connection as the kernel has it in memory: `skb->_nfct` and the `struct nf_conn` behind it.

import type { Address } from '../../src/base/address.ts';
import type { ConnectionEnds, PacketConnection } from '../../src/base/connection.ts';
import type { ConnectionLayout, Features } from '../../src/base/features.ts';
import { JIFFIES } from '../../src/bpf/vm-calls.ts';
import type { NetfilterRun } from '../../src/bpf/vm-context.ts';

/** `enum ip_conntrack_info`, of the first packet's direction; of the other 3 more. */
const INFO = { ESTABLISHED: 0, RELATED: 1, NEW: 2 } as const;
const REPLY = 3;
const UNTRACKED = 7;
/** Bits of `enum ip_conntrack_status`, and one that no rule names: IPS_SEQ_ADJUST. */
const STATUS = { EXPECTED: 0, SEEN_REPLY: 1, ASSURED: 2, CONFIRMED: 3, SNAT: 4, DNAT: 5 } as const;
const SEQUENCE_ADJUSTED = 6;
const SIZE = 256;

/** What the virtual machine shows a program of a connection; nothing where there is none. */
export function connectionInMemory(
  connection: PacketConnection | undefined,
  { connection: layout, ticksPerSecond }: Features,
): NonNullable<NetfilterRun['connection']> {
  if (connection === undefined) return { info: 0 };
  if (connection === 'untracked') return { info: UNTRACKED };
  const { state, direction, status, protocol, original, reply, expires } = connection;
  const entry = new Uint8Array(SIZE);
  const data = new DataView(entry.buffer);
  writeEnds(data, layout!.original, original, protocol, layout!);
  writeEnds(data, layout!.reply, reply, protocol, layout!);
  const bits = status.reduce((sum, name) => sum | (1 << STATUS[name]), 1 << SEQUENCE_ADJUSTED);
  data.setUint32(layout!.status, bits, true);
  // What is left in seconds is rounded down; of what is overdue nothing.
  data.setUint32(layout!.timeout, expires === 0 ? JIFFIES - 1 : JIFFIES + (expires + 1) * ticksPerSecond - 1, true);
  return { info: INFO[state] + (direction === 'REPLY' ? REPLY : 0), entry };
}

function writeEnds(data: DataView, at: number, ends: ConnectionEnds, protocol: number, layout: ConnectionLayout): void {
  writeAddress(data, at + layout.source, ends.source);
  writeAddress(data, at + layout.destination, ends.destination);
  data.setUint16(at + layout.sourcePort, ends.sourcePort);
  data.setUint16(at + layout.destinationPort, ends.destinationPort);
  data.setUint8(at + layout.protocol, protocol);
}

function writeAddress(data: DataView, at: number, address: Address): void {
  if (typeof address === 'number') {
    data.setUint32(at, address);
    return;
  }
  data.setBigUint64(at, address >> 64n);
  data.setBigUint64(at + 8, BigInt.asUintN(64, address));
}
