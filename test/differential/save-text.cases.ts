// Texts for the comparison with iptables-legacy, and the named list of where the two differ on purpose.

export interface FileCase {
  readonly text: string;
  readonly options?: readonly string[];
}

const rules = (chain: string, text: string) =>
  text
    .trim()
    .split('\n')
    .map((rule) => `-A ${chain} ${rule}`.trim());

/** One rule each, in a table that has a user chain `c` besides. */
export const RULES: readonly string[] = [
  ...rules(
    'INPUT',
    `
-s 10 -j ACCEPT
-s 10.1/16
-s 10.1
-s 10.0.0.1/255.0.255.0
-s 10.1.2.3/255.255.0.0
-s 10.1.2.3/0
-s 10.1.2.3/31
-s foo/0
! -s 0.0.0.0/0
! -s 0/0
! -s 10.0.0.0/8 ! -d 10.1.0.0/255.255.0.0
-s 0x0a.010.1.1
-s 256
-s 10.256
-s 1.2.256
-s 256.1
-s 1.2.3.256
-s 16909060/8
-s 4294967296
-s 0
-s 0.0.0.0
-s 1.2.3.4,
-s ,1.2.3.4
-s 1.2.3.4,,1.2.3.5
-s ""
-s 1.2.3.4,1.2.3.4
-s 1.2.3.4,5.6.7.8 -d 9.9.9.9,8.8.8.8 -j c
-s "1.2.3.4, 5.6.7.8"
! -s 1.2.3.4,5.6.7.8
-s 1.2.3.4/33
-s 1.2.3.4/
-s 1.2.3.4/255.255
-s 1.2.3.4/0x18
-s 1.2.3.4/255.255.255.256
-s 1.2.3.4/0.0.0.0
-s 1.2.3.4/08
-s 1.2.3.4/+8
-s 1.2.3.4/24.
-s 1.2.3.4/255.255.255.0.0
-s 1.2.3.4/1.2.3
-s 1.2.3.4/ffff
-s 1.2.3.4.5
-s 1.2.3.4.
-s 1.2.3.
-s 1..2
-s ::1
-s " 1.2.3.4"
-s "1.2.3.4 "
-s ! 1.2.3.4
-s 1.2.3.4 -s 1.2.3.4
--src 1.2.3.4 -s 2.2.2.2
-p all
-p 0
! -p all
! -p 0
! -p tcp
-p TCP
-p 6
-p 255
-p 256
-p 0x6
-p ""
-p esp
-p 143
-p icmpv6
-p mh
-p hopopt
-p ip
-p foo
-p tcp -p tcp
-i ""
-i +
! -i ""
-i eth+
! -i eth+
-i eth0123456789ab+
-i abcdefghijklmno
-i abcdefghijklmnop
-i a/b
-i +a
-i eth+0
-i ++
-i !
-i eth0 -i eth1
-o eth0
-o +
! -o eth0
-4 -j ACCEPT
-6 -j ACCEPT
-4 -4
--line-numbers -j ACCEPT
-n -j ACCEPT
-x -j ACCEPT
-t filter
-w
-z
-- -j ACCEPT
--
- -j ACCEPT
--jum ACCEPT
--s 1.2.3.4
--so 1.2.3.4
--source 1.2.3.4
--src 1.2.3.4
--sr 1.2.3.4
--dst 1.2.3.4
--dest 1.1.1.1
--de 1.1.1.1
--d 1.2.3.4
--in eth0
--in-i eth0
--i eth0
--out eth0
--pro tcp
--proto tcp
--protocol tcp
--p tcp
--m tcp
--mat comment --comment x
--goto c
--goto d
-g c
-g ACCEPT
-g FORWARD
-j c
-j FORWARD
-j INPUT
-j
-j nope
-j accept
-j ""
-j "a b"
-j ""ACCEPT
-j "ACCEPT"
-j AC"CEPT"
-j "AC"CEPT
-j ACCEPT -j DROP
-j ACCEPT -g c
-j ACCEPT extra
-j ACCEPT --foo
-j ACCEPT !
-j aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
! -j ACCEPT
! -m tcp -p tcp
! -A INPUT
-A INPUT
-A FORWARD
-D INPUT
-I INPUT
"-j" ACCEPT
"" -j ACCEPT
!
! !
! --
! ! -s 1.1.1.1
# x
-j ACCEPT # x
-m ""
-m nope
-m standard
-m TCP -p tcp
`,
  ),
  ...rules(
    'INPUT',
    `
-p tcp --dport 22
-p tcp -m tcp
-m tcp -p tcp
-m tcp
! -p tcp -m tcp
! -p tcp --dport 1
-p udp -m tcp
-p 6 --dport 5
-p 1 --icmp-type 8
-p ICMP --icmp-type 8
-p tcp --dport 0:65535
-p tcp --dport :
-p tcp --dport :80
-p tcp --dport 80:
-p tcp --dport 80:80
-p tcp --dport 90:80
-p tcp --dport 0x50
-p tcp --dport 010
-p tcp --dport +80
-p tcp --dport " 80"
-p tcp --dport "80 "
-p tcp --dport ssh
-p tcp --dport SSH
-p tcp --dport ftp-data:ssh
-p tcp --dport ssh:
-p tcp --dport :ssh
-p tcp --dport 22:ssh
-p tcp --dport ssh:ftp
-p tcp --dport www
-p tcp --dport tftp
-p udp --dport tftp
-p udp --dport domain
-p tcp --dport ""
-p tcp --dport 1:2:3
-p tcp --dport a:b:c
-p tcp --dport 80-90
-p tcp --dport 80,90
-p tcp --dport -80
-p tcp --dport 08
-p tcp --dport 0080
-p tcp --dport 0x
-p tcp --dport 1e3
-p tcp --dport 65535
-p tcp --dport 65536
-p tcp --dport=80
-p tcp --dport= 80
-p tcp --dport
-p tcp --dport 1 ! --sport
-p tcp --dport 22 --dport 23
-p tcp --dport 22 -m tcp --dport 23
-p tcp -m tcp --dport 22 -m tcp --sport 23
-p tcp -m tcp --dport 1 -m comment --comment x --sport 5
-p tcp --dport 1 -m comment --comment a -m tcp
-p tcp --sport 22 --dport 23 --syn
-p tcp --source-port 1 --destination-port 2
-p tcp --source-po 1
-p tcp --sp 1
-p tcp --source 1.2.3.4
-p tcp --destination 1.1.1.1
-p tcp --dest 1.1.1.1
-p tcp -m tcp --dest 1.1.1.1
-p tcp -m tcp --destination 4
-p tcp --destination-p 4
--destination-p 4 -p tcp
--dport 1 -p tcp
-p tcp -m tcp --dpo 5
-p tcp -m tcp -m tcp --dport 5
-p tcp -m tcp -m tcp --dpo 5
-p tcp -m tcp --s 5
-p tcp -mtcp --dport 1
-p tcp --syn
-p tcp --sy
-p tcp ! --syn
-p tcp --syn=1
-p tcp --syn --tcp-flags SYN SYN
-p tcp --syn --syn
-p tcp --tcp-flags SYN,ACK,FIN SYN
-p tcp --tcp-flags ALL NONE
-p tcp --tcp-flags NONE NONE
-p tcp ! --tcp-flags NONE NONE
-p tcp --tcp-flags SYN ACK
-p tcp --tcp-flags all syn,Fin
-p tcp --tcp-flags SYN,SYN SYN
-p tcp --tcp-flags SYN
-p tcp --tcp-flags SYN -j ACCEPT
-p tcp --tcp-flags SYN ! -j ACCEPT
-p tcp --tcp-flags SYN, SYN
-p tcp --tcp-flags ,SYN SYN
-p tcp --tcp-flags SYN ""
-p tcp --tcp-flags FOO SYN
-p tcp --tcp-flags ECE ECE
-p tcp --tcp-flags SYN,ALL NONE,SYN
-p tcp --tcp-flags "SYN ACK" SYN
-p tcp --tcp-flags=SYN,ACK SYN
-p tcp --tcp-flags SYN SYN ACK
-p tcp --tcp-f SYN SYN
-p tcp -m tcp --t SYN SYN
-p tcp -m tcp --tcp SYN SYN
-p tcp ! --sport 1 ! --dport 2:3
-p tcp ! ! --dport 1
-p tcp -m udp --dport 1
-p tcp -m tcp -m udp --sport 4
-p udp --dport 53
-p udp -m udp
-p udp --sport 1:2 ! --dport 3
-p udp --sport 1 --sport 2
-p udp --syn
-p icmp --dport 1
-p icmp
-p icmp -m icmp
-p icmp --icmp-type any
-p icmp ! --icmp-type any
-p icmp --icmp-type 8
-p icmp --icmp-type 8/0
-p icmp --icmp-type 3/4
-p icmp ! --icmp-type 8/0
-p icmp --icmp-type 255
-p icmp --icmp-type 255/3
-p icmp --icmp-type 256
-p icmp --icmp-type 3/256
-p icmp --icmp-type 3/
-p icmp --icmp-type /3
-p icmp --icmp-type 0x8/0x1
-p icmp --icmp-type ECHO-REQUEST
-p icmp --icmp-type echo
-p icmp --icmp-type echo-req
-p icmp --icmp-type host-un
-p icmp --icmp-type ""
-p icmp --icmp-type foo
-p icmp --icmp-type 8 --icmp-type 0
-p icmp --icmp-type "8 "
-p icmp --icmp-type 8/-1
-p icmp --icmp-type +8
-p icmp --icmp-type network-unreachable/1
-p icmp --icmp 8
-p icmp --ic 8
-p icmp --i 8
-p icmp -m icmp --i 8
-f
! -f
-fj ACCEPT
-c 5 6 -j ACCEPT
-v -j ACCEPT
-M x
-s localhost
-p tcp --tcp-option 3
-p sctp --dport 1
-m conntrack --ctstate NEW
-p tcp -m multiport --dports 1,2
-j LOG
-j REJECT
-m comment
-m comment --comment x
-m comment --comment ""
-m comment --comment "a b"
-m comment --comment a.b
-m comment --comment "a\\"b\\\\c'd"
-m comment --comment "\\x"
-m comment --comment a"b"c -j ACCEPT
-m comment --comment a"b c" -j ACCEPT
-m comment --comment 'a
-m comment --comment 'a b'
-m comment --comment -j -j ACCEPT
-m comment --comment ! -j ACCEPT
-m comment --comment x\\y
-m comment --comment "tab	x"
-m comment --comment ünï
-m comment --comment a --comment b
-m comment --comment a -m comment --comment b
-m comment ! --comment a
-m comment --comment="a b"
-m comment --comment=
-m comment --comm a
-m comment --c a
--comment x
-m comment -m tcp --comment x -p tcp
-m comment --comment x --
-p tcp -m comment --comment a -m comment --comment b --syn
-j ACCEPT -m comment --comment x
`,
  ),
  ...[254, 255, 256, 300].map((length) => `-A INPUT -m comment --comment ${'x'.repeat(length)}`),
  ...ICMP_NAMES().map((name) => `-A INPUT -p icmp --icmp-type ${name}`),
  ...[1023, 1024].map((length) => `-A INPUT -m comment --comment ${'x'.repeat(length)}`),
  ...[249, 250].map((count) => `-A INPUT${' -4'.repeat(count)}`),
  '-A OUTPUT -i eth0',
  '-A OUTPUT -o eth0',
  '-A FORWARD -o eth1 -i eth0',
  '-A c -o eth1 -i eth0 -j RETURN',
  '-A nope -j ACCEPT',
  '-A',
  '-A ""',
  '-N foo',
  '-P INPUT DROP',
  '-I INPUT -j ACCEPT',
  '-F INPUT',
  '-A INPUT#',
  '-AINPUT',
  '--append INPUT',
  '--append=INPUT',
  '--app INPUT -j ACCEPT',
  '-s 1.2.3.4 -A INPUT',
  '-A aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '! -A INPUT',
  '-4 -A INPUT',
  '-6 -A INPUT',
  ' \t-A INPUT',
  '   ',
  ' # x',
  ' [1:2] -A INPUT',
  '[1:2]',
  '[1:2]-A INPUT',
  '[1:2][3:4] -A INPUT',
  '[1] -A INPUT',
  '[] -A INPUT',
  '[:1] -A INPUT',
  '[1:2 -A INPUT',
  '[a:b] -A INPUT',
  '[1:] -A INPUT',
  '[1::2] -A INPUT',
  '[:1:2] -A INPUT',
  '[::] -A INPUT',
];

