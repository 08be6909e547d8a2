// Rules with the matches of src/extensions/host: whether iptables-legacy takes each, it says itself.
//
// There are no sets, accounting objects and pinned programs where they are asked. IP Virtual Server is left out: few
// kernels have it.

import type { TextCase } from './text-case.ts';

const both = (rules: readonly string[], table: TextCase['table'] = 'filter', chain = 'INPUT'): TextCase[] =>
  rules.flatMap((rule) => (['ipv4', 'ipv6'] as const).map((family): TextCase => ({ family, table, chain, rule })));

const inChains = (chains: readonly string[], table: TextCase['table'], rules: readonly string[]): TextCase[] =>
  chains.flatMap((chain) => both(rules, table, chain));

const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

const owners = [
  ...both(
    [
      '-m owner --uid-owner root',
      '-m owner ! --uid-owner 5:9',
      '-m owner --gid-owner root --uid-owner 0-0x10',
      '-m owner --uid-owner 10-5',
      '-m owner --uid-owner 5-5',
      '-m owner --uid-owner 4294967294',
      '-m owner --uid-owner 4294967295',
      '-m owner --uid-owner 123456',
      '-m owner --uid-owner 1-',
      '-m owner --uid-owner -1',
      '-m owner --uid-owner 1-2-3',
      '-m owner --uid-owner ""',
      '-m owner --uid-owner " 5"',
      '-m owner --uid-owner "5 "',
      '-m owner --gid-owner no-such-group',
      '-m owner --gid-owner 1 --suppl-groups ! --socket-exists',
      '-m owner --suppl-groups --gid-owner 1',
      '-m owner --suppl-groups',
      '-m owner --gid-owner 1 ! --suppl-groups',
      '-m owner --uid-owner 1 --uid-owner 2',
      '-m owner',
    ],
    'filter',
    'OUTPUT',
  ),
  ...inChains(HOOKS, 'mangle', ['-m owner --socket-exists']),
];

const groups = [
  ...inChains(HOOKS, 'mangle', ['-m devgroup --src-group 1', '-m devgroup --dst-group 1']),
  ...both([
    '-m devgroup --src-group default',
    '-m devgroup ! --src-group 0x10/0xff',
    '-m devgroup --src-group 0/0',
    '-m devgroup --src-group no-such-group',
    '-m devgroup --src-group 1x',
    '-m devgroup --src-group 1/x',
    '-m devgroup --src-group 1/2x',
    '-m devgroup --src-group ""',
    '-m devgroup --src-group 4294967296',
    '-m devgroup',
    '-m cgroup --cgroup 1',
    '-m cgroup ! --cgroup 4294967295',
    '-m cgroup --cgroup 4294967296',
    '-m cgroup --path /',
    '-m cgroup ! --path ""',
    '-m cgroup --path / --cgroup 1',
    '-m cgroup --path /no-such-cgroup',
    '-m cgroup --cgroup x',
    '-m cgroup',
  ]),
  ...both(['-m devgroup ! --dst-group default --src-group 5'], 'filter', 'FORWARD'),
];

const ports = [
  ...inChains(HOOKS, 'mangle', [
    '-m physdev --physdev-in lo',
    '-m physdev --physdev-out lo',
    '-m physdev --physdev-is-out',
    '-m physdev ! --physdev-out lo --physdev-is-bridged',
    '-m physdev --physdev-out lo ! --physdev-is-bridged',
  ]),
  ...both(
    [
      '-m physdev ! --physdev-is-bridged ! --physdev-out eth+ ! --physdev-is-out --physdev-in + --physdev-is-in',
      '-m physdev --physdev-in abcdefghijklmno',
      '-m physdev --physdev-in abcdefghijklmnop',
      '-m physdev --physdev-in lo --physdev-in lo',
      '-m physdev',
    ],
    'filter',
    'FORWARD',
  ),
];

const policies = [
  ...inChains(HOOKS, 'mangle', ['-m policy --dir in', '-m policy --dir out --pol none']),
  ...both([
    '-m policy --dir in --pol ipsec --proto ipcomp',
    '-m policy --dir in --pol none --reqid 5',
    '-m policy --dir in --pol none --strict',
    '-m policy --dir in --pol none --reqid 1 --next',
    '-m policy --dir in --strict --reqid 1 --next ! --spi 0x10 --next --proto 51 --next --mode transport',
    '-m policy --dir in --strict --reqid 1 --next --reqid 1 --next --reqid 1 --next --reqid 1 --next --reqid 1',
    '-m policy --dir in --strict',
    '-m policy --dir in --strict --reqid 1 --next',
    '-m policy --dir in --reqid 1 --next --reqid 2',
    '-m policy --dir in --reqid 1 --reqid 2',
    '-m policy --dir in ! --mode tunnel ! --proto esp ! --reqid 4294967295',
    '-m policy --dir in --mode both',
    '-m policy --dir in --proto tcp',
    '-m policy --dir in --proto 300',
    '-m policy --dir forward',
    '-m policy --dir in --pol any',
    '-m policy --dir in --dir in',
    '-m policy ! --dir in',
    '-m policy --pol ipsec',
    '-m policy',
  ]),
  ...['10.0.0.0/8', '10.1.2.3/8', '10.1.2.3', '0.0.0.0/0', '::1', '2001:db8::5/32'].flatMap((address) =>
    both([
      `-m policy --dir in --mode tunnel --tunnel-src ${address} ! --tunnel-dst ${address}`,
      `-m policy --dir in ! --mode transport --tunnel-dst ${address}`,
      `-m policy --dir in --mode transport --tunnel-dst ${address}`,
      `-m policy --dir in --tunnel-src ${address}`,
    ]),
  ),
];

