// Rules with the targets of src/extensions/targets: whether iptables-legacy takes each, it says itself.
//
// Left out is what depends on the machine's state or on its kernel's configuration: LED, SECMARK, names of helpers and
// timeout policies that no kernel brings along, sets that exist. ULOG makes iptables print a warning first.

import { type TextCase, textCases } from './text-case.ts';

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** The same rules wherever a mangle table has them, and once in each table of one hook. */
function everywhere(families: 'ipv4' | 'ipv6' | 'both', rules: string): TextCase[] {
  return [
    ...HOOKS.flatMap((chain) => textCases(families, 'mangle', chain, rules)),
    ...(['filter', 'nat', 'raw', 'security'] as const).flatMap((table) => textCases(families, table, 'OUTPUT', rules)),
    ...textCases(families, 'filter', 'INPUT', rules),
    ...textCases(families, 'filter', 'c', rules),
  ];
}

const PLACES = `
-j LOG --log-prefix place
-j NFLOG --nflog-group 3
-j NFQUEUE --queue-num 3
-j MARK --set-mark 3
-j CONNMARK --save-mark
-j CONNSECMARK --save
-j CT --zone 3
-j NOTRACK
-j CHECKSUM --checksum-fill
-j CLASSIFY --set-class 1:2
-j TOS --set-tos 1
-j DSCP --set-dscp 1
-p tcp --syn -j TCPMSS --set-mss 500
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu
-p tcp -j TCPOPTSTRIP --strip-options 2
-p tcp -j SYNPROXY --mss 3
-j AUDIT --type drop
-j HMARK --hmark-tuple ct --hmark-rnd 1 --hmark-mod 2
-j IDLETIMER --timeout 5 --label ipb-place
-j RATEEST --rateest-name place --rateest-interval 1s --rateest-ewmalog 4s
-j TRACE
-j REJECT
`;

const REJECT = `
-j REJECT --reject-with ""
-j REJECT --reject-with i
-j REJECT --reject-with ICMP-H
-j REJECT --reject-with admin-prohib
-j REJECT --reject-with icmp-proto-unreachable
-j REJECT --reject-with tcp-reset
-p tcp -j REJECT --reject-with tcp-reset
-p 6 -j REJECT --reject-with tcp
! -p tcp -j REJECT --reject-with tcp-reset
-p udp -j REJECT --reject-with tcp-rst
-j REJECT --reject-with adm
-j REJECT --reject-with no-route
-j REJECT --reject-with policy
-j REJECT --reject-with icmp6-reject-route
-j REJECT --reject-with addr
-j REJECT --reject-with foo
-j REJECT --reject-with port-unreach --reject-with port-unreach
-j REJECT ! --reject-with port-unreach
-j REJECT --reject-with
-j REJECT --reject net-unreach
`;

