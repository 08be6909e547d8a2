// What connection tracking knows of a packet, for the reference interpreter and for tests.

import type { Address } from './address.ts';

/** The packet's connection; `untracked` where a rule of the raw table left it out. */
export type PacketConnection = 'untracked' | TrackedConnection;

export interface TrackedConnection {
  readonly state: 'NEW' | 'ESTABLISHED' | 'RELATED';
  readonly direction: 'ORIGINAL' | 'REPLY';
  readonly status: readonly ('EXPECTED' | 'SEEN_REPLY' | 'ASSURED' | 'CONFIRMED' | 'SNAT' | 'DNAT')[];
  readonly protocol: number;
  /** Of the first packet, and of the answers. */
  readonly original: ConnectionEnds;
  readonly reply: ConnectionEnds;
  /** Whole seconds until it is forgotten, if nothing more comes. */
  readonly expires: number;
}

export interface ConnectionEnds {
  readonly source: Address;
  readonly destination: Address;
  /** For ICMP the identifier, and type * 256 + code. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}
