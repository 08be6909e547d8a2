// Connection tracking of a test's router: on all the time, whatever the rules under test ask for, and without a clock.

import type { Family } from '../../src/base/family.ts';
import type { Namespace } from './namespace.ts';

/** The machine's own command of a family. */
export const LEGACY_COMMAND: Readonly<Record<Family, string>> = {
  ipv4: 'iptables-legacy',
  ipv6: 'ip6tables-legacy',
};

/** Seconds until connections of each kind are forgotten: none while the test runs, however slow the machine is. */
const TIMEOUTS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    [
      'syn_sent',
      'syn_recv',
      'fin_wait',
      'close_wait',
      'last_ack',
      'time_wait',
      'close',
      'max_retrans',
      'unacknowledged',
    ].map((state) => [`tcp_timeout_${state}`, 20_000]),
  ),
  ...Object.fromEntries(
    ['closed', 'cookie_wait', 'cookie_echoed', 'established', 'heartbeat_sent'].map((state) => [
      `sctp_timeout_${state}`,
      20_000,
    ]),
  ),
  tcp_timeout_established: 432_000,
  udp_timeout: 10_000,
  udp_timeout_stream: 15_000,
  gre_timeout: 10_000,
  gre_timeout_stream: 15_000,
  icmp_timeout: 10_000,
  icmpv6_timeout: 10_000,
  generic_timeout: 10_000,
};

/** Forgets no connection while a test runs, and tracks them by a rule behind the filter table. */
export function keepTracking(router: Namespace, family: Family): void {
  for (const [name, seconds] of Object.entries(TIMEOUTS)) router.sysctl(`net.netfilter.nf_conntrack_${name}`, seconds);
  const rule = '-w -t security -A INPUT -m conntrack --ctstate INVALID';
  router.exec(LEGACY_COMMAND[family], rule.split(' '));
}
