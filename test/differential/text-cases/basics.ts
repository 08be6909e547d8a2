// Rules of iptables itself and of the matches that everybody uses, in every table of both families.

import { textCases } from './text-case.ts';

const ANYWHERE = `
-p tcp -m tcp --dport 22 -j ACCEPT
-p udp ! --sport 1:2 -j DROP
-p tcp --syn
-i eth0 -j c
-m comment --comment "a b" -g c
-m nope
-p tcp --dport 99999
--dport 22
`;

export const cases = [
  ...textCases('both', 'filter', 'INPUT', ANYWHERE),
  ...textCases('both', 'nat', 'PREROUTING', ANYWHERE),
  ...textCases('both', 'mangle', 'FORWARD', ANYWHERE),
  ...textCases('both', 'raw', 'PREROUTING', ANYWHERE),
  ...textCases('both', 'security', 'INPUT', ANYWHERE),
  ...textCases('both', 'filter', 'nope', '-j ACCEPT'),
  ...textCases('both', 'raw', 'INPUT', '-j ACCEPT'),
  ...textCases('ipv4', 'filter', 'OUTPUT', '-s 10/8 ! -d 10.1.0.0/255.255.0.0 -f\n-d ::1'),
  ...textCases('ipv6', 'filter', 'OUTPUT', '-s fe80::1/10 ! -d ::/0\n-f\n-d 1.2.3.4'),
];
