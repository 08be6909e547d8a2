// Compares early verdicts with iptables-legacy beside us until they differ: bundled with one seeded fault by the mutation test.
//
// Exit status 0: no difference; 3: a difference, or a program that the kernel refuses; else: something else broke.

import { VerifierError } from '../../src/kernel/errors.ts';
import { type Beside, packetsOf, withBoth } from './beside.ts';
import { PLAIN_WORLD } from './lab-world-plain.ts';

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state INVALID -j DROP
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -p udp -j DROP
COMMIT
`;
const [TO_US, ACROSS] = ['INPUT in=eth1 tcp 11.7.0.1', 'FORWARD in=eth1 out=veth0 udp 11.7.0.1:1000 > 10.192.0.1:53'];

const PACKETS = packetsOf(
  ...['syn', 'ack', 'rst', 'fin ack', 'syn fin', ''].map((flags) => `${TO_US}:1000 > 10.0.0.1:23 ${flags}`),
  ...[`${TO_US}:1001 > 10.0.0.1:22 syn`, `${TO_US}:1001 > 10.0.0.1:22 psh ack`],
  ...['', 'ttl=1', 'df payload=900', 'options=4', 'more payload=8'].map((words) => `${ACROSS} ${words}`),
  'INPUT in=eth1 udp 11.7.0.1:7 > 10.0.0.1:7 options=4',
  'FORWARD in=eth1 out=eth1 tcp 11.7.0.1:1000 > 198.51.100.7:22 syn',
  'FORWARD in=eth0 out=eth1 tcp 11.1.0.1:1000 > 198.51.100.7:22 syn',
);

function objection(both: Beside): string | undefined {
  try {
    both.each((router) => router.ip('link set veth0 mtu 600'));
    both.load(RULES);
    if (both.pass(PACKETS, 'at first') === 0) return 'nothing is dropped early';
    both.each((router) => router.ip('addr add 198.51.100.7/32 dev eth0'));
    both.pass(PACKETS, 'with another address');
    both.sync();
    both.pass(PACKETS, 'with another address, looked at');
    return undefined;
  } catch (error) {
    if (error instanceof VerifierError || (error instanceof Error && error.message.includes('expected')))
      return error.message;
    throw error;
  }
}

await withBoth(PLAIN_WORLD, 'generic', (both) => {
  const found = objection(both);
  if (found === undefined) return;
  console.log(found);
  process.exitCode = 3;
});
