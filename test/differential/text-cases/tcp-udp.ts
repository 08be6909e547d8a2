// tcp, udp and icmp: how each reads its values, and what it says of options that are given twice.

import { type TextCase, textCases } from './text-case.ts';

export const cases: readonly TextCase[] = [
  // No packet fulfils it; iptables-save leaves the condition out.
  {
    ...{ family: 'ipv4', table: 'filter', chain: 'FORWARD', rule: '-p tcp ! --sport 0:65535' },
    prints: '-p tcp -m tcp ! --sport 0:65535',
  },
  ...textCases(
    'both',
    'filter',
    'FORWARD',
    `
-p tcp --tcp-option 5
-p tcp ! --tcp-option 255
-p tcp --tcp-option 0
-p tcp --tcp-option 256
-p tcp --tcp-option 1 --tcp-option 2
-p tcp --syn --syn
-p tcp --syn --tcp-flags SYN SYN
-p tcp --tcp-flags SYN SYN ! --syn
-p tcp --tcp-flags ALL NONE
-p tcp --tcp-flags ,SYN,,fin, syn
-p tcp --tcp-flags SYN,X SYN
-p tcp --tcp-flags SYN
-p tcp --tcp-flags SYN -j ACCEPT
-p tcp --sport 33 --source-port 27
-p tcp --dport 33 --dport 27
-p tcp --sport 90:80
-p tcp --sport R
-p tcp --sport 0x1ffff
-p tcp --sport 010:0x20
-p tcp --dport :http
-p tcp --dport ssh:
-p udp --sport 33 --source-port 27
-p udp --sport R
-p udp --sport 0x2
-p udp --dport 65536
-p udp --dport -0
-p udp --dport 90:80
-p udp ! --dport 90:80
-p udp --dport domain:ntp
-p udp --dport 1:2:3
-m udp --source-port http
`,
  ),
  ...textCases(
    'ipv4',
    'filter',
    'INPUT',
    `
-p icmp --icmp-type 254/
-p icmp --icmp-type -m
-p icmp --icmp-type any
-p icmp ! --icmp-type any
-p icmp --icmp-type 255
-p icmp --icmp-type ECHO-REQ
-p icmp --icmp-type 3/256
-p icmp --icmp-type ""
-p icmp --icmp-type 8 --icmp-type 9
-p icmp
-p icmp -m icmp
`,
  ),
];