const sockets = [
  ...inChains(HOOKS, 'mangle', [
    '-m socket',
    '-m socket --restore-skmark --nowildcard --transparent',
    '-m rpfilter',
    '-m rpfilter --invert --accept-local --validmark --loose',
  ]),
  ...both(['-m rpfilter --loose', '-m socket --transparent'], 'raw', 'PREROUTING'),
  ...both(['-m rpfilter --loose', '-m socket --transparent'], 'nat', 'PREROUTING'),
  ...both(['-m socket ! --transparent', '-m socket --transparent --transparent', '-m rpfilter ! --invert']),
];

const systems = [
  ...inChains(HOOKS, 'mangle', ['-p tcp -m osf --genre Linux']),
  ...both([
    '-p tcp -m osf ! --genre Linux --log 2 --ttl 1',
    `-p tcp -m osf --genre ${'g'.repeat(40)}`,
    '-p tcp -m osf --genre Linux --ttl 3',
    '-p tcp -m osf --genre Linux --log 3',
    '-p tcp -m osf',
    '-p udp -m osf --genre Linux',
    '! -p tcp -m osf --genre Linux',
    '-m osf --genre Linux',
    '-m cpu --cpu 0',
    '-m cpu ! --cpu 4294967295',
    '-m cpu --cpu 4294967296',
    '-m cpu',
    '-m nfacct --nfacct-name ""',
    '-m nfacct',
    '-m nfacct --nfacct-name none',
    '-m set --match-set',
    '-m set --match-set name',
    '-m set --match-set name src',
    '-m set ! --set name nowhere',
    '-m set --match-set "two words" dst,src',
    '-m set --match-set name ! -i lo',
    '-m set --return-nomatch',
    '-m set ! --return-nomatch',
    '-m set --packets-eq 1 --packets-gt 2',
    '-m set ! --bytes-lt 1',
    '-m set ! --packets-gt 1',
    '-m set --packets-lt x',
    `-m set --match-set ${'s'.repeat(32)} src`,
    '-m set',
  ]),
];

const programs = both(
  [
    '1,6 0 0 0',
    '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0',
    '1,6 0 0 0,',
    '1,6 0 0 -1',
    '1,6\t0 0 0',
    '1,6 0 0 0 and more',
    '65537,6 0 0 0',
    '1, 65542 256 -256 0',
    ' 1,6 0 0 0',
    '1',
    '1 ,6 0 0 0',
    'x,6 0 0 0',
    '',
    '0,6 0 0 0',
    '65,6 0 0 0',
    '2,6 0 0 0',
    '1,6 0 0 0,6 0 0 0',
    '1,,6 0 0 0',
    '1,6 0 0',
    '1,6,0,0,0',
    '1,0x6 0 0 0',
    // What the kernel refuses of well-formed programs: codes, jumps, shifts, divisions, memory, and the end.
    '1,0 0 0 0',
    '1,14 0 0 0',
    '1,22 0 0 0',
    '2,5 0 0 0,6 0 0 0',
    '2,5 0 0 1,6 0 0 0',
    '3,21 0 1 5,6 0 0 0,6 0 0 0',
    '3,21 0 2 5,6 0 0 0,6 0 0 0',
    '2,100 0 0 31,6 0 0 0',
    '2,100 0 0 32,6 0 0 0',
    '2,52 0 0 0,6 0 0 0',
    '2,52 0 0 1,6 0 0 0',
    '2,148 0 0 0,6 0 0 0',
    '2,164 0 0 0,6 0 0 0',
    '2,96 0 0 0,6 0 0 0',
    '3,2 0 0 3,96 0 0 3,6 0 0 0',
    '3,2 0 0 3,97 0 0 4,6 0 0 0',
    '2,2 0 0 16,6 0 0 0',
    '5,21 1 0 5,2 0 0 3,96 0 0 3,6 0 0 0,6 0 0 0',
    '2,32 0 0 4294963200,6 0 0 0',
    '2,32 0 0 4294963201,6 0 0 0',
    '2,40 0 0 4294963236,6 0 0 0',
    '2,48 0 0 4294963260,6 0 0 0',
    '2,32 0 0 4294963264,6 0 0 0',
    '2,64 0 0 4294963264,6 0 0 0',
    '2,128 0 0 0,6 0 0 0',
    '2,177 0 0 0,6 0 0 0',
  ].map((program) => `-m bpf --bytecode "${program}"`),
);

const twoPrograms = both([
  '-m bpf',
  '-m bpf --object-pinned /nowhere',
  '-m bpf ! --bytecode "1,6 0 0 0"',
  '-m bpf --bytecode "1,6 0 0 0" --bytecode x',
]);

/** Texts that iptables prints bare, so that it could not read them again. */
const quoted = (['ipv4', 'ipv6'] as const).flatMap((family): TextCase[] => {
  const place = { family, table: 'filter', chain: 'FORWARD' } as const;
  return ['-m physdev --physdev-in ""', '-m physdev ! --physdev-in "b+" --physdev-out "a b"'].map((rule) => ({
    ...{ ...place, rule },
    prints: rule.replace('"b+"', 'b+'),
  }));
});

export const cases: readonly TextCase[] = [
  ...owners,
  ...groups,
  ...ports,
  ...policies,
  ...sockets,
  ...systems,
  ...programs,
  ...twoPrograms,
  ...quoted,
];
