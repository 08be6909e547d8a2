// Matches on fields of the headers that only IPv6 has.

import { textCases } from './text-case.ts';

const RANGES = `
-m iprange --src-range ::1-::ff
-m iprange ! --dst-range fe80::1-fe80::2 --src-range 2001:db8::/64
-m iprange ! --dst-range fe80::1-fe80::2 --src-range 2001:db8::
-m iprange --src-range ::ff-::1
-m iprange --src-range 1.2.3.4
-m iprange --src-range ::1-
-m iprange
-m hl --hl-eq 42
-m hl ! --hl-eq 255
-m hl --hl-lt 42
-m hl --hl-gt 0
-m hl --hl 7
-m hl --hl-eq 256
-m hl --hl-gt 42 --hl-eq 42
-m hl --hl-gt 42 --hl-lt 42
-m hl
-m ttl --ttl-eq 5
-m ah
-m ah --ahspi 0
-m ah --ahspi 0:4294967295
-m ah ! --ahspi 5:9 ! --ahlen 0 --ahres
-m ah --ahlen 32
-m ah --ahlen 0
-m ah --ahres
-m ah --ahres --ahres
-m ah --ahlen x
-m ah --ahspi invalid
-p ah --ahspi 7
-m ah ! --ahres
-m frag
-m frag --fragid 1:42
-m frag --fragid 7
-m frag --fragid 0:4294967295
-m frag --fraglen 42
-m frag --fraglen 0
-m frag ! --fragid 1 ! --fraglen 42 --fragres --fragfirst
-m frag --fragfirst --fragmore
-m frag --fragres --fraglast
-m frag --fraglast --fragmore
-m frag --fragid x
-m frag --fragfirst --fragfirst
-m rt
-m rt --rt-type 0
-m rt ! --rt-type 4294967295
-m rt --rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res
-m rt ! --rt-type 1 ! --rt-segsleft 12 ! --rt-len 0
-m rt --rt-segsleft 0:4294967295
-m rt --rt-type 0 --rt-0-addrs ::1,fe80::2 --rt-0-not-strict
-m rt --rt-type 0 --rt-0-res --rt-0-addrs 2001:db8:0:0::1
-m rt --rt-type 0 --rt-0-addrs ::1,::2,::3,::4,::5,::6,::7,::8,::9,::a,::b,::c,::d,::e,::f,::10
-m rt --rt-type 0 --rt-0-addrs ::1,::2,::3,::4,::5,::6,::7,::8,::9,::a,::b,::c,::d,::e,::f,::10,::11
-m rt --rt-type 0 --rt-0-addrs nope
-m rt --rt-type 0 --rt-0-addrs ::1,
-m rt --rt-type 0 --rt-0-addrs ""
-m rt --rt-0-addrs nope
-m rt --rt-0-addrs ::1 --rt-type 0
-m rt --rt-type 1 --rt-0-res
-m rt ! --rt-type 0 --rt-0-res
-m rt --rt-0-res
-m rt --rt-type 0 --rt-0-not-strict
-m rt --rt-type 0 --rt-0-not-strict --rt-0-addrs ::1
-m rt --rt-len x --rt-0-res
-m rt --rt-0-not-strict --rt-len x
-m time --contiguous -m rt --rt-0-not-strict
`;

const OPTIONS = `
-m dst
-m dst --dst-len 0
-m dst ! --dst-len 42
-m dst --dst-opts 149:92,12:12,123
-m dst --dst-opts 1:255,0x10:010,256:256,+7,-1
-m dst ! --dst-len 42 --dst-opts 1
-m dst --dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
-m dst --dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16:1
-m dst --dst-opts 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
-m dst --dst-opts 0
-m dst --dst-opts 0:1
-m dst --dst-opts 256:1
-m dst --dst-opts x
-m dst --dst-opts 1x
-m dst --dst-opts 1:
-m dst --dst-opts 1:2:3
-m dst --dst-opts 1,
-m dst --dst-opts ""
-m dst --dst-opts 18446744073709551616
-m dst --dst-opts 1:18446744073709551616
-m dst --dst-len 4294967296
-m dst --dst-opts 1 --dst-opts 2
-m hbh
-m hbh --hbh-len 42 --hbh-opts 1:2,23:42,4:6,8:10,42,23,4:5
-m hbh ! --hbh-len 0
-m hbh --hbh-opts 0:1
-m hbh --hbh-opts x
-m hbh --hbh-opts 1:x
-m hbh ! --hbh-opts 1
-m ipv6header --header hop-by-hop
-m ipv6header --header hop,dst,route,frag,auth,esp,none,prot
-m ipv6header ! --header 0,60,43,44,51,50,59,255
-m ipv6header --header ipv6-nonxt --soft
-m ipv6header --header ipv6-opts,ipv6-route,ipv6-frag,ah
-m ipv6header --header ip
-m ipv6header --header protocol
-m ipv6header --header tcp
-m ipv6header --header all
-m ipv6header --header 6
-m ipv6header --header nope
-m ipv6header --header HOP
-m ipv6header --header dst,,esp
-m ipv6header --header ,
-m ipv6header --header ""
-m ipv6header --soft
-m ipv6header
-m srh
-m srh --srh-next-hdr 17
-m srh ! --srh-hdr-len-eq 8
-m srh --srh-hdr-len-gt 8 --srh-hdr-len-eq 4
-m srh --srh-segs-left-lt 1 ! --srh-segs-left-gt 3 --srh-last-entry-eq 4 ! --srh-last-entry-lt 5 --srh-last-entry-gt 6
-m srh --srh-tag 65535 ! --srh-next-hdr 0
-m srh --srh-tag 65536
-m srh --srh-next-hdr 256
-m srh --srh-psid a::/64 --srh-nsid b::/128 --srh-lsid c::/0
-m srh ! --srh-psid a::1/64 ! --srh-nsid b::
-m srh --srh-psid a::/ffff::
-m srh --srh-psid a::/ffff::ffff
-m srh --srh-psid a::/129
-m srh --srh-psid 1.2.3.4/64
-m srh --srh-tag 1 --srh-tag 2
`;