const LOG = `
-j LOG
-j LOG --log-prefix abc
-j LOG --log-prefix "a b: " --log-level alert --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-j LOG --log-macdecode --log-prefix ""
-j LOG --log-macdecode --log-prefix "it's"
-j LOG --log-prefix 1234567890123456789012345678901234567890
-j LOG --log-prefix "12345678901234567890123456\\"89\\\\2345"
-j LOG --log-prefix "12345678901234567890123456é"
-j LOG --log-level 0
-j LOG --log-level 4
-j LOG --log-level 0x7
-j LOG --log-level 8
-j LOG --log-level emerg
-j LOG --log-level panic
-j LOG --log-level crit
-j LOG --log-level err
-j LOG --log-level error
-j LOG --log-level warn
-j LOG --log-level warning
-j LOG --log-level notice
-j LOG --log-level info
-j LOG --log-level DEBUG
-j LOG --log-uid --log-uid
-j LOG ! --log-uid
-j NFLOG
-j NFLOG --nflog-group 0
-j NFLOG --nflog-group 65535 --nflog-prefix "a b" --nflog-size 12 --nflog-threshold 3
-j NFLOG --nflog-group 65536
-j NFLOG --nflog-size 0
-j NFLOG --nflog-size 4294967295
-j NFLOG --nflog-size 4294967296
-j NFLOG --nflog-range 12
-j NFLOG --nflog-threshold 0
-j NFLOG --nflog-threshold 65536
-j NFLOG --nflog-prefix ""
-j NFLOG --nflog-prefix x.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
-j NFQUEUE
-j NFQUEUE --queue-num 65535 --queue-bypass
-j NFQUEUE --queue-num 65536
-j NFQUEUE --queue-balance 0:65534
-j NFQUEUE --queue-balance 0:65535
-j NFQUEUE --queue-balance 1:65535
-j NFQUEUE --queue-balance 3
-j NFQUEUE --queue-balance 3:
-j NFQUEUE --queue-balance :3
-j NFQUEUE --queue-balance 3:3
-j NFQUEUE --queue-balance 1:2:3
-j NFQUEUE --queue-balance 1:x
-j NFQUEUE --queue-balance 1:2x
-j NFQUEUE --queue-cpu-fanout
-j NFQUEUE --queue-num 1 --queue-cpu-fanout
-j NFQUEUE --queue-num 1 --queue-balance 1:2
-j NFQUEUE --queue-balance 1:2 --queue-cpu-fanout --queue-bypass
`;

const MARKS = `
-j MARK
-j MARK --set-mark 0
-j MARK --set-mark 0xff/0x0f
-j MARK --set-mark 0/0xff
-j MARK --set-xmark 0xff/0x0f
-j MARK --set-xmark 0xff/0
-j MARK --set-xmark 4294967295
-j MARK --set-xmark 4294967296
-j MARK --set-xm 010
-j MARK --set-m 3
-j MARK --and-mark 0xff
-j MARK --or-mark 0xff
-j MARK --or-mark 0
-j MARK --xor-mark 0xff
-j MARK --xor-mark 4294967296
-j MARK --set-mark 1/
-j MARK --set-mark 1x
-j MARK --set-mark 1/2x
-j MARK --set-mark 0x
-j MARK --set-mark 08
-j MARK --set-mark " 8/ 3"
-j MARK --set-mark "8 "
-j MARK --set-mark -1
-j MARK --set-mark ""
-j MARK --set-mark 1/0x100000000
-j MARK --set-mark 1 --or-mark 2
-j MARK --or-mark 1 --set-xmark 2
-j MARK --set-mark 1 --set-mark 2
-j MARK ! --set-mark 1
-j CONNMARK
-j CONNMARK --set-mark 3/0xc
-j CONNMARK --set-xmark 3/0xc
-j CONNMARK --set-xmark 3/0
-j CONNMARK --and-mark 3
-j CONNMARK --or-mark 3
-j CONNMARK --xor-mark 3
-j CONNMARK --save-mark --mask 0xff
-j CONNMARK --save-mark --nfmask 0xff
-j CONNMARK --restore-mark
-j CONNMARK --restore-mark --mask 0xff
-j CONNMARK --restore-mark --ctmask 0xff --nfmask 3
-j CONNMARK --restore-mark --mask 0xff --nfmask 3
-j CONNMARK --restore-mark --ctmask 0xff --mask 3
-j CONNMARK --restore-mark --save-mark
-j CONNMARK --set-mark 3/0xff --xor-mark 65535 --save-mark
-j CONNMARK --and-mark 3 --set-xmark 3 --or-mark 5
-j CONNMARK --set-mark 1 --set-xmark 1
-j CONNMARK --set-mark 1 --mask 0xff
-j CONNMARK --mask 0xff --set-mark 1
-j CONNMARK --set-mark 1 --nfmask 0xff
-j CONNMARK --mask 0xff
-j CONNMARK --save-mark --left-shift-mark 4
-j CONNMARK --save-mark --right-shift-mark 0
-j CONNMARK --save-mark --left-shift-mark 32
-j CONNMARK --save-mark --left-shift-mark 33
-j CONNMARK --save-mark --left-shift-mark 32 --right-shift-mark 31
-j CONNMARK --restore-mark --right-shift-mark 4 --left-shift-mark 5
-j CONNMARK --set-mark 3 --right-shift-mark 4
-j CONNSECMARK
-j CONNSECMARK --restore --save
-j CLASSIFY
-j CLASSIFY --set-class 0x1:0X10
-j CLASSIFY --set-class 12345:ffffffff
-j CLASSIFY --set-class -1:+1
-j CLASSIFY --set-class 1:2junk
-j CLASSIFY --set-class " 1: 2"
-j CLASSIFY --set-class "1 :2"
-j CLASSIFY --set-class 1
-j CLASSIFY --set-class 1:
-j CLASSIFY --set-class :1
-j CLASSIFY --set-class 0x:1
-j CLASSIFY --set-class 0xg:1
-j CLASSIFY --set-class 1:0xg
-j CLASSIFY --set-class 1:-
-j CLASSIFY --set-class 100000000:1
-j CLASSIFY --set-class 1ffffffffffffffff:-10000000000000001
`;

