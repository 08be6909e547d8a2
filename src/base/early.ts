// What is certain about packets before the stack has seen them, as plain data: the ground of early verdicts.
//
// A packet that arrives at a device from one of its `sources`, and goes to a `local` address, is shown to INPUT whatever
// reverse-path filtering is set to: it came the way that an answer would take, which is the strictest test
// (`fib_validate_source`, net/ipv4/fib_frontend.c). Of all others nothing is said here.

import type { IntervalSet } from './intervals.ts';

export interface EarlyDevice {
  readonly name: string;
  /** Addresses whose packets come in by this device. */
  readonly sources: IntervalSet;
  /** Whether packets that come in by it are forwarded at all. */
  readonly forwards: boolean;
  /**
   * Destinations that packets may leave to by the device that they came in by: of a shorter way their sender is told before
   * FORWARD is asked (ICMP redirect). None if absent.
   */
  readonly back?: IntervalSet;
}

/** Facts of one namespace about IPv4. */
export interface EarlyFacts {
  /** Unicast addresses of this host. */
  readonly local: IntervalSet;
  /** Destinations that there is a way to, other than to this host. */
  readonly routed: IntervalSet;
  readonly devices: readonly EarlyDevice[];
}
