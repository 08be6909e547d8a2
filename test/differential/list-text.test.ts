// The text of -L and -S, byte for byte the kernel's own iptables-legacy's.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { listRules, listTable, type Selection } from '../../src/ruleset/list.ts';
import { systemNames } from '../../src/ruleset/names.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const RULESETS: Readonly<Record<string, string>> = {
  'columns, counters and their abbreviations': `*filter
:INPUT ACCEPT [99999:100000]
:FORWARD DROP [12345678:123456789012]
:OUTPUT ACCEPT [0:0]
:chain-a - [0:0]
:unused - [0:0]
:Zwei - [0:0]
:averyveryverylongchainname01 - [0:0]
[0:0] -A INPUT
[99999:99999] -A INPUT -s 10.0.0.0/8 -d 192.168.1.1 -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT
[100000:9999999] -A INPUT ! -s 10.0.0.0/255.0.255.0 ! -d 192.168.1.0/24 ! -i eth+ ! -p tcp -j DROP
[9999499:9999500] -A INPUT -p tcp -j chain-a
[9999500999:9999499999] -A INPUT -p tcp -j chain-a
[10000000000:99999999999999] -A INPUT -p tcp -g chain-a
[1:18446744073709551000] -A INPUT -p udp -j averyveryverylongchainname01
[100499:100500] -A FORWARD -i eth1 ! -o averylongdevice -s 123.123.123.123/255.255.128.128 -d 123.123.123.0/24
-A FORWARD ! -s 123.123.123.123/255.255.128.128 ! -d 123.123.123.0/24 -j RETURN
-A FORWARD -d 64.0.0.0/2 -o d
-A FORWARD ! -s 0.0.0.0/0 -j Zwei
-A chain-a -g Zwei
-A chain-a -p 253
-A chain-a ! -p 253
-A chain-a -p ipencap
-A chain-a -p 47 -j ACCEPT
COMMIT
`,
  'the matches': `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:u - [0:0]
-A INPUT -p tcp -m tcp --sport 1:1023 ! --dport 80:90 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT
-A INPUT -p tcp -m tcp ! --tcp-flags ALL NONE -g u
-A INPUT -p tcp -m tcp --tcp-flags NONE NONE
-A INPUT -p tcp -m tcp ! --tcp-flags NONE NONE
-A INPUT -p tcp -m tcp --tcp-flags FIN,URG FIN
-A INPUT -p tcp -m tcp ! --syn
-A INPUT -p tcp -m tcp
-A INPUT -p tcp -m tcp --dport 0:65535
-A INPUT -p tcp -m tcp --dport 0
-A INPUT -p tcp -m tcp --sport 514:515 --dport 22:80
-A INPUT -p tcp -m tcp --sport 65535 ! --dport 22
-A INPUT -p udp -m udp ! --sport 53 ! --dport 1000:65535
-A INPUT -p udp -m udp --dport 514 -m comment --comment "a b"
-A INPUT -p udp -m udp
-A INPUT -p icmp -m icmp --icmp-type any
-A INPUT -p icmp -m icmp ! --icmp-type any
-A INPUT -p icmp -m icmp --icmp-type 255/0
-A INPUT -p icmp -m icmp --icmp-type echo-request -m comment --comment "" -m comment --comment "q\\"uo\\\\te"
-A u -m comment --comment " x " -p tcp -m tcp --dport 80 -m comment --comment y
COMMIT
`,
  'every ICMP type and code with a name, and their neighbours': icmpRules(),
  'every protocol': `*filter\n${range(1, 255, (n) => `-A INPUT -p ${n}\n`)}COMMIT\n`,
  'every service': `*filter\n${range(0, 1100, (n) => `-A INPUT -p tcp -m tcp --dport ${n}\n-A INPUT -p udp -m udp --sport ${n}\n`)}COMMIT\n`,
  'an empty table': '*filter\nCOMMIT\n',
};

const SELECTIONS: readonly Selection[] = [
  {},
  { chain: 'INPUT' },
  { chain: 'INPUT', rule: 2 },
  { chain: 'INPUT', rule: 99_999 },
];

const LISTS: readonly (readonly string[])[] = [
  [],
  ['-n'],
  ['-v'],
  ['-n', '-v'],
  ['-n', '-x'],
  ['-n', '-v', '-x'],
  ['-n', '--line-numbers'],
  ['-n', '-v', '-x', '--line-numbers'],
];

for (const [about, text] of Object.entries(RULESETS)) {
  test(about, () => {
    const { ruleset, diagnostics } = parseRuleset(text, { file: 'rules' });
    expect(diagnostics).toEqual([]);
    const table = ruleset.tables[0]!;
    const asked: { command: readonly string[]; ours: string }[] = [];
    for (const selection of SELECTIONS) {
      const words = [selection.chain, selection.rule].filter((word) => word !== undefined).map(String);
      for (const flags of LISTS) {
        const has = (flag: string) => flags.includes(flag);
        const options = {
          family: 'ipv4' as const,
          numeric: has('-n'),
          verbose: has('-v'),
          exact: has('-x'),
          lineNumbers: has('--line-numbers'),
        };
        asked.push({ command: ['-L', ...words, ...flags], ours: listTable(table, selection, options, systemNames()) });
      }
      for (const verbose of [false, true]) {
        const command = ['-S', ...words, ...(verbose ? ['-v'] : [])];
        asked.push({ command, ours: listRules(table, selection, { family: 'ipv4', verbose }, systemNames()) });
      }
    }
    const theirs = askLegacy(
      text,
      asked.map(({ command }) => command),
    );
    for (const [i, { command, ours }] of asked.entries()) expect(ours, command.join(' ')).toBe(theirs[i]);
  });
}

const SEPARATOR = '=====\n';

/** Restores the text with its counters in a network namespace that ends with the call; what each command prints. */
function askLegacy(rules: string, commands: readonly (readonly string[])[]): string[] {
  const script = [
    'iptables-legacy-restore -c || exit 1',
    ...commands.map((command) => `iptables-legacy ${command.join(' ')}; echo =====`),
  ].join('\n');
  // Without -n iptables would resolve names of hosts; in a namespace without devices there is nobody to ask.
  const output = execFileSync('unshare', ['-n', 'sh', '-c', script], {
    input: rules,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return output.split(SEPARATOR).slice(0, -1);
}

function icmpRules(): string {
  const types = range(0, 20, (type) => `-A INPUT -p icmp -m icmp --icmp-type ${type}\n`);
  const pairs = range(0, 20, (type) =>
    range(0, 16, (code) => `-A INPUT -p icmp -m icmp --icmp-type ${type}/${code}\n`),
  );
  return `*filter\n${types}${pairs}${(types + pairs).replaceAll('--icmp-type', '! --icmp-type')}COMMIT\n`;
}

function range(from: number, to: number, make: (n: number) => string): string {
  return Array.from({ length: to - from + 1 }, (_, i) => make(from + i)).join('');
}