const RAW = `
-j CT
-j CT --notrack
-j CT --zone 0
-j CT --zone 0x10
-j CT --zone-orig 5
-j CT --zone-reply 5
-j CT --zone-reply 5 --zone-orig 6
-j CT --zone-orig 6 --zone-reply 5
-j CT --zone MARK
-j CT --zone mark --zone 5
-j CT --zone-orig mark --zone 5
-j CT --zone 5 --zone-orig mark
-j CT --zone 65536
-j CT --zone ""
-j CT --ctevents new
-j CT --ctevents secmark,natseqinfo,mark,helper,protoinfo,assured,reply,destroy,related,new,new
-j CT --ctevents new,foo
-j CT --ctevents new,
-j CT --expevents new --zone 3
-j CT --expevents related
-j CT --notrack --zone 5
-j CT --helper ftp
-j CT --helper ftp --notrack
-p tcp -j CT --helper ftp
-p udp -j CT --helper ftp
! -p tcp -j CT --helper ftp
-p tcp -j CT --helper ""
-p udp -j CT --helper tftp
-p tcp -j CT --helper irc
-p tcp -j CT --helper pptp
-p tcp -j CT --helper sip
-p udp -j CT --helper sip
-p udp -j CT --helper snmp
-p udp -j CT --helper amanda
-p udp -j CT --helper netbios-ns
-p tcp -j CT --helper H.245
-p tcp -j CT --helper Q.931
-p udp -j CT --helper RAS
-p tcp -j CT --helper sane
-j CT --helper abcdefghijklmnopqrs --notrack
-j CT --timeout test
-j CT --timeout test --notrack
-j NOTRACK --zone 5
-j NOTRACK --notrack
-j TRACE --foo
`;

