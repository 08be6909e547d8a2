// The matches of sockets, devices, policies and sets as text. The right sides are what iptables-legacy 1.8.9 printed and
// listed.

import { describe, expect, it } from 'vitest';
import type { KernelNames } from '../../../src/base/names.ts';
import { accountTable, smallTable } from '../../../src/ruleset/name-tables.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const kernel: KernelNames = {
  set: (name) => (({ four: 'ipv4', six: 'ipv6', both: 'any' }) as const)[name],
  accounting: (name) => name === 'web',
  cgroup: (path) => path === '/user.slice',
  pinnedProgram: (path) => path === '/sys/fs/bpf/filter',
};

/** Nobody has asked the kernel, and the machine has no groups of devices. */
const unasked = namesFrom('ssh 22/tcp\n', 'tcp 6\nesp 50\nah 51\nipcomp 108\n');
const names = {
  ...unasked,
  users: accountTable('root:x:0:0::/root:/bin/sh\nmail:x:8:8::/:/bin/false\n'),
  groups: accountTable('root:x:0:\nmail:x:8:root\n'),
  deviceGroups: smallTable('0 default\n7 inside\n'),
  kernel,
};

const OUTPUT: Place = { family: 'ipv4', table: 'filter', chain: 'OUTPUT', names };
const INPUT: Place = { ...OUTPUT, chain: 'INPUT' };
const INPUT6: Place = { ...INPUT, family: 'ipv6' };
const FORWARD: Place = { ...OUTPUT, chain: 'FORWARD' };
const RAW: Place = { ...OUTPUT, table: 'raw', chain: 'PREROUTING' };
const UNASKED: Place = { ...INPUT, names: unasked };

type Row = readonly [words: string, printed: string, numeric: string, named?: string];

function prints(match: string, place: Place, rows: readonly Row[], gap = ' '): void {
  it.each(rows)(`-m ${match} %s`, (words, printed, numeric, named = numeric) => {
    expect(ruleText(`-m ${match} ${words}`, place)).toEqual({
      printed: `-m ${match} ${printed}`.trimEnd(),
      numeric: `${gap}${numeric}`,
      named: `${gap}${named}`,
    });
  });
}

function refuses(match: string, place: Place, rows: readonly (readonly [words: string, complaint: string])[]): void {
  it.each(rows)(`-m ${match} %s is refused`, (words, complaint) => {
    expect(complaints(`-m ${match} ${words}`, place)[0]).toBe(complaint);
  });
}

describe('owner', () => {
  prints('owner', OUTPUT, [
    ['--uid-owner mail', '--uid-owner 8', 'owner UID match 8', 'owner UID match mail'],
    ['--uid-owner 9', '--uid-owner 9', 'owner UID match 9'],
    ['! --gid-owner 0:0x10', '! --gid-owner 0-16', '! owner GID match 0-16'],
    [
      '--uid-owner 0 ! --gid-owner mail --suppl-groups ! --socket-exists',
      '! --socket-exists --uid-owner 0 ! --gid-owner 8 --suppl-groups',
      '! owner socket exists owner UID match 0 ! owner GID match 8 incl. suppl. groups',
      '! owner socket exists owner UID match root ! owner GID match mail incl. suppl. groups',
    ],
  ]);
  refuses('owner', OUTPUT, [
    ['', 'missing-option: owner: At least one of --uid-owner, --gid-owner or --socket-exists is required'],
    ['--uid-owner nobody', 'bad-value: owner: Bad value for "--uid-owner" option: "nobody"'],
    ['--gid-owner 4294967295', 'bad-value: owner: Bad value for "--gid-owner" option: "4294967295"'],
    [
      '--suppl-groups --gid-owner 8',
      'missing-option: owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"',
    ],
    ['--uid-owner 9-8', 'refused-rule: the range 9-8 is empty'],
  ]);
  refuses('owner', INPUT, [
    [
      '--socket-exists',
      'refused-rule: the match owner can only be reached from OUTPUT, POSTROUTING, and this one is from INPUT',
    ],
  ]);
});

describe('cgroup', () => {
  prints('cgroup', INPUT, [
    ['! --path /user.slice', '! --path "/user.slice"', 'cgroup ! /user.slice'],
    ['--cgroup 0x10', '--cgroup 16', 'cgroup 16'],
  ]);
  prints('cgroup', UNASKED, [['--path /nowhere', '--path "/nowhere"', 'cgroup /nowhere']]);
  refuses('cgroup', INPUT, [
    ['--path /nowhere', 'refused-rule: there is no cgroup /nowhere'],
    ['--path /user.slice --cgroup 1', 'refused-rule: cgroup takes --path or --cgroup, not both'],
    ['', 'refused-rule: cgroup needs --path or --cgroup'],
  ]);
});

