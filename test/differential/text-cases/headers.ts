// Matches on fields of the packet's headers that are the same in both families, or IPv4's alone.

import { textCases } from './text-case.ts';

const MULTIPORT = `
-p tcp -m multiport --dports 80
-p tcp -m multiport --dports 22,80:90,443
-p tcp -m multiport ! --dports 22,80:90
-p udp -m multiport --sports 53,1024:65535
-p sctp -m multiport --ports 1,2
-p dccp -m multiport ! --ports 1,2
-p udplite -m multiport --destination-ports 7
-p tcp -m multiport --source-ports http,ssh:smtp
-p udp -m multiport --sports domain,tftp
-p tcp -m multiport --dports 0x50,010,+7
-p tcp -m multiport --dports 80 -m multiport --sports 90
-p tcp -m multiport --ports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
-p tcp -m multiport --ports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
-p tcp -m multiport --ports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15
-p tcp -m multiport --ports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16
-p tcp -m multiport --ports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15
-p tcp -m multiport --ports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15,99999
-p tcp -m multiport --ports 80:80
-p tcp -m multiport --ports 90:80
-p tcp -m multiport --ports 1:2:3
-p tcp -m multiport --ports :80
-p tcp -m multiport --ports 80:
-p tcp -m multiport --ports 80,
-p tcp -m multiport --ports ,80
-p tcp -m multiport --ports ""
-p tcp -m multiport --ports 65536
-p tcp -m multiport --ports 0x1ffff
-p tcp -m multiport --ports -1
-p tcp -m multiport --ports nope
-p tcp -m multiport --dports 1 --dports 2
-p tcp -m multiport --dports 1 --sports 2
-p tcp -m multiport --ports 1 --sports 2
-p tcp -m multiport --ports 5 --sports 4 --dports 3
-p tcp -m multiport
-p tcp -m multiport --dports
-m multiport --dports 1
-m multiport --dports 1 -p tcp
-p icmp -m multiport --dports 1
! -p tcp -m multiport --dports 1
-p tcp -m multiport --dp 1
-p tcp -m multiport --d 1
`;

const NUMBERS = `
-m length --length 1
-m length --length :2
-m length --length 3:
-m length --length :
-m length --length 5:3
-m length ! --length 0:65535
-m length --length 0x10:020
-m length --length 1:2:3
-m length --length 65536
-m length --length 1:65536
-m length --length -1
-m length --length 1x
-m length --length x
-m length --length ""
-m length --length 1 --length 2
-m length
-p tcp -m tcpmss --mss 42
-p tcp -m tcpmss --mss 42:12345
-p tcp -m tcpmss ! --mss :5
-p tcp -m tcpmss --mss 5:
-p tcp -m tcpmss --mss 5:4
-p tcp -m tcpmss --mss 65536
-p tcp -m tcpmss
-p udp -m tcpmss --mss 42
-m tcpmss --mss 42
! -p tcp -m tcpmss --mss 42
-m dscp --dscp 0
-m dscp ! --dscp 0x3f
-m dscp --dscp 010
-m dscp --dscp 64
-m dscp --dscp x
-m dscp --dscp-class CS0
-m dscp --dscp-class be
-m dscp --dscp-class Ef
-m dscp ! --dscp-class AF43
-m dscp --dscp-class AF11x
-m dscp --dscp-class AF
-m dscp --dscp-class CS8
-m dscp --dscp 1 --dscp-class EF
-m dscp --dscp 1 --dscp 2
-m dscp
-m tos --tos Minimize-Delay
-m tos ! --tos minimize-cost
-m tos --tos Normal-Service
-m tos --tos 0x10/0x3f
-m tos --tos 255
-m tos ! --tos 8/0x3f
-m tos --tos 3/0x3f
-m tos --tos 0x0f/0x0f
-m tos --tos 256
-m tos --tos 1/256
-m tos --tos 1/
-m tos --tos 1x
-m tos --tos wrong
-m tos --tos ""
-m tos
-p tcp -m ecn --ecn-tcp-cwr
-p tcp -m ecn --ecn-tcp-ece --ecn-tcp-cwr --ecn-ip-ect 2
-p tcp -m ecn ! --ecn-tcp-ece ! --ecn-tcp-cwr ! --ecn-ip-ect 0
-m ecn --ecn-ip-ect 3
-m ecn --ecn-ip-ect 4
-m ecn --ecn-tcp-cwr
! -p tcp -m ecn --ecn-tcp-ece
-p udp -m ecn --ecn-tcp-ece
-p tcp -m ecn --ecn-tcp-ece --ecn-tcp-ece
-m ecn
-p esp -m esp
-p esp -m esp --espspi 0
-p esp -m esp --espspi :32
-p esp -m esp --espspi 0:4294967295
-p esp -m esp ! --espspi 1:4294967295
-p esp -m esp --espspi 9:5
-p esp -m esp --espspi 4294967296
-p esp -m esp --espspi -1
-p esp --espspi 7
-m esp
-p tcp -m esp
-p ipcomp -m ipcomp
-p ipcomp -m ipcomp --ipcompspi 18
-p 108 -m ipcomp ! --ipcompspi 18:20 --compres
-p ipcomp -m ipcomp --compres
-p ipcomp -m ipcomp --ipcompspi 0:4294967295 --compres
-p ipcomp -m ipcomp --ipcompspi 0:4294967295
-p ipcomp --ipcompspi 3
-m ipcomp --ipcompspi 18
-m pkttype --pkt-type unicast
-m pkttype ! --pkt-type BroadCast
-m pkttype --pkt-type mcast
-m pkttype --pkt-type host
-m pkttype --pkt-type otherhost
-m pkttype --pkt-type outgoing
-m pkttype --pkt-type ""
-m pkttype
`;