const HEADER = `
-j CHECKSUM
-j CHECKSUM --checksum-fill --checksum-fill
-j TOS
-j TOS --set-tos 0x10/0x3f
-j TOS --set-tos 0x11/0x3f
-j TOS --set-tos 16/16
-j TOS --set-tos 0/16
-j TOS --set-tos 16/0
-j TOS --set-tos 256
-j TOS --set-tos 256/3
-j TOS --set-tos 1/256
-j TOS --set-tos 1/
-j TOS --set-tos 1x
-j TOS --set-tos 08
-j TOS --set-tos 0x
-j TOS --set-tos -1
-j TOS --set-tos " 1/ 2"
-j TOS --set-tos ""
-j TOS --set-tos minimize-delay
-j TOS --set-tos minimize-dela
-j TOS --set-tos Maximize-Throughput
-j TOS --set-tos Maximize-Reliability
-j TOS --set-tos Minimize-Cost
-j TOS --set-tos Normal-Service
-j TOS --and-tos 0x12
-j TOS --or-tos 0x12
-j TOS --or-tos 0
-j TOS --xor-tos 0x12
-j TOS --xor-tos 256
-j TOS --xor-tos 1 --or-tos 2
-j DSCP
-j DSCP --set-dscp 0
-j DSCP --set-dscp 63
-j DSCP --set-dscp 64
-j DSCP --set-dscp-class ef
-j DSCP --set-dscp-class EFG
-j DSCP --set-dscp-class BE
-j DSCP --set-dscp-class CS7
-j DSCP --set-dscp-class CS8
-j DSCP --set-dscp-class AF1
-j DSCP --set-dscp-class AF11
-j DSCP --set-dscp-class AF43
-j DSCP --set-dscp-class BE --set-dscp 1
-p tcp -j TCPOPTSTRIP
-j TCPOPTSTRIP
! -p tcp -j TCPOPTSTRIP
-p tcp -j TCPOPTSTRIP --strip-options timestamp,wscale,sack,sack-permitted,md5,255,7
-p tcp -j TCPOPTSTRIP --strip-options mss,2
-p tcp -j TCPOPTSTRIP --strip-options 1
-p tcp -j TCPOPTSTRIP --strip-options 256
-p tcp -j TCPOPTSTRIP --strip-options 2,
-p tcp -j TCPOPTSTRIP --strip-options 2 --strip-options 3
-j TCPMSS
-j TCPMSS --set-mss 1
-p tcp -j TCPMSS --set-mss 42
-p tcp ! --syn -j TCPMSS --set-mss 42
-p tcp --tcp-flags SYN,RST SYN,RST -j TCPMSS --set-mss 0
-p tcp --tcp-flags ACK ACK -j TCPMSS --set-mss 42
-p tcp ! --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 42
-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu --set-mss 1000
-p tcp --syn -j TCPMSS --set-mss 1000 --clamp-mss-to-pmtu
-p tcp --syn -j TCPMSS --set-mss 65495
-p tcp --syn -j TCPMSS --set-mss 65496
-p tcp --syn -j TCPMSS --set-mss 65515
-p tcp --syn -j TCPMSS --set-mss 65516
`;

const HEADER4 = `
-j ECN
-j ECN --ecn-tcp-remove
-p tcp -j ECN --ecn-tcp-remove
! -p tcp -j ECN --ecn-tcp-remove
-p tcp -j ECN --ecn-tcp-cwr 1
-p tcp -j ECN --ecn-tcp-cwr 2
-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 1
-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 0
-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 0 --ecn-ip-ect 3
-p tcp -j ECN --ecn-tcp-remove --ecn-ip-ect 3
-p tcp -j ECN --ecn-ip-ect 3 --ecn-tcp-remove
-p tcp -j ECN --ecn-tcp-cwr 1 --ecn-tcp-remove
-j ECN --ecn-ip-ect 3
-j ECN --ecn-ip-ect 4
-j ECN --ecn-tcp-ece 1
-j TTL
-j TTL --ttl-set 0
-j TTL --ttl-set 256
-j TTL --ttl-inc 1
-j TTL --ttl-inc 0
-j TTL --ttl-dec 255
-j TTL --ttl-dec 1 --ttl-inc 1
-j TTL --ttl-dec 1 --ttl-inc 1 --ttl-set 1
-j TTL --ttl-set --ttl-inc 1
`;

const HEADER6 = HEADER4.replaceAll('TTL', 'HL').replaceAll('--ttl', '--hl');

