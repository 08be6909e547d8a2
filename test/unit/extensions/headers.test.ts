// The matches on header fields as text. The right sides are what iptables-legacy 1.8.9 printed and listed.

import { describe, expect, it } from 'vitest';
import { smallTable } from '../../../src/ruleset/name-tables.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const services = 'ssh 22/tcp\nhttp 80/tcp\nhttp 80/sctp\ndomain 53/udp\n';
const names = namesFrom(services, 'tcp 6 TCP\nudp 17 UDP\ndccp 33 DCCP\nesp 50\nah 51\nipcomp 108\nsctp 132\n');
const INPUT: Place = { family: 'ipv4', table: 'filter', chain: 'INPUT', names };
const OUTPUT: Place = { ...INPUT, chain: 'OUTPUT' };
const INPUT6: Place = { ...INPUT, family: 'ipv6' };

/** Rule, what is printed, what is listed with -n, and without where that differs. */
type Row = readonly [rule: string, printed: string, numeric: string, named?: string];

function prints(place: Place, rows: readonly Row[]): void {
  it.each(rows)('%s', (rule, printed, numeric, named = numeric) => {
    expect(ruleText(rule!, place)).toEqual({ printed, numeric: ` ${numeric}`, named: ` ${named}` });
  });
}

function refuses(place: Place, rows: readonly (readonly [rule: string, complaint: string])[]): void {
  it.each(rows)('%s is refused', (rule, complaint) => {
    expect(complaints(rule, place)[0]).toBe(complaint);
  });
}

describe('multiport', () => {
  prints(INPUT, [
    [
      '-p tcp -m multiport --destination-ports ssh,80:90',
      '-p tcp -m multiport --dports 22,80:90',
      'multiport dports 22,80:90',
      'multiport dports ssh,http:90',
    ],
    [
      '-p udp -m multiport ! --ports 53',
      '-p udp -m multiport ! --ports 53',
      'multiport ports  !53',
      'multiport ports  !domain',
    ],
    [
      '-p tcp -m multiport --sports 0x50,010',
      '-p tcp -m multiport --sports 80,8',
      'multiport sports 80,8',
      'multiport sports http,8',
    ],
  ]);
  refuses(INPUT, [
    [
      '-m multiport --dports 1 -p tcp',
      "bad-value: multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'",
    ],
    ['! -p tcp -m multiport --dports 1', 'bad-value: multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP'],
    ['-p tcp -m multiport', 'missing-option: multiport expection an option'],
    ['-p tcp -m multiport --dports 5:5', 'bad-value: invalid portrange specified'],
    ['-p tcp -m multiport --dports 1:2:3', "bad-value: invalid port/service `2:3' specified"],
    ['-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16', 'bad-value: too many ports specified'],
    [
      '-p tcp -m multiport --dports 1 --dports 2',
      'repeated-option: multiport: option "--destination-ports" can only be used once.',
    ],
    [
      '-p tcp -m multiport --dports 1 --sports 2',
      'excluded-option: multiport: option "--source-ports" cannot be used together with "--destination-ports".',
    ],
  ]);
});

describe('iprange', () => {
  prints(INPUT, [
    [
      '-m iprange --src-range 10.1-10.2.3.4 ! --dst-range 1.1.1.1',
      '-m iprange --src-range 10.1.0.0-10.2.3.4 ! --dst-range 1.1.1.1-1.1.1.1',
      'source IP range 10.1.0.0-10.2.3.4 destination IP range ! 1.1.1.1-1.1.1.1',
    ],
  ]);
  prints(INPUT6, [['-m iprange --src-range ::1-::f', '-m iprange --src-range ::1-::f', 'source IP range ::1-::f']]);
  refuses(INPUT, [
    ['-m iprange', "missing-option: iprange match: You must specify `--src-range' or `--dst-range'"],
    ['-m iprange --src-range 1.1.1.1-x', 'bad-value: iprange: Bad value for "--src-range" option: "x"'],
    ['-m iprange --dst-range 1.1.1.1.1', 'bad-value: iprange: Bad value for "--dst-range" option: "1.1.1.1.1"'],
  ]);
});

describe('length and tcpmss', () => {
  prints(INPUT, [
    ['-m length --length 5:', '-m length --length 5:65535', 'length 5:65535'],
    ['-m length ! --length 7:7', '-m length ! --length 7', 'length !7'],
    ['-p tcp -m tcpmss ! --mss 5:9', '-p tcp -m tcpmss ! --mss 5:9', 'tcpmss match !5:9'],
  ]);
  refuses(INPUT, [
    ['-m length', 'missing-option: length: option "--length" must be specified'],
    ['-p tcp -m tcpmss --mss 9:5', 'bad-value: tcpmss: invalid range given'],
    ['-m tcpmss --mss 5', 'refused-rule: the match tcpmss needs `-p` to name its protocol'],
  ]);
});