function ICMP_NAMES(): string[] {
  return (
    'any echo-reply pong destination-unreachable network-unreachable host-unreachable protocol-unreachable ' +
    'port-unreachable fragmentation-needed source-route-failed network-unknown host-unknown network-prohibited ' +
    'host-prohibited TOS-network-unreachable TOS-host-unreachable communication-prohibited host-precedence-violation ' +
    'precedence-cutoff source-quench redirect network-redirect host-redirect TOS-network-redirect TOS-host-redirect ' +
    'echo-request ping router-advertisement router-solicitation time-exceeded ttl-exceeded ttl-zero-during-transit ' +
    'ttl-zero-during-reassembly parameter-problem ip-header-bad required-option-missing timestamp-request ' +
    'timestamp-reply address-mask-request address-mask-reply'
  ).split(' ');
}

/** iptables reads the value attached to one of its own options as if the option's dash belonged to it; we read it. */
export const LENIENT_RULES: readonly string[] = rules(
  'INPUT',
  `
-jACCEPT
--jump=ACCEPT
-s1.2.3.4
--source=1.2.3.4
-ptcp --dport 80
--protocol=tcp --destination-port=22
-4jACCEPT
`,
);

/** Names of networks are not looked up; what only shows something has no place in a file. */
export const STRICT_RULES: readonly string[] = rules('INPUT', '\n-s loopback\n-h\n-V\n');