const OTHERS = `
-p tcp -j SYNPROXY
-p tcp -j SYNPROXY --sack-perm --timestamp --mss 1460 --wscale 9 --ecn
-p tcp -j SYNPROXY --mss 65537 --wscale 256
-p tcp -j SYNPROXY --wscale 4294967296
-j SYNPROXY
! -p tcp -j SYNPROXY
-j AUDIT
-j AUDIT --type ACCEPT
-j AUDIT --type reject
-j AUDIT --type acc
-j HMARK
-j HMARK --hmark-mod 3
-j HMARK --hmark-rnd 3
-j HMARK --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-rnd 3 --hmark-mod 0 --hmark-tuple src
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src,dst,sport,dport,proto,ct
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src,dst,spi
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src,dst,spi,sport
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple c,d,sp,dp,P
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple srcx
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src,
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple ,src
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src,foo,dst
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple ""
-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src --hmark-src-prefix 24
-j HMARK --hmark-src-prefix 24 --hmark-tuple src --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix 24 --hmark-dst-prefix 0 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix 33 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix 129 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix 255.255.0.0 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix 255.0.255.0 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix ffff:: --hmark-dst-prefix ffff:0:ffff:: --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-src-prefix "" --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-sport 7 --hmark-dport 8 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-sport 0xffff --hmark-spi 8 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-sport-mask 0xff --hmark-spi-mask 9 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-sport-mask 0xff --hmark-spi 9 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-spi 8 --hmark-spi-mask 9 --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-proto-mask 0xf --hmark-rnd 3 --hmark-mod 4 --hmark-offset 17
-j HMARK --hmark-proto-mask 65536 --hmark-rnd 3 --hmark-mod 4 --hmark-offset 17
-j HMARK --hmark-tuple ct --hmark-rnd 3 --hmark-mod 4 --hmark-offset 0
-j HMARK --hmark-tuple ct --hmark-tuple dst --hmark-rnd 3 --hmark-mod 4
-j HMARK --hmark-tuple sport --hmark-sport-mask 3 --hmark-rnd 3 --hmark-mod 4
-j IDLETIMER
-j IDLETIMER --timeout 42
-j IDLETIMER --label x
-j IDLETIMER --timeout 42 --label ipb-text
-j IDLETIMER --timeout 42 --label ipb-alarm --alarm
-j IDLETIMER --timeout 42 --label ""
-j IDLETIMER --timeout 0 --label ipb-text
-j IDLETIMER --timeout 2147482 --label ipb-text
-j IDLETIMER --timeout 2147483 --label ipb-text
-j IDLETIMER --timeout 4294967296 --label ipb-text
-j IDLETIMER --timeout 5 --label ipb-cdefghijklmnopqrstuvwxyz1234
-j IDLETIMER --timeout 5 --label ipb/b
-j IDLETIMER --timeout 5 --label ..
-j IDLETIMER --timeout 5 --label uevent
-j RATEEST
-j RATEEST --rateest-name a --rateest-interval 250.0ms --rateest-ewmalog 500.0ms
-j RATEEST --rateest-name b --rateest-interval 250.0ms
-j RATEEST --rateest-interval 250.0ms --rateest-ewmalog 500.0ms
-j RATEEST --rateest-name c --rateest-interval 1s --rateest-ewmalog 1s
-j RATEEST --rateest-name d --rateest-interval 1s --rateest-ewmalog 3s
-j RATEEST --rateest-name e --rateest-interval 2sec --rateest-ewmalog 16secs
-j RATEEST --rateest-name f --rateest-interval 8s --rateest-ewmalog 4000s
-j RATEEST --rateest-name g --rateest-interval 9s --rateest-ewmalog 160s
-j RATEEST --rateest-name h --rateest-interval 100us --rateest-ewmalog 1000
-j RATEEST --rateest-name j --rateest-interval 0 --rateest-ewmalog 160s
-j RATEEST --rateest-name k --rateest-interval -1 --rateest-ewmalog 160s
-j RATEEST --rateest-name l --rateest-interval x --rateest-ewmalog 160s
-j RATEEST --rateest-name m --rateest-interval 1s --rateest-ewmalog 1e
-j RATEEST --rateest-name n --rateest-interval "1 s" --rateest-ewmalog 4s
-j RATEEST --rateest-name o --rateest-interval 1S --rateest-ewmalog 4e3ms
-j RATEEST --rateest-name p --rateest-interval 1s --rateest-ewmalog 5000s
-j RATEEST --rateest-name q --rateest-interval inf --rateest-ewmalog 160s
-j RATEEST --rateest-name r --rateest-interval 0x1p20 --rateest-ewmalog 16e6
-j RATEEST --rateest-name s --rateest-interval " +.5s" --rateest-ewmalog 1.e1s
-j RATEEST --rateest-name t --rateest-interval 1us --rateest-ewmalog 2
-j RATEEST --rateest-name u --rateest-interval 1us --rateest-ewmalog 4294s
-j RATEEST --rateest-name wcdefghijklmnopq --rateest-interval 1s --rateest-ewmalog 4s
-j SET
-j SET --add-set
-j SET --add-set ipb-none
-j SET --add-set ipb-none -src
-j SET --add-set ipb-none src
-j SET ! --del-set ipb-none src
-j SET --add-set aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa src
-j SET --exist
-j SET --timeout x
-j SET --timeout 4294967295
-j SET --map-mark
-j TEE
-j TEE --oif eth0
-j TEE ! --gateway 1.1.1.1
-j TEE --gateway ""
-j TEE --gateway 1.1.1.1
-j TEE --gateway 1.1.1.1 --oif abcdefghijklmnopqrstuvw
-j TEE --gateway 1.1.1.1 --oif ""
-j TEE --gateway 1.2.3
-j TEE --gateway 010.1.1.1
-j TEE --gateway 0.0.0.0
-j TEE --gateway 1.1.1.1/24
-j TEE --gateway 2001:DB8::1 --oif lo
-j TEE --gateway ::
-j TEE --gateway ::ffff:1.1.1.1
-j TEE --gateway 1::2/64
`;