const TRANSPORTS = `
-p sctp -m sctp
-p sctp --sport 80
-p sctp -m sctp --sport 1 ! --dport 2:3
-p sctp -m sctp --sport 0:65535
-p sctp -m sctp --sport : --dport 5:
-p sctp -m sctp ! --dport 0:65535
-p sctp -m sctp --dport sip
-p sctp -m sctp --sport 3:2
-p sctp -m sctp --sport 65536
-p sctp -m sctp --sport x
-p sctp -m sctp --sport 1 --source-port 2
-p sctp -m sctp --dport 1 --dport 2
-p sctp -m sctp --chunk-types all DATA
-p sctp -m sctp --chunk-types ANY data,Init
-p sctp -m sctp ! --chunk-types only ABORT,ERROR,DATA
-p sctp -m sctp --chunk-types all ALL
-p sctp -m sctp --chunk-types any none
-p sctp -m sctp --chunk-types all DATA:UBEi
-p sctp -m sctp --chunk-types all DATA:uU,DATA:b
-p sctp -m sctp --chunk-types all DATA:
-p sctp -m sctp --chunk-types all DATA:-
-p sctp -m sctp --chunk-types all ABORT:T,SHUTDOWN_COMPLETE:t
-p sctp -m sctp --chunk-types all I_DATA:U,DATA
-p sctp -m sctp --chunk-types all I_DATA,RE_CONFIG,PAD,ASCONF,ASCONF_ACK,FORWARD_TSN,I_FORWARD_TSN
-p sctp -m sctp --chunk-types all ECN_ECNE,ECN_CWR,COOKIE_ECHO,COOKIE_ACK,HEARTBEAT,HEARTBEAT_ACK,SACK,INIT_ACK
-p sctp -m sctp --chunk-types all ,DATA,,
-p sctp -m sctp --chunk-types all ,
-p sctp -m sctp --chunk-types all DATA:U,ABORT:T,SHUTDOWN_COMPLETE:T,I_DATA:U
-p sctp -m sctp --chunk-types all DATA:U,ABORT:T,SHUTDOWN_COMPLETE:T,I_DATA:U,INIT:-
-p sctp -m sctp --chunk-types all INIT:T
-p sctp -m sctp --chunk-types all DATA:X
-p sctp -m sctp --chunk-types all NOPE
-p sctp -m sctp --chunk-types all ALL,DATA
-p sctp -m sctp --chunk-types none DATA
-p sctp -m sctp --chunk-types all
-p sctp -m sctp --chunk-types all -j ACCEPT
-p sctp -m sctp --chunk-types all ! --sport 1
-p sctp -m sctp --chunk-types all DATA --chunk-types any INIT
-m sctp --sport 1
-p tcp -m sctp --sport 1
-p dccp -m dccp
-p dccp --sport 80
-p dccp -m dccp --sport 1:1023 ! --dport 65535
-p dccp -m dccp --sport 1024:
-p dccp -m dccp --sport 9:5
-p dccp -m dccp --sport 0:65535
-p dccp -m dccp ! --sport :
-p dccp -m dccp --sport 65536
-p dccp -m dccp --sport http --dport ssh:https
-p dccp -m dccp --sport 1:2:3
-p dccp -m dccp --sport nope
-p dccp -m dccp --sport 1 --sport 2
-p dccp -m dccp --dccp-types REQUEST,response
-p dccp -m dccp ! --dccp-types RESET,INVALID
-p dccp -m dccp --dccp-types INVALID,DATA,SYNCACK,SYNC,CLOSE,CLOSEREQ,DATAACK,ACK
-p dccp -m dccp --dccp-types NOPE
-p dccp -m dccp --dccp-types DATA,,ACK
-p dccp -m dccp --dccp-option 1
-p dccp -m dccp ! --dccp-option 255
-p dccp -m dccp --dccp-option 0
-p dccp -m dccp --dccp-option 256
-m dccp --sport 1
`;