/**
 * What iptables-save leaves out though no packet fulfils it, we print; a device with a blank is quoted; an attached
 * device is read as in LENIENT_RULES; an unterminated quote does not take the line end with it.
 */
export const OTHER_PRINT: readonly (readonly [rule: string, printed: string])[] = [
  ['-A INPUT ! -i +', '-A INPUT ! -i +'],
  ['-A INPUT -i "a b"', '-i "a b"'],
  ['-A INPUT -p tcp ! --dport 0:65535', '-p tcp -m tcp ! --dport 0:65535'],
  ['-A INPUT -p tcp --tcp-flags "" SYN', '--tcp-flags NONE SYN'],
  ['-A INPUT -ieth0', '-i eth0'],
  ['-A INPUT -m comment --comment "open -j ACCEPT', '--comment "open -j ACCEPT"'],
  ['-A INPUT -m comment --comment "', '--comment ""'],
];

const filter = (body: string, ...options: string[]): FileCase => ({ text: `*filter\n${body}COMMIT\n`, options });

export const FILES: readonly FileCase[] = [
  filter('-6 -A INPUT -s ::1 -p ipv6-icmp -j ACCEPT\n  -6 -A INPUT -d fe80::1\n-4 -A INPUT -s 10.0.0.1 -j DROP\n'),
  filter(':b - [0:0]\n:a - [0:0]\n:C - [0:0]\n:A - [0:0]\n-A b -j a\n'),
  filter(':INPUT - [0:0]\n'),
  filter(':INPUT DROP [5:6]\n'),
  filter(':INPUT DROP [5:6]\n', '-c'),
  filter(':INPUT DROP\n'),
  filter(':INPUT\n'),
  filter(':INPUT DROP [5:x]\n', '-c'),
  filter(':INPUT DROP [0x5:06]\n', '-c'),
  filter(':a - [5:6]\n', '-c'),
  filter(':a -\n', '-c'),
  filter(':a DROP [0:0]\n'),
  filter(': a - [0:0]\n'),
  filter(':a\t-\t[0:0]\n'),
  filter(':ACCEPT - [0:0]\n'),
  filter(':RETURN - [0:0]\n'),
  filter(':QUEUE - [0:0]\n'),
  filter(':REJECT - [0:0]\n-A INPUT -j REJECT\n'),
  filter(':tcp - [0:0]\n-A INPUT -j tcp\n'),
  filter(':-x - [0:0]\n-A INPUT -j -x\n'),
  filter(':!x - [0:0]\n-A INPUT -j !x\n'),
  filter(':! - [0:0]\n-A INPUT -j !\n'),
  filter(':"q - [0:0]\n'),
  filter(':\n'),
  filter(`:${'a'.repeat(28)} - [0:0]\n-A INPUT -j ${'a'.repeat(28)}\n`),
  filter(`:${'a'.repeat(29)} - [0:0]\n`),
  filter(`:${'ü'.repeat(15)} - [0:0]\n`),
  filter(':INPUT queue\n'),
  filter(':INPUT accept\n'),
  filter(':INPUT QUEUE\n'),
  filter(':INPUT DROP\n:INPUT ACCEPT\n'),
  filter(':a - [0:0]\n:a - [0:0]\n'),
  filter('-A INPUT -j a\n:a - [0:0]\n'),
  filter('-A a -j ACCEPT\n:a - [0:0]\n'),
  filter('-A PREROUTING -j ACCEPT\n'),
  filter(':a - [0:0]\n-A a -j a\n'),
  filter(':a - [0:0]\n:b -\n-A a -j b\n-A b -j a\n'),
  filter(':a - [0:0]\n-A a -j a\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n-A a -g a\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n:b -\n-A a -j b\n-A b -j a\n-A FORWARD -s 1.1.1.1 -g b\n'),
  filter(':a - [0:0]\n-A a -j a\n-A INPUT -j ACCEPT\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n-A a -j a\n-A INPUT -s 1.2.3.4 -j ACCEPT\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n-A a -j RETURN\n-A a -j a\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n:b -\n-A INPUT -g b\n-A INPUT -j a\n-A a -j a\n'),
  filter(':a - [0:0]\n-A a -s 0/0 -p all -j ACCEPT\n-A a -j a\n-A INPUT -j a\n'),
  filter(':a - [0:0]\n-A a -m comment --comment x -j ACCEPT\n-A a -j a\n-A INPUT -j a\n'),
  filter(':a -\n:b -\n-A a -j b\n-A INPUT -j b\n-A INPUT -j a\n-A FORWARD -j a\n-A b -j RETURN\n'),
  filter('[1:2] -A INPUT\n', '-c'),
  filter('[1:2] -A INPUT\n'),
  filter('[18446744073709551615:1] -A INPUT\n', '-c'),
  filter('-A INPUT -s 1.2.3.4,1.2.3.5\n[7:8] -A INPUT -s 2.2.2.2,2.2.2.3\n', '-c'),
  filter('\n\n# x\n'),
  filter('*filter\n'),
  filter(' COMMIT\n'),
  filter('COMMIT \n'),
  filter('COMMITX\n'),
  filter('-A INPUT\r\n'),
  { text: '*filter\r\nCOMMIT\r\n' },
  { text: '*filter\n' },
  { text: 'COMMIT\n' },
  { text: '-A INPUT\n' },
  { text: '*filter \nCOMMIT\n' },
  { text: '* filter\nCOMMIT\n' },
  { text: '*\tfilter\nCOMMIT\n' },
  { text: '*\nCOMMIT\n' },
  { text: '*FILTER\nCOMMIT\n' },
  { text: '*nope\nCOMMIT\n' },
  { text: '*filter\n-A INPUT\nCOMMIT\n*filter\n-A FORWARD\nCOMMIT\n' },
  { text: '*nat\nCOMMIT\n*filter\n-A INPUT\nCOMMIT\n' },
  {
    text:
      '*mangle\n:PREROUTING ACCEPT [0:0]\n:x - [0:0]\nCOMMIT\n*raw\n:OUTPUT ACCEPT\nCOMMIT\n*filter\n' +
      ':INPUT DROP\n-A OUTPUT -o lo\nCOMMIT\n',
  },
  { text: '' },
  { text: '*filter\nCOMMIT' },
  { text: '*filter x\nCOMMIT\n' },
  filter(':INPUT DROP garbage\n'),
  filter(':INPUT DROP [5:6] extra\n', '-c'),
  filter(':INPUT DROP [5:6\n', '-c'),
  filter('[0x10:010] -A INPUT\n', '-c'),
  filter('[1:18446744073709551616] -A INPUT\n', '-c'),
  { text: '\n#x\n' },
  { text: '*filter\nÿ\nCOMMIT\n' },
  { text: '*filter\n-A INPUT -m comment --comment \0x\nCOMMIT\n' },
];

