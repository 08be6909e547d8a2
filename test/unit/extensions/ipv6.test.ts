// The matches on headers that only IPv6 has, as text. The right sides are what ip6tables-legacy 1.8.9 printed and listed.

import { describe, expect, it } from 'vitest';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const protocols = 'ipv6-route 43\nipv6-frag 44\nesp 50\nah 51\nipv6-icmp 58\nipv6-nonxt 59\nipv6-opts 60\n';
const names = namesFrom('', protocols);
const INPUT: Place = { family: 'ipv6', table: 'filter', chain: 'INPUT', names };
const OUTPUT: Place = { ...INPUT, chain: 'OUTPUT' };

/** Rule, what is printed, what is listed with -n, and without where that differs. */
type Row = readonly [rule: string, printed: string, numeric: string, named?: string];

function prints(rows: readonly Row[]): void {
  it.each(rows)('%s', (rule, printed, numeric, named = numeric) => {
    expect(ruleText(rule!, INPUT)).toEqual({ printed, numeric: ` ${numeric}`, named: ` ${named}` });
  });
}

function refuses(rows: readonly (readonly [rule: string, complaint: string])[]): void {
  it.each(rows)('%s is refused', (rule, complaint) => {
    expect(complaints(rule, INPUT)[0]).toBe(complaint);
  });
}

describe('icmp6', () => {
  prints([
    [
      '-p icmpv6 --icmpv6-type ping',
      '-p ipv6-icmp -m icmp6 --icmpv6-type 128',
      'ipv6-icmptype 128',
      'ipv6-icmp echo-request',
    ],
    [
      '-p 58 -m ipv6-icmp ! --icmpv6-type 1/0',
      '-p ipv6-icmp -m icmp6 ! --icmpv6-type 1/0',
      'ipv6-icmp !type 1 code 0',
      'ipv6-icmp !no-route',
    ],
    ['-p 58 -m icmpv6 --icmpv6-type 200', '-p ipv6-icmp -m icmp6 --icmpv6-type 200', 'ipv6-icmptype 200'],
  ]);
  refuses([
    [
      '-p icmpv6 --icmpv6-type neigh',
      "bad-value: Ambiguous ICMPv6 type `neigh': `neighbour-solicitation' or `neighbor-solicitation'?",
    ],
    ['-p icmpv6 --icmpv6-type any', "bad-value: Unknown ICMPv6 type `any'"],
    ['-m icmp6 --icmpv6-type 1', 'refused-rule: the match icmp6 needs `-p` to name its protocol'],
  ]);
});

describe('hl', () => {
  prints([['-m hl ! --hl 5', '-m hl ! --hl-eq 5', 'HL match HL != 5']]);
  refuses([['-m hl', "missing-option: HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'"]]);
});

describe('dst and hbh', () => {
  prints([
    ['-m dst ! --dst-len 0', '-m dst ! --dst-len 0', 'dst length:!0'],
    ['-m dst --dst-opts 1:2,0x103,5:255,-1', '-m dst --dst-opts 1:2,3,5,255', 'dst opts 1:2,3,5,255'],
    ['-m hbh --hbh-opts 7 --hbh-len 5', '-m hbh --hbh-len 5 --hbh-opts 7', 'hbh length:5 opts 7'],
  ]);
  refuses([
    ['-m dst --dst-opts 0:1', "bad-value: PAD0 hasn't got length"],
    ['-m hbh --hbh-opts 0:1', 'bad-value: PAD0 has not got length'],
    ['-m dst --dst-opts 1,x', "bad-value: dst: no valid digits in opt `x'"],
    ['-m hbh --hbh-opts 1:2x', "bad-value: hbh: error parsing length `2x'"],
    [
      '-m dst --dst-opts 18446744073709551616',
      "bad-value: opt `18446744073709551616' specified too big: would overflow",
    ],
  ]);
});

describe('frag', () => {
  prints([
    ['-m frag --fragid :', '-m frag', 'frag '],
    ['-m frag ! --fragid 5 --fraglen 7', '-m frag ! --fragid 5 --fraglen 7', 'frag id:!5 length:7'],
    [
      '-m frag --fraglast --fragres --fragfirst',
      '-m frag --fragres --fragfirst --fraglast',
      'frag  reserved first last',
    ],
  ]);
  refuses([
    [
      '-m frag --fraglast --fragmore',
      'excluded-option: frag: option "--fragmore" cannot be used together with "--fraglast".',
    ],
  ]);
});

