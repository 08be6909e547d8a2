// The matches of connections as text. The right sides are what iptables-legacy 1.8.9 printed and listed.

import { describe, expect, it } from 'vitest';
import { labelTable } from '../../../src/ruleset/name-tables.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const services = 'http 80/tcp\nhttps 443/tcp\nntp 123/udp\nexec 512/tcp\nbiff 512/udp\n';
const names = namesFrom(services, 'tcp 6 TCP\nudp 17 UDP\n');
const INPUT: Place = { family: 'ipv4', table: 'filter', chain: 'INPUT', names };
const INPUT6: Place = { ...INPUT, family: 'ipv6' };
const LABELLED: Place = { ...INPUT, names: { ...names, connectionLabels: labelTable('1 eth0-in\n2 two words\n') } };

/** Rule, what is printed, what is listed: behind `-m name` where they are the same. */
type Row = readonly [words: string, printed: string, numeric: string, named?: string];

function prints(match: string, place: Place, rows: readonly Row[]): void {
  it.each(rows)(`-m ${match} %s`, (words, printed, numeric, named = numeric) => {
    expect(ruleText(`-m ${match} ${words}`, place)).toEqual({
      printed: `-m ${match} ${printed}`,
      numeric: ` ${numeric}`,
      named: ` ${named}`,
    });
  });
}

function refuses(match: string, place: Place, rows: readonly (readonly [words: string, complaint: string])[]): void {
  it.each(rows)(`-m ${match} %s is refused`, (words, complaint) => {
    expect(complaints(`-m ${match} ${words}`, place)[0]).toBe(complaint);
  });
}

describe('state', () => {
  prints('state', INPUT, [
    ['--state ESTABLISHED,NEW', '--state NEW,ESTABLISHED', 'state NEW,ESTABLISHED'],
    ['! --state u,i', '! --state INVALID,UNTRACKED', '! state INVALID,UNTRACKED'],
  ]);
  refuses('state', INPUT, [
    ['--state DNAT', 'bad-value: Bad state "DNAT"'],
    ['--state NEW,x,y', 'bad-value: Bad state "x,y"'],
    ['--state NEW,', 'bad-value: "--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED'],
    ['', 'missing-option: state: option "--state" must be specified'],
  ]);

  it('is not the same as conntrack', () => {
    expect(ruleText('-m conntrack --ctstate NEW', INPUT).printed).toBe('-m conntrack --ctstate NEW');
  });
});

describe('conntrack', () => {
  prints('conntrack', INPUT, [
    ['--ctstate dnat,snat,new', '--ctstate NEW,SNAT,DNAT', 'ctstate NEW,SNAT,DNAT'],
    ['--ctproto TCP', '--ctproto 6', 'ctproto 6'],
    ['! --ctproto 0', '! --ctproto 0', '! ctproto 0'],
    ['--ctorigsrc 10.1.2.3/24', '--ctorigsrc 10.1.2.3/24', 'ctorigsrc 10.1.2.3/24'],
    ['--ctreplsrc 10.1', '--ctreplsrc 10.0.0.1', 'ctreplsrc 10.0.0.1'],
    ['--ctrepldst 1.2.3.4/255.0.255.0', '--ctrepldst 1.2.3.4', 'ctrepldst 1.2.3.4'],
    ['--ctorigdst 0.0.0.0/8', '--ctorigdst 0.0.0.0/8', 'ctorigdst 0.0.0.0/8', 'ctorigdst anywhere'],
    ['--ctorigsrcport http', '--ctorigsrcport 80', 'ctorigsrcport 80'],
    ['--ctorigsrcport exec:ntp', '--ctorigsrcport 512:123', 'ctorigsrcport 512:123'],
    ['--ctrepldstport 65616', '--ctrepldstport 80', 'ctrepldstport 80'],
    ['--ctrepldstport :', '--ctrepldstport 0:65535', 'ctrepldstport 0:65535'],
    ['--ctrepldstport 5:0', '--ctrepldstport 5', 'ctrepldstport 5'],
    ['--ctstatus NONE', '--ctstatus NONE', 'ctstatus NONE'],
    ['--ctstatus none,c', '--ctstatus CONFIRMED', 'ctstatus CONFIRMED'],
    ['--ctexpire :9', '--ctexpire 0:9', 'ctexpire 0:9'],
    [
      '--ctdir reply ! --ctexpire 5:3 ! --ctstate n,e',
      '! --ctstate NEW,ESTABLISHED ! --ctexpire 5:3 --ctdir REPLY',
      '! ctstate NEW,ESTABLISHED ! ctexpire 5:3 ctdir REPLY',
    ],
  ]);
  prints('conntrack', INPUT6, [
    ['--ctorigsrc fe80::1/64', '--ctorigsrc fe80::1/64', 'ctorigsrc fe80::1/64'],
    ['--ctorigdst ::/8', '--ctorigdst ::/8', 'ctorigdst ::/8', 'ctorigdst anywhere'],
  ]);
  refuses('conntrack', INPUT, [
    ['', 'missing-option: conntrack: At least one option is required'],
    ['--ctstate NEW,x,y', 'bad-value: Bad ctstate "x,y"'],
    ['--ctproto Tcp', 'bad-value: unknown protocol "Tcp" specified'],
    ['! --ctstatus NONE --ctproto 0', 'bad-value: conntrack: rule would never match protocol'],
    ['--ctdir any', 'bad-value: conntrack: Bad value for "--ctdir" option: "any"'],
    ['--ctorigsrc ::1', 'bad-value: getaddrinfo: Address family for hostname not supported'],
    ['--ctorigsrc nowhere', 'bad-value: getaddrinfo: Name or service not known'],
    [
      '--ctorigsrc 1.2.3.4/x',
      'bad-value: conntrack: bad value for option "--ctorigsrc", neither a valid network mask nor valid CIDR (0-32).',
    ],
    ['--ctorigsrcport 0x50', 'bad-value: Port "0x50" does not resolve to anything.'],
    ['--ctorigsrcport 1:2:3', 'bad-value: conntrack: Too many components for option "--ctorigsrcport" (max: 2)'],
  ]);
});