/** Where iptables-save prints what iptables-restore does not read. */
const READ_BACK: readonly TextCase[] = [
  ['-j IDLETIMER --timeout 42 --label "ipb a"', '-j IDLETIMER --timeout 42 --label "ipb a"'],
  ['-j TEE --gateway 1.1.1.1 --oif "a b"', '-j TEE --gateway 1.1.1.1 --oif "a b"'],
  [
    '-j RATEEST --rateest-name "x y" --rateest-interval 1s --rateest-ewmalog 4s',
    '-j RATEEST --rateest-name "x y" --rateest-interval 1.0s --rateest-ewmalog 4.0s',
  ],
  [
    '-j RATEEST --rateest-name i --rateest-interval 100 --rateest-ewmalog 160s',
    '-j RATEEST --rateest-name i --rateest-interval 4095us --rateest-ewmalog 4293918720us',
  ],
  [
    '-j RATEEST --rateest-name v --rateest-interval 4us --rateest-ewmalog 4294s',
    '-j RATEEST --rateest-name v --rateest-interval 7us --rateest-ewmalog 3758096384us',
  ],
].map(([rule, prints]) => ({ family: 'ipv4', table: 'filter', chain: 'INPUT', rule: rule!, prints: prints! }));

export const cases = [
  ...everywhere('both', PLACES),
  ...textCases('both', 'filter', 'FORWARD', REJECT),
  ...textCases('both', 'filter', 'INPUT', LOG),
  ...textCases('both', 'mangle', 'OUTPUT', MARKS),
  ...textCases('both', 'raw', 'PREROUTING', RAW),
  ...textCases('both', 'mangle', 'FORWARD', HEADER),
  ...textCases('ipv4', 'mangle', 'INPUT', HEADER4),
  ...textCases('ipv6', 'mangle', 'INPUT', HEADER6),
  ...textCases('both', 'filter', 'INPUT', OTHERS),
  // For IPv6 the resolver would be asked for it.
  ...textCases('ipv4', 'filter', 'INPUT', '-j TEE --gateway 256.1.1.1'),
  ...READ_BACK,
];