describe('rt', () => {
  prints([
    ['-m rt ! --rt-type 4294967295 --rt-len 0', '-m rt ! --rt-type 4294967295 --rt-len 0', 'rt type:!-1 length:0'],
    [
      '-m rt --rt-type 0 --rt-0-addrs ::1,fe80:0::2 --rt-0-not-strict --rt-0-res --rt-segsleft 1:2',
      '-m rt --rt-type 0 --rt-segsleft 1:2 --rt-0-res --rt-0-addrs ::1,fe80::2 --rt-0-not-strict',
      'rt type:0 segslefts:1:2 reserved 0-addrs ::1,fe80::2 0-not-strict',
    ],
  ]);
  refuses([
    ['-m rt --rt-0-res --rt-type 0', "missing-option: `--rt-type 0' required before `--rt-0-res'"],
    ['-m rt ! --rt-type 0 --rt-0-addrs x', "missing-option: `--rt-type 0' required before `--rt-0-addrs'"],
    ['-m rt --rt-type 0 --rt-0-not-strict', "missing-option: `--rt-0-addr ...' required before `--rt-0-not-strict'"],
    ['-m rt --rt-type 0 --rt-0-addrs ::1,x', 'bad-value: bad address: x'],
  ]);
});

describe('mh', () => {
  prints([
    ['-p mh -m mh --mh-type :', '-p mobility-header -m mh', 'mh'],
    ['-p mh --mh-type hot:BU', '-p mobility-header -m mh --mh-type 3:5', 'mh 3:5', 'mh home-test:binding-update'],
    ['-p mh -m mh ! --mh-type care', '-p mobility-header -m mh ! --mh-type 2', 'mh !2', 'mh !careof-test-init'],
  ]);
  refuses([
    ['-p mh -m mh --mh-type 5:4', 'bad-value: Invalid MH type range (min > max)'],
    ['-p mh -m mh --mh-type x', "bad-value: Invalid MH type `x'"],
  ]);
});

describe('ipv6header', () => {
  prints([
    [
      '-m ipv6header ! --header prot,none,0 --soft',
      '-m ipv6header ! --header hop-by-hop,ipv6-nonxt,protocol --soft',
      'ipv6header flags:!0x83 soft',
      'ipv6header flags:!hop-by-hop,ipv6-nonxt,protocol soft',
    ],
  ]);
  refuses([
    ['-m ipv6header --header tcp', "bad-value: unknown header `6' specified"],
    ['-m ipv6header --header all', "bad-value: unknown header `all' specified"],
    ['-m ipv6header --header ,', 'bad-value: ip6t_ipv6header: cannot parse header names'],
    ['-m ipv6header --soft', 'missing-option: ipv6header: option "--header" must be specified'],
  ]);
});

describe('srh', () => {
  prints([
    ['-m srh', '-m srh', 'srh'],
    [
      '-m srh --srh-tag 7 --srh-hdr-len-gt 8 ! --srh-hdr-len-eq 4 --srh-next-hdr 1',
      '-m srh --srh-next-hdr 1 ! --srh-hdr-len-eq 4 --srh-hdr-len-gt 4 --srh-tag 7',
      'srh next-hdr:1 hdr-len-eq:!4 hdr-len-gt:4 tag:7',
    ],
    [
      '-m srh --srh-psid a::1/64 ! --srh-lsid c::',
      '-m srh --srh-psid a::1/64 ! --srh-lsid c::/128',
      'srh psid  a::1/64 lsid ! c::/128',
    ],
  ]);
  refuses([
    ['-m srh --srh-next-hdr 256', 'bad-value: srh: bad value for option "--srh-next-hdr", or out of range (0-255).'],
  ]);
});

describe('eui64', () => {
  it('is listed without a blank in front', () => {
    expect(ruleText('-m eui64', INPUT)).toEqual({ printed: '-m eui64', numeric: 'eui64 ', named: 'eui64 ' });
  });

  it('is refused where packets come from nowhere', () => {
    expect(complaints('-m eui64', OUTPUT)).toEqual([
      'refused-rule: the match eui64 can only be reached from PREROUTING, INPUT, FORWARD, and this one is from OUTPUT',
    ]);
  });
});