const TYPES = `
-p ipv6-icmp -m icmp6 --icmpv6-type 1/0
-p icmpv6 --icmpv6-type echo-request
-p icmpv6 -m icmpv6 ! --icmpv6-type packet-too-big
-p ipv6-icmp -m ipv6-icmp --icmpv6-type no-route
-p icmpv6 -m icmp6 ! --icmpv6-type 200/3
-p icmpv6 -m icmp6 --icmpv6-type 255
-p icmpv6 -m icmp6 --icmpv6-type 1/0:255
-p icmpv6 -m icmp6 --icmpv6-type neigh
-p icmpv6 -m icmp6 --icmpv6-type neighbor-s
-p icmpv6 -m icmp6 --icmpv6-type router-adv
-p icmpv6 -m icmp6 --icmpv6-type any
-p icmpv6 -m icmp6 --icmpv6-type 256
-p icmpv6 -m icmp6 --icmpv6-type 1/256
-p icmpv6 -m icmp6 --icmpv6-type 1:2
-p icmpv6 -m icmp6 --icmpv6-type 1x
-p icmpv6 -m icmp6 --icmpv6-type 1/2/3
-p icmpv6 -m icmp6 --icmpv6-type ""
-p icmpv6 -m icmp6 --icmpv6-type 1 --icmpv6-type 2
-p icmpv6 -m icmp6
-m icmp6 --icmpv6-type 1
-p tcp -m icmp6 --icmpv6-type 1
-p icmpv6 -m icmp --icmp-type 8
-p mh -m mh
-p mobility-header -m mh --mh-type 1
-p ipv6-mh --mh-type 1
-p mh -m mh ! --mh-type 4
-p mh -m mh --mh-type 4:123
-p mh -m mh --mh-type :
-p mh -m mh --mh-type :5
-p mh -m mh --mh-type bu:
-p mh -m mh ! --mh-type BRR:home-test
-p mh -m mh --mh-type hot:be
-p mh -m mh --mh-type b
-p mh -m mh --mh-type care
-p mh -m mh --mh-type home-test-i
-p mh -m mh --mh-type 5:4
-p mh -m mh --mh-type 256
-p mh -m mh --mh-type nope
-p mh -m mh --mh-type 1:2:3
-p mh -m mh --mh-type ""
-m mh
-p tcp -m mh --mh-type 1
`;

const NAMED_TYPES = [1, 2, 3, 4, 128, 129, 133, 134, 135, 136, 137]
  .flatMap((type) => [`${type}`, ...[0, 1, 2, 3, 4, 5, 6, 7].map((code) => `${type}/${code}`)])
  .map((value) => `-p icmpv6 -m icmp6 --icmpv6-type ${value}`)
  .join('\n');

export const cases = [
  ...textCases('ipv6', 'filter', 'INPUT', RANGES),
  ...textCases('ipv6', 'mangle', 'FORWARD', OPTIONS),
  ...textCases('ipv6', 'filter', 'OUTPUT', TYPES),
  ...textCases('ipv6', 'security', 'OUTPUT', NAMED_TYPES),
  ...textCases('ipv6', 'raw', 'PREROUTING', '-m eui64\n-m eui64 -j c\n-m eui64 --foo'),
  ...textCases('ipv6', 'filter', 'INPUT', '-m eui64'),
  ...textCases('ipv6', 'filter', 'OUTPUT', '-m eui64'),
  ...textCases('ipv4', 'filter', 'INPUT', '-m icmpv6\n-m icmp6\n-m frag\n-m eui64\n-m mh\n-m dst'),
  // What no packet fulfils iptables-save leaves out; so it does with the end of a range of codes.
  ...[
    { rule: '-m ah ! --ahspi :', prints: '-m ah ! --ahspi 0:4294967295' },
    { rule: '-m frag ! --fragid :', prints: '-m frag ! --fragid 0:4294967295' },
    { rule: '-m rt ! --rt-segsleft :', prints: '-m rt ! --rt-segsleft 0:4294967295' },
    { rule: '-p mh -m mh ! --mh-type :', prints: '-p mobility-header -m mh ! --mh-type 0:255' },
    { rule: '-p icmpv6 -m icmp6 --icmpv6-type 1/2:4', prints: '-p ipv6-icmp -m icmp6 --icmpv6-type 1/2:4' },
  ].map((each) => ({ family: 'ipv6', table: 'filter', chain: 'INPUT', ...each }) as const),
];