describe('ttl', () => {
  prints(INPUT, [
    ['-m ttl ! --ttl 5', '-m ttl ! --ttl-eq 5', 'TTL match TTL != 5'],
    ['-m ttl --ttl-lt 5', '-m ttl --ttl-lt 5', 'TTL match TTL < 5'],
  ]);
  refuses(INPUT, [
    ['-m ttl', "missing-option: TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt"],
    ['-m ttl ! --ttl-gt 5', 'bad-negation: ttl: option "--ttl-gt" cannot be inverted.'],
    ['-m hl --hl-eq 5', "unknown-match: Couldn't load match `hl':No such file or directory"],
  ]);
});

describe('dscp, tos and ecn', () => {
  prints(INPUT, [
    ['-m dscp --dscp-class af43', '-m dscp --dscp 0x26', 'DSCP match 0x26'],
    ['-m tos ! --tos minimize-delay', '-m tos ! --tos 0x10/0x3f', 'tos match!0x10/0x3f', 'tos match! Minimize-Delay'],
    ['-m tos --tos 8', '-m tos --tos 0x08/0xff', 'tos match0x08/0xff'],
    [
      '-p tcp -m ecn --ecn-ip-ect 2 ! --ecn-tcp-cwr --ecn-tcp-ece',
      '-p tcp -m ecn --ecn-tcp-ece ! --ecn-tcp-cwr --ecn-ip-ect 2',
      'ECN match ECE !CWR ECT=2',
    ],
  ]);
  refuses(INPUT, [
    ['-m dscp', 'missing-option: DSCP match: Parameter --dscp is required'],
    ['-m dscp --dscp 64', 'bad-value: dscp: bad value for option "--dscp", or out of range (0-63).'],
    ['-m ecn', 'missing-option: ECN match: some option required'],
    ['-m ecn --ecn-tcp-cwr', 'refused-rule: the flags of TCP are only in packets of TCP: `-p tcp` is missing'],
  ]);
});

describe('IPsec', () => {
  prints(INPUT, [
    ['-p esp -m esp --espspi :', '-p esp -m esp', 'esp'],
    ['-p esp -m esp ! --espspi :', '-p esp -m esp ! --espspi 0:4294967295', 'esp spis:!0:4294967295'],
    ['-p ah -m ah', '-p ah -m ah', 'ah '],
    ['-p ah -m ah ! --ahspi 7', '-p ah -m ah ! --ahspi 7', 'ah spi:!7'],
    ['-p ipcomp -m ipcomp', '-p ipcomp -m ipcomp --ipcompspi 0', 'comp spi:0'],
    ['-p ipcomp -m ipcomp --ipcompspi 0: --compres', '-p ipcomp -m ipcomp --compres', 'comp  reserved'],
  ]);
  prints(INPUT6, [
    ['-m ah --ahlen 0', '-m ah', 'ah '],
    ['-m ah --ahres ! --ahlen 0 --ahspi 1', '-m ah --ahspi 1 ! --ahlen 0 --ahres', 'ah spi:1length:!0 reserved'],
  ]);
  refuses(INPUT, [['-m ah', 'refused-rule: the match ah needs `-p` to name its protocol']]);
});

describe('sctp', () => {
  prints(INPUT, [
    ['-p sctp --sport 80', '-p sctp -m sctp --sport 80', 'sctp spt:80', 'sctp spt:http'],
    ['-p sctp -m sctp --dport :', '-p sctp -m sctp --dport 0:65535', 'sctp'],
    [
      '-p sctp -m sctp --chunk-types ANY init,data:Ube',
      '-p sctp -m sctp --chunk-types any DATA:Ube,INIT',
      'sctp any 0x0000:Ube,0x0001',
      'sctp any DATA:Ube,INIT',
    ],
    ['-p sctp -m sctp ! --chunk-types only all', '-p sctp -m sctp ! --chunk-types only ALL', 'sctp ! only ALL'],
    ['-p sctp -m sctp --chunk-types all ,', '-p sctp -m sctp --chunk-types all NONE', 'sctp all NONE'],
    // The flags of chunks above 14 never reach the kernel.
    [
      '-p sctp -m sctp --chunk-types all I_DATA:U',
      '-p sctp -m sctp --chunk-types all I_DATA',
      'sctp all 0x0040',
      'sctp all I_DATA',
    ],
  ]);
  refuses(INPUT, [
    ['-p sctp -m sctp --sport 1 --sport 2', "repeated-option: Only one `--source-port' allowed"],
    ['-p sctp -m sctp --chunk-types all -j ACCEPT', 'missing-value: --chunk-types requires two args'],
    ['-p sctp -m sctp --chunk-types some DATA', 'bad-value: Match type has to be one of "ALL", "ANY" or "ONLY"'],
    ['-p sctp -m sctp --chunk-types all ALL,DATA', "bad-value: Unknown sctp chunk `ALL'"],
    ['-p sctp -m sctp --chunk-types all I_DATA:T', 'bad-value: Invalid flags for chunk type 15'],
  ]);
});