const DEVICES = `
-m mac --mac-source 42:01:02:03:04:05
-m mac ! --mac-source FA:16:3E:5C:80:6c
-m mac --mac-source 1:2:3:4:5:6
-m mac --mac-source ::::5:
-m mac --mac-source +1:-1:3:4:5:6
-m mac --mac-source 1:2:3:4:5
-m mac --mac-source 1:2:3:4:5:6:7
-m mac --mac-source 001:2:3:4:5:6
-m mac --mac-source 1:2:3:4:5:g
-m mac --mac-source ""
-m mac
-m addrtype --src-type LOCAL
-m addrtype ! --dst-type UNICAST,local
-m addrtype --src-type UNSPEC,ANYCAST,MULTICAST,UNREACHABLE --dst-type LOCAL
-m addrtype --src-type BROADCAST
-m addrtype --src-type BLACKHOLE
-m addrtype --src-type PROHIBIT
-m addrtype --src-type UNREACHABLE
-m addrtype --src-type THROW,NAT,XRESOLVE
-m addrtype --src-type U
-m addrtype --src-type uni,L
-m addrtype --src-type wrong
-m addrtype --src-type wrong,LOCAL
-m addrtype --src-type LOCAL,wrong,x
-m addrtype --src-type LOCAL,
-m addrtype --src-type ,LOCAL
-m addrtype --src-type ""
-m addrtype --src-type LOCALX
-m addrtype --src-type LOCAL --limit-iface-in
-m addrtype --dst-type LOCAL --limit-iface-out
-m addrtype --src-type LOCAL --limit-iface-in --limit-iface-out
-m addrtype --limit-iface-in
-m addrtype --src-type LOCAL ! --limit-iface-in
-m addrtype
`;