describe('mark, connmark', () => {
  prints('mark', INPUT, [['! --mark 16/0xF', '! --mark 0x10/0xf', 'mark match ! 0x10/0xf']]);
  prints('connmark', INPUT, [
    ['--mark 1', '--mark 0x1', 'connmark match  0x1'],
    ['! --mark 1', '! --mark 0x1', 'connmark match ! 0x1'],
  ]);
});

describe('connbytes', () => {
  const rest = '--connbytes-mode bytes --connbytes-dir both';
  const listed = 'connbytes mode bytes connbytes direction both';
  prints('connbytes', INPUT, [
    [`--connbytes 1:2 ${rest}`, `--connbytes 1:2 ${rest}`, `connbytes 1:2 ${listed}`],
    [`! --connbytes 1 ${rest}`, `! --connbytes 1 ${rest}`, `! connbytes 1 ${listed}`],
    // Swapped ends are how the kernel knows the negation: equal ones lose it.
    [`! --connbytes 5:5 ${rest}`, `--connbytes 5:5 ${rest}`, `connbytes 5:5 ${listed}`],
    [`--connbytes 0:0 ${rest}`, `--connbytes 0 ${rest}`, `connbytes 0 ${listed}`],
  ]);
  refuses('connbytes', INPUT, [
    [`--connbytes 2:1 ${rest}`, 'bad-value: 2 should be less than 1'],
    ['--connbytes 2:3 --connbytes-mode byte', "bad-value: Unknown --connbytes-mode `byte'"],
    ['--connbytes 2:3', 'missing-option: connbytes: option "--connbytes-dir" must be specified'],
  ]);
});

describe('connlabel', () => {
  prints('connlabel', LABELLED, [
    ['--label eth0-in', '--label "eth0-in"', 'connlabel 1', "connlabel 'eth0-in'"],
    ['! --label "two words" --set', '! --label "two words" --set', 'connlabel ! 2 set', "connlabel ! 'two words' set"],
    ['--label 65537', '--label "eth0-in"', 'connlabel 1', "connlabel 'eth0-in'"],
    ['--label 3', '--label "3"', 'connlabel 3'],
  ]);
  refuses('connlabel', INPUT, [
    ['--label eth0-in', "bad-value: label 'eth0-in' not found or invalid value"],
    ['--label 128', 'refused-rule: there are no labels above 127'],
    ['--label ""', 'bad-value: Argument must have a minimum length of 1 characters'],
  ]);
});

describe('connlimit', () => {
  prints('connlimit', INPUT, [
    ['! --connlimit-above 5', '--connlimit-upto 5 --connlimit-mask 32 --connlimit-saddr', '#conn src/32 <= 5'],
    [
      '--connlimit-daddr --connlimit-above 5 --connlimit-mask 255.255.0.0',
      '--connlimit-above 5 --connlimit-mask 16 --connlimit-daddr',
      '#conn dst/16 > 5',
    ],
  ]);
  prints('connlimit', INPUT6, [
    ['--connlimit-upto 5', '--connlimit-upto 5 --connlimit-mask 128 --connlimit-saddr', '#conn src/128 <= 5'],
  ]);
  refuses('connlimit', INPUT, [
    [
      '--connlimit-saddr --connlimit-daddr',
      'missing-option: You must specify "--connlimit-above" or "--connlimit-upto".',
    ],
    [
      '--connlimit-above 1 --connlimit-upto 1',
      'excluded-option: connlimit: option "--connlimit-upto" cannot be used together with "--connlimit-above".',
    ],
  ]);
});

describe('helper', () => {
  prints('helper', INPUT, [
    ['! --helper "a b"', '! --helper "a b"', 'helper match ! "a b"'],
    [`--helper ${'h'.repeat(40)}`, `--helper ${'h'.repeat(29)}`, `helper match "${'h'.repeat(29)}"`],
  ]);
});

describe('cluster', () => {
  const rest = '--cluster-total-nodes 2 --cluster-hash-seed 0xfeedcafe';
  prints('cluster', INPUT, [
    [
      `--cluster-local-node 2 ${rest}`,
      `--cluster-local-nodemask 0x00000002 ${rest}`,
      'cluster node_mask=0x00000002 total_nodes=2 hash_seed=0xfeedcafe',
    ],
    [
      `! --cluster-local-nodemask 3 ${rest}`,
      `! --cluster-local-nodemask 0x00000003 ${rest}`,
      'cluster !node_mask=0x00000003 total_nodes=2 hash_seed=0xfeedcafe',
    ],
  ]);
  refuses('cluster', INPUT, [
    ['', "missing-option: cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing"],
    [
      `--cluster-local-node 3 ${rest}`,
      "bad-value: cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'",
    ],
    [
      `--cluster-local-nodemask 4 ${rest}`,
      "bad-value: cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'",
    ],
  ]);
});