describe('dccp', () => {
  prints(INPUT, [
    [
      '-p dccp -m dccp --sport 9:5 ! --dport :',
      '-p dccp -m dccp --sport 9:5 ! --dport 0:65535',
      'dccp spts:9:5 dpts:!0:65535',
    ],
    [
      '-p dccp -m dccp ! --dccp-types invalid,REQUEST --dccp-option 7',
      '-p dccp -m dccp ! --dccp-types REQUEST,INVALID --dccp-option 7',
      'dccp ! 0,10,11,12,13,14,15 option=7',
      'dccp ! REQUEST,INVALID option=7',
    ],
  ]);
  refuses(INPUT, [
    ['-p dccp -m dccp --dccp-types NOPE', "bad-value: Unknown DCCP type `NOPE'"],
    ['-p dccp -m dccp --sport 1:2:3', 'bad-value: dccp: Too many components for option "--source-port" (max: 2)'],
  ]);
});

describe('mac', () => {
  prints(INPUT, [
    ['-m mac ! --mac-source FA:1::+4:5:6', '-m mac ! --mac-source fa:01:00:04:05:06', 'MAC ! fa:01:00:04:05:06'],
  ]);
  refuses(INPUT, [['-m mac --mac-source 1:2:3:4:5', 'bad-value: Invalid MAC address specified.']]);
  refuses(OUTPUT, [
    [
      '-m mac --mac-source 1:2:3:4:5:6',
      'refused-rule: the match mac can only be reached from PREROUTING, INPUT, FORWARD, and this one is from OUTPUT',
    ],
  ]);
});

describe('addrtype', () => {
  prints(INPUT, [
    [
      '-m addrtype ! --src-type local,U --dst-type ANYCAST --limit-iface-in',
      '-m addrtype ! --src-type UNSPEC,LOCAL --dst-type ANYCAST --limit-iface-in',
      'ADDRTYPE match src-type !UNSPEC,LOCAL dst-type ANYCAST limit-in',
    ],
  ]);
  refuses(INPUT, [
    ['-m addrtype --limit-iface-in', 'missing-option: addrtype: you must specify --src-type or --dst-type'],
    ['-m addrtype --src-type y,LOCAL', "bad-value: addrtype: bad type `y,LOCAL'"],
    ['-m addrtype --src-type LOCAL,y', 'bad-value: addrtype: bad type "y"'],
    [
      '-m addrtype --src-type LOCAL --limit-iface-out',
      'refused-rule: in INPUT a packet has no device that --limit-iface-out could mean',
    ],
  ]);
  refuses(INPUT6, [
    ['-m addrtype --src-type LOCAL,BROADCAST', 'refused-rule: IPv6 has no addresses of type BROADCAST'],
  ]);
});

describe('pkttype and realm', () => {
  const named: Place = { ...INPUT, names: { ...names, realms: smallTable('0 cosmos\n') } };
  prints(INPUT, [
    ['-m pkttype ! --pkt-type HOST', '-m pkttype ! --pkt-type unicast', 'PKTTYPE != unicast'],
    ['-m realm --realm 42', '-m realm --realm 0x2a', 'realm 0x2a'],
  ]);
  prints(named, [
    ['-m realm ! --realm cosmos', '-m realm ! --realm cosmos', '! realm 0x0', '! realm cosmos'],
    ['-m realm --realm 0/0xff', '-m realm --realm 0x0/0xff', 'realm 0x0/0xff'],
  ]);
  refuses(INPUT, [
    ['-m pkttype --pkt-type outgoing', "bad-value: Bad packet type 'outgoing'"],
    ['-m realm --realm x', 'bad-value: realm: bad integer value for option "--realm", or out of range.'],
  ]);
  refuses(named, [
    ['-m realm --realm x', 'bad-value: realm: could not map name x to an integer value for option "--realm".'],
  ]);
});

describe('icmp', () => {
  prints(INPUT, [
    // iptables-save leaves the end of the range out.
    ['-p icmp -m icmp --icmp-type 3/1:4', '-p icmp -m icmp --icmp-type 3/1:4', 'icmptype 3 codes 1-4'],
    [
      '-p icmp -m icmp --icmp-type 3/0:255',
      '-p icmp -m icmp --icmp-type 3',
      'icmptype 3',
      'icmp destination-unreachable',
    ],
  ]);
  refuses(INPUT, [
    ['-p icmp -m icmp --icmp-type 3:4', 'bad-value: ICMP type range not supported'],
    ['-p icmp -m icmp --icmp-type 3x', 'bad-value: unknown character x'],
    ['-p icmp -m icmp --icmp-type 3/', "bad-value: Unknown ICMP code `3/'"],
  ]);
});