describe('devgroup', () => {
  prints('devgroup', FORWARD, [
    ['--src-group inside', '--src-group inside', 'src-group 0x7', 'src-group inside'],
    ['! --dst-group 8 --src-group 7/0xf', '--src-group 0x7/0xf ! --dst-group 0x8', 'src-group 0x7/0xf ! dst-group 0x8'],
  ]);
  refuses('devgroup', FORWARD, [
    ['--src-group 7x', 'bad-value: devgroup: could not map name 7x to an integer value for option "--src-group".'],
    ['', "missing-option: devgroup match: You must specify either '--src-group' or '--dst-group'"],
  ]);
  refuses('devgroup', UNASKED, [
    ['--src-group inside', 'bad-value: devgroup: bad integer value for option "--src-group", or out of range.'],
    ['--src-group 7x', 'bad-value: devgroup: trailing garbage after value for option "--src-group".'],
    ['--dst-group 1', 'refused-rule: in INPUT a packet has no device that --dst-group could mean'],
  ]);
});

describe('physdev', () => {
  prints('physdev', FORWARD, [
    [
      '! --physdev-is-bridged --physdev-out eth+ --physdev-in lo ! --physdev-is-in',
      '! --physdev-is-in --physdev-in lo --physdev-out eth+ ! --physdev-is-bridged',
      'PHYSDEV match ! --physdev-is-in --physdev-in lo --physdev-out eth+ ! --physdev-is-bridged',
    ],
    // iptables prints both without quotes and could not read them again.
    ['--physdev-in ""', '--physdev-in ""', 'PHYSDEV match --physdev-in '],
    ['--physdev-in "a b"', '--physdev-in "a b"', 'PHYSDEV match --physdev-in a b'],
  ]);
  refuses('physdev', OUTPUT, [
    ['', 'missing-option: PHYSDEV: no physdev option specified'],
    [
      '--physdev-in abcdefghijklmnop',
      "bad-value: interface name `abcdefghijklmnop' must be shorter than IFNAMSIZ (15)",
    ],
    ['--physdev-out lo', 'refused-rule: in OUTPUT only bridged packets have a port to leave by'],
  ]);
});

describe('policy', () => {
  prints('policy', FORWARD, [
    ['--dir out', '--dir out --pol ipsec', 'policy match dir out pol ipsec'],
    ['--dir in --pol none --reqid 3', '--dir in --pol none', 'policy match dir in pol none'],
    [
      '--dir in --strict --mode tunnel --proto 50 --spi 16 --tunnel-src 10.0.0.1 --next ! --reqid 2',
      '--dir in --pol ipsec --strict --spi 0x10 --proto esp --mode tunnel --tunnel-src 10.0.0.1 --next ! --reqid 2',
      'policy match dir in pol ipsec strict [0] spi 0x10 proto 50 mode tunnel tunnel-src 10.0.0.1 [1] ! reqid 2',
      'policy match dir in pol ipsec strict [0] spi 0x10 proto esp mode tunnel tunnel-src 10.0.0.1 [1] ! reqid 2',
    ],
  ]);
  refuses('policy', INPUT, [
    ['', 'missing-option: policy match: neither --dir in nor --dir out specified'],
    ['--dir any', 'bad-value: policy_match: invalid dir "any"'],
    ['--dir in --reqid 1 --reqid 2', 'repeated-option: policy match: double --reqid option'],
    ['--dir in --next', 'missing-option: policy: option "--next" also requires "--strict".'],
    [
      '--dir in --strict',
      'missing-option: policy match: empty policy element 0. --strict is in effect, but at least one of ' +
        'reqid, spi, tunnel-src, tunnel-dst, proto or mode is required.',
    ],
    [
      '--dir in --tunnel-src 10.0.0.1',
      'excluded-option: policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode',
    ],
    ['--dir out', "refused-rule: in INPUT packets have no policy of `--dir out'"],
  ]);
});

describe('rpfilter, socket', () => {
  prints('rpfilter', RAW, [
    ['', '', 'rpfilter'],
    ['--invert --loose', '--loose --invert', 'rpfilter loose invert'],
  ]);
  prints('socket', RAW, [
    ['', '', 'socket'],
    ['--restore-skmark --transparent', '--transparent --restore-skmark', 'socket --transparent --restore-skmark'],
  ]);
});

