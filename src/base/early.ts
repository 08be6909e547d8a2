// What is certain about packets before the stack has seen them, as plain data: the ground of early verdicts.
//
// A packet that arrives at a device from one of its `sources`, and goes to a `local` address, is shown to INPUT. Of IPv4
// whatever reverse-path filtering is set to: it came the way that an answer would take, which is the strictest test
// (`fib_validate_source`, net/ipv4/fib_frontend.c). Of IPv6 nobody asks where packets come from on their way to INPUT, and on
// that to FORWARD only whether the address may be one of a host elsewhere (net/ipv6/ip6_input.c, ip6_output.c). Of all
// others nothing is said here.

import type { EnteredChain, ForeignConditions, ForeignPlace } from './foreign-rules.ts';
import type { IntervalSet } from './intervals.ts';
import type { WideIntervalSet } from './wide-intervals.ts';

export interface EarlyDevice<Addresses = IntervalSet> {
  readonly name: string;
  /** Absent where it is assumed. */
  readonly ifindex?: number;
  /** Addresses whose packets come in by this device. */
  readonly sources: Addresses;
  /** Whether packets that come in by it are forwarded at all. */
  readonly forwards: boolean;
  /**
   * Destinations that packets may leave to by the device that they came in by: of a shorter way their sender is told before
   * FORWARD is asked (ICMP redirect). None if absent.
   */
  readonly back?: Addresses;
}

/** Facts of one namespace about one family. */
export interface FamilyFacts<Addresses> {
  /** Unicast addresses of this host. */
  readonly local: Addresses;
  /** Destinations that there is a way to, other than to this host. */
  readonly routed: Addresses;
  readonly devices: readonly EarlyDevice<Addresses>[];
  /** Absent where nobody has rules that packets meet before the filter table, or nobody looked for them. */
  readonly foreign?: ForeignFacts;
}

/** What is known of rules of others, or why nothing is certain beside them. */
export type ForeignFacts = ForeignKept | { readonly why: string };

export interface ForeignKept {
  readonly entered: readonly Omit<EnteredChain, 'key'>[];
  /** Whether rules may have connections expected. */
  readonly mayExpect: boolean;
  /** The packets that rules may do something to: of NAT, those without a connection. */
  readonly kept: readonly KeptPackets[];
}

/** Packets that meet all of `asked` are netfilter's, where they come to a place. */
export interface KeptPackets {
  readonly at: ForeignPlace;
  /** The chain there that they enter, as administrators know it. */
  readonly by: string;
  readonly asked: ForeignConditions;
}

export interface EarlyFacts4 extends FamilyFacts<IntervalSet> {
  readonly family: 'ipv4';
}

export interface EarlyFacts6 extends FamilyFacts<WideIntervalSet> {
  readonly family: 'ipv6';
}

export type EarlyFacts = EarlyFacts4 | EarlyFacts6;

/** Whether a rule of others may apply to any packet that comes to a place. */
export function keepsAll(foreign: ForeignFacts | undefined, place: ForeignPlace): boolean {
  if (foreign === undefined || 'why' in foreign) return false;
  return foreign.kept.some(({ at, asked }) => at === place && asked.length === 0);
}