const IPV4 = `
-m iprange --src-range 1.1.1.1-1.1.1.10
-m iprange ! --src-range 1.1.1.1-1.1.1.10 --dst-range 2.2.2.2
-m iprange --src-range 10.1-10.2
-m iprange --src-range 10-0xb.010
-m iprange --src-range 2.2.2.2-1.1.1.1
-m iprange --src-range 1.1.1.1-2.2.2.2-3.3.3.3
-m iprange --src-range 1.1.1.1-
-m iprange --src-range -1.1.1.1
-m iprange --src-range 1.1.1.256
-m iprange --src-range 1.1.1.1.1
-m iprange --src-range ::1
-m iprange --src-range localhost
-m iprange --src-range ""
-m iprange --src-range 1.1.1.1 --src-range 2.2.2.2
-m iprange
-m ttl --ttl-eq 0
-m ttl ! --ttl-eq 255
-m ttl --ttl-gt 0
-m ttl --ttl-lt 7
-m ttl --ttl 5
-m ttl ! --ttl 5
-m ttl ! --ttl-lt 5
-m ttl --ttl-eq 256
-m ttl --ttl-eq 5 --ttl 5
-m ttl --ttl-eq 5 --ttl-lt 5
-m ttl --ttl-gt 5 --ttl-lt 5
-m ttl --ttl-eq 5 --ttl-lt 4 --ttl-gt 3
-m ttl
-m hl --hl-eq 5
-p ah -m ah
-p ah -m ah --ahspi 0
-p ah -m ah --ahspi 0:4294967295
-p ah -m ah ! --ahspi 4294967295
-p ah -m ah ! --ahspi 5:
-p ah --ahspi 1:2
-p ah -m ah --ahspi 4294967296
-p ah -m ah --ahspi 0:invalid
-p ah -m ah --ahspi 1 --ahspi 2
-p ah -m ah --ahlen 5
-m ah
-m ah --ahspi
-p icmp -m icmp --icmp-type 3/1
-p icmp -m icmp --icmp-type 3/0:255
-p icmp -m icmp ! --icmp-type 20/1
-p icmp -m icmp --icmp-type 8:8
-p icmp -m icmp --icmp-type 8:9
-p icmp -m icmp --icmp-type 8/
-p icmp -m icmp --icmp-type 8/1x
-p icmp -m icmp --icmp-type 8x
-p icmp -m icmp --icmp-type host
-p icmp -m icmp --icmp-type nope
`;

const REALM = `
-m realm --realm 0x1/0x2a
-m realm ! --realm 42
-m realm --realm 0
-m realm --realm cosmos
-m realm --realm nope
-m realm --realm 1x
-m realm --realm 1/2x
-m realm --realm 1/x
-m realm --realm 4294967296
-m realm
`;

export const cases = [
  ...textCases('both', 'filter', 'INPUT', MULTIPORT),
  ...textCases('both', 'filter', 'FORWARD', NUMBERS),
  ...textCases('both', 'mangle', 'OUTPUT', TRANSPORTS),
  ...textCases('both', 'filter', 'INPUT', DEVICES),
  ...textCases('both', 'filter', 'FORWARD', DEVICES),
  ...textCases('both', 'filter', 'OUTPUT', DEVICES),
  ...textCases(
    'both',
    'raw',
    'PREROUTING',
    '-m mac --mac-source 1:2:3:4:5:6\n-m addrtype --src-type LOCAL --limit-iface-out',
  ),
  ...textCases('both', 'filter', 'c', '-m mac --mac-source 1:2:3:4:5:6\n-m realm --realm 1'),
  ...textCases('ipv4', 'filter', 'OUTPUT', IPV4),
  ...textCases('both', 'security', 'FORWARD', REALM),
  ...textCases('ipv4', 'mangle', 'PREROUTING', REALM),
  // What no packet fulfils iptables-save leaves out; so it does with the end of a range of codes.
  ...[
    { rule: '-p esp -m esp ! --espspi 0:4294967295', prints: '-p esp -m esp ! --espspi 0:4294967295' },
    { rule: '-p ah -m ah ! --ahspi :', prints: '-p ah -m ah ! --ahspi 0:4294967295' },
    { rule: '-p 108 -m ipcomp ! --ipcompspi :', prints: '-p ipcomp -m ipcomp ! --ipcompspi 0:4294967295' },
    { rule: '-p dccp -m dccp --dccp-types ,', prints: '-p dccp -m dccp --dccp-types ""' },
    { rule: '-p icmp -m icmp --icmp-type 3/1:4', prints: '-p icmp -m icmp --icmp-type 3/1:4' },
  ].map((each) => ({ family: 'ipv4', table: 'filter', chain: 'INPUT', ...each }) as const),
];