/** Restores one after the other, each with what is in force from the one before. */
export const SEQUENCES: readonly (readonly FileCase[])[] = [
  [
    filter(':INPUT DROP [7:8]\n:a - [0:0]\n[1:2] -A INPUT -j a\n[3:4] -A a -j RETURN\n', '-c'),
    filter(''),
    filter(':FORWARD DROP [3:3]\n', '-c'),
  ],
  [
    filter(':INPUT DROP [7:8]\n:a - [0:0]\n:b - [0:0]\n[1:2] -A INPUT -j a\n[3:4] -A a -j RETURN\n-A b\n', '-c'),
    filter('', '-n'),
  ],
  [
    filter(':a - [0:0]\n:b - [0:0]\n[1:2] -A INPUT -j a\n[3:4] -A a -j RETURN\n-A b\n', '-c'),
    filter('-A INPUT -j ACCEPT\n-A a -j DROP\n', '-n'),
    filter(':INPUT ACCEPT [9:9]\n', '-n'),
    filter(':INPUT - [9:9]\n', '-n', '-c'),
    filter(':INPUT ACCEPT [9:9]\n:a - [0:0]\n:new - [0:0]\n', '-n', '-c'),
    filter(':INPUT DROP [0:0]\n[4:4] -A INPUT -j new\n', '-n', '-c'),
    filter('[4:4] -A INPUT -s 1.1.1.1 -j new\n', '-n'),
    filter(':x - [0:0]\n-A x\n:x - [0:0]\n', '-n'),
  ],
];