describe('set', () => {
  prints('set', INPUT, [
    ['! --match-set four src,dst', '! --match-set four src,dst', '! match-set four src,dst'],
    ['--set both dst', '--match-set both dst', 'match-set both dst'],
    [
      '--bytes-gt 16 ! --packets-eq 3 ! --update-counters ! --update-subcounters --return-nomatch --match-set four src',
      '--match-set four src --return-nomatch ! --update-counters ! --update-subcounters ! --packets-eq 3 --bytes-gt 16',
      'match-set four src return-nomatch ! update-counters ! update-subcounters ! packets-eq 3 bytes-gt 16',
    ],
  ]);
  prints('set', UNASKED, [['--match-set nope src', '--match-set nope src', 'match-set nope src']]);
  refuses('set', INPUT, [
    ['', "missing-option: You must specify `--match-set' with proper arguments"],
    ['--match-set four', 'missing-value: --match-set requires two args.'],
    ['--match-set nope src', "bad-value: Set nope doesn't exist."],
    ['--match-set six src', 'bad-value: The protocol family of set six is IPv6, which is not applicable.'],
    ['--match-set four from', "bad-value: You must spefify (the comma separated list of) 'src' or 'dst'."],
    ['--match-set four src,src,src,src,src,src,src', "bad-value: Can't be more src/dst options than 6."],
    ['--match-set four src --set four dst', 'repeated-option: --match-set can be specified only once'],
    ['! --return-nomatch', 'bad-negation: --return-nomatch flag cannot be inverted'],
    ['! --bytes-lt 5', 'bad-negation: --bytes-lt option cannot be inverted'],
    ['--bytes-lt 5 --bytes-eq 5', 'repeated-option: only one of the --bytes-[eq|lt|gt] is allowed'],
    ['--bytes-lt many', 'bad-value: Cannot parse many as a counter value'],
  ]);
  refuses('set', INPUT6, [
    ['--match-set four src', 'bad-value: The protocol family of set four is IPv4, which is not applicable.'],
  ]);
});

describe('osf, cpu, nfacct', () => {
  it('osf', () => {
    expect(ruleText('-p tcp -m osf ! --genre Linux --log 0 --ttl 2', INPUT)).toEqual({
      printed: '-p tcp -m osf ! --genre Linux --ttl 2 --log 0',
      numeric: ' OS fingerprint match ! Linux',
      named: ' OS fingerprint match ! Linux',
    });
    expect(complaints('-m osf --genre Linux', INPUT6)[0]).toMatch(/^unknown-match: /);
  });
  prints('cpu', INPUT, [['! --cpu 3', '! --cpu 3', 'cpu ! 3']]);
  prints('nfacct', INPUT, [['--nfacct-name web', '--nfacct-name  web', 'nfacct-name  web']]);
  refuses('nfacct', INPUT, [
    ['--nfacct-name mail', 'refused-rule: there is no accounting object mail'],
    ['--nfacct-name ""', 'bad-value: Argument must have a minimum length of 1 characters'],
  ]);
});

describe('ipvs', () => {
  prints('ipvs', INPUT, [
    ['! --ipvs', '! --ipvs', '! ipvs'],
    ['--vport ssh ! --vproto tcp --ipvs', '! --vproto 6 --vport 22', '! vproto 6 vport 22'],
    ['--vaddr 1.2.3.4/255.255.255.0 --vdir reply', '--vaddr 1.2.3.4/24 --vdir REPLY', 'vaddr 1.2.3.4/24 vdir REPLY'],
    ['! --vmethod masq --vportctl 21', '! --vmethod MASQ --vportctl 21', '! vmethod MASQ vportctl 21'],
  ]);
  refuses('ipvs', INPUT, [
    ['', 'missing-option: IPVS: At least one option is required'],
    ['! --ipvs --vport 80', 'excluded-option: ! --ipvs cannot be together with other options'],
    ['--vmethod NAT', 'bad-value: ipvs: Bad value for "--vmethod" option: "NAT"'],
  ]);
});

describe('bpf', () => {
  prints(
    'bpf',
    INPUT,
    [
      ['--bytecode "1,6 0 0 -1,"', '--bytecode "1,6 0 0 4294967295"', 'match bpf 6 0 0 4294967295\0'],
      [
        '--object-pinned /sys/fs/bpf/filter',
        '--object-pinned /sys/fs/bpf/filter',
        'match bpf pinned /sys/fs/bpf/filter',
      ],
    ],
    '',
  );
  refuses('bpf', INPUT, [
    ['', 'missing-option: bpf: one of --bytecode or --pinned is required'],
    ['--object-pinned /nowhere', 'bad-value: bpf: failed to get bpf object'],
    ['--bytecode 1', 'bad-value: bpf: error parsing program length'],
    ['--bytecode "1,6 0 0"', 'bad-value: bpf: error at instr 0'],
    ['--bytecode "1,0 0 0 0"', 'refused-rule: the BPF program does not end in a return'],
    ['--bytecode "2,5 0 0 1,6 0 0 0"', 'refused-rule: instruction 0 of the BPF program jumps too far'],
    ['--bytecode "2,96 0 0 0,6 0 0 0"', 'refused-rule: the BPF program reads memory that it has not written'],
  ]);
});
