import { expect, test } from 'vitest';
import { type ListOptions, listRules, listTable, type Selection } from '../../../src/ruleset/list.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';

// `test/differential/list-text.test.ts` holds every column against the real iptables; here is what needs no root.

const names = namesFrom('ssh 22/tcp\n', 'icmp 1\ntcp 6\n');

const { ruleset } = parseRuleset(
  `*filter
:INPUT DROP [12:3400]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
[123456:99999] -A INPUT -s 10.0.0.0/8 ! -i lo -p tcp -m tcp --dport 22 -j ACCEPT
[1:2] -A INPUT -p icmp -m icmp ! --icmp-type 8 -g web
COMMIT
`,
  { file: 'rules', names },
);

function list(selection: Selection, options: Partial<ListOptions>): string[] {
  const all = { family: 'ipv4' as const, numeric: false, verbose: false, exact: false, lineNumbers: false, ...options };
  return listTable(ruleset.tables[0]!, selection, all, names).split('\n');
}

test('-L shows names, -n numbers', () => {
  expect(list({ chain: 'INPUT' }, {})).toEqual([
    'Chain INPUT (policy DROP)',
    'target     prot opt source               destination         ',
    'ACCEPT     tcp  --  10.0.0.0/8           anywhere             tcp dpt:ssh',
    'web        icmp --  anywhere             anywhere            [goto]  icmp !echo-request',
    '',
  ]);
  expect(list({ chain: 'INPUT', rule: 1 }, { numeric: true })).toEqual([
    'ACCEPT     6    --  10.0.0.0/8           0.0.0.0/0            tcp dpt:22',
    '',
  ]);
});

test('-v shows counters and devices, -x in full', () => {
  expect(list({ chain: 'INPUT' }, { numeric: true, verbose: true, lineNumbers: true }).slice(0, 3)).toEqual([
    'Chain INPUT (policy DROP 12 packets, 3400 bytes)',
    'num   pkts bytes target     prot opt in     out     source               destination         ',
    '1     123K 99999 ACCEPT     6    --  !lo    *       10.0.0.0/8           0.0.0.0/0            tcp dpt:22',
  ]);
  expect(list({ chain: 'INPUT', rule: 1 }, { numeric: true, verbose: true, exact: true })[0]).toBe(
    '  123456    99999 ACCEPT     6    --  !lo    *       10.0.0.0/8           0.0.0.0/0            tcp dpt:22',
  );
  expect(list({ chain: 'web' }, {})[0]).toBe('Chain web (1 references)');
  expect(list({ chain: 'INPUT', rule: 3 }, {})).toEqual(['']);
});

test('-S prints commands, with -v the counters in front of the target', () => {
  expect(listRules(ruleset.tables[0]!, {}, { family: 'ipv4', verbose: false }, names).split('\n')).toEqual([
    '-P INPUT DROP',
    '-P FORWARD ACCEPT',
    '-P OUTPUT ACCEPT',
    '-N web',
    '-A INPUT -s 10.0.0.0/8 ! -i lo -p tcp -m tcp --dport 22 -j ACCEPT',
    '-A INPUT -p icmp -m icmp ! --icmp-type 8 -g web',
    '',
  ]);
  expect(
    listRules(ruleset.tables[0]!, { chain: 'INPUT' }, { family: 'ipv4', verbose: true }, names).split('\n'),
  ).toEqual([
    '-P INPUT DROP -c 12 3400',
    '-A INPUT -s 10.0.0.0/8 ! -i lo -p tcp -m tcp --dport 22 -c 123456 99999 -j ACCEPT',
    '-A INPUT -p icmp -m icmp ! --icmp-type 8 -c 1 2 -g web',
    '',
  ]);
});
