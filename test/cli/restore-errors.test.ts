// iptables-restore's answers to files and command lines that are wrong, and to some that are not: exit code and first
// line on the standard error are those of iptables-legacy-restore, asked at the same time.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestNamespace } from './namespace.ts';

let namespace: TestNamespace;
beforeAll(() => {
  namespace = new TestNamespace();
});
afterAll(() => namespace.remove());

const HEAD = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';
const filter = (body: string) => `${HEAD}${body}\nCOMMIT\n`;
const rule = (words: string) => filter(`-A INPUT ${words}`);

/** Options of the command, and what it reads. */
const CASES: readonly (readonly [name: string, input: string, words?: string])[] = [
  ['empty', ''],
  ['a comment only', '# x\n'],
  ['no COMMIT', HEAD],
  ['COMMIT outside a table', 'COMMIT\n'],
  ['text in front of the table', 'x\n*filter\nCOMMIT\n'],
  ['unknown table', '*foo\nCOMMIT\n'],
  ['a blank behind the star', '* filter\nCOMMIT\n'],
  ['more words behind the table', '*filter x\nCOMMIT\n'],
  ['a star alone', '*\nCOMMIT\n'],
  ['a table inside a table', '*filter\n*nat\nCOMMIT\n'],
  ['a blank behind COMMIT', '*filter\nCOMMIT \n'],
  ['no line end behind COMMIT', '*filter\nCOMMIT'],
  ['a line of blanks', '*filter\n  \nCOMMIT\n'],
  ['an empty line', '*filter\n\nCOMMIT\n'],
  ['blanks in front of a rule', filter('  -A INPUT -j ACCEPT')],
  ['carriage returns', '*filter\r\n-A INPUT -j ACCEPT\r\nCOMMIT\r\n'],
  ['no policy', '*filter\n:INPUT\nCOMMIT\n'],
  ['no chain', '*filter\n:\nCOMMIT\n'],
  ['bad policy', '*filter\n:INPUT FOO [0:0]\nCOMMIT\n'],
  ['policy REJECT', '*filter\n:INPUT REJECT [0:0]\nCOMMIT\n'],
  ['policy of a user chain', '*filter\n:foo ACCEPT [0:0]\nCOMMIT\n'],
  ['policy without counters, -c', '*filter\n:INPUT ACCEPT\nCOMMIT\n', '-c'],
  ['bad policy counters, -c', '*filter\n:INPUT ACCEPT [x:0]\nCOMMIT\n', '-c'],
  ['half policy counters, -c', '*filter\n:INPUT ACCEPT [1:2\nCOMMIT\n', '-c'],
  ['rule counters without ]', '*filter\n[0:0 -A INPUT -j ACCEPT\nCOMMIT\n'],
  ['rule counters without :', '*filter\n[0] -A INPUT -j ACCEPT\nCOMMIT\n'],
  ['rule counters of letters, -c', '*filter\n[a:b] -A INPUT -j ACCEPT\nCOMMIT\n', '-c'],
  ['a chain of 28 bytes', filter(`:${'a'.repeat(28)} - [0:0]`)],
  ['a chain of 29 bytes', filter(`:${'a'.repeat(29)} - [0:0]`)],
  ['a chain named like a target', filter(':LOG - [0:0]\n-A INPUT -j LOG')],
  ['options of a target that is a chain', filter(':LOG - [0:0]\n-A INPUT -j LOG --log-level 3')],
  ['a chain with a dash in front', filter(':-c - [0:0]')],
  ['a chain twice', filter(':c - [0:0]\n:c - [0:0]')],
  ['a chain named DROP', filter(':DROP - [0:0]')],
  ['unknown chain in -A', filter('-A nope -j ACCEPT')],
  ['unknown chain in -A, of 29 bytes', filter(`-A ${'a'.repeat(29)} -j ACCEPT`)],
  ['unknown target', rule('-j NOPE')],
  ['unknown chain in -g', rule('-g nope')],
  ['target of 29 bytes', rule(`-j ${'A'.repeat(29)}`)],
  ['empty target', rule('-j ""')],
  ['unknown match', rule('-m nope -j ACCEPT')],
  ['match of 29 bytes', rule(`-m ${'a'.repeat(29)}`)],
  ['unknown option', rule('--nope')],
  ['unknown option with a value', rule('--nope=3')],
  ['unknown letter', rule('-q')],
  ['ambiguous option', rule('--s 1.1.1.1')],
  ['option without argument', rule('-p tcp --dport')],
  ['argument to a flag', rule('-p tcp --syn=1')],
  ['bad port', rule('-p tcp --dport 70000')],
  ['bad port name', rule('-p tcp --dport nosvc')],
  ['ports the wrong way round', rule('-p tcp --dport 90:80')],
  ['--dport without -p', rule('--dport 80')],
  ['-m tcp without -p', rule('-m tcp')],
  ['bad address', rule('-s 1.2.3.400')],
  ['bad mask', rule('-s 1.2.3.4/33')],
  ['IPv6 address', rule('-s ::1')],
  ['bad protocol', rule('-p foo')],
  ['! all protocols', rule('! -p all')],
  ['long device', rule('-i thisinterfaceistoolong0')],
  ['empty device', rule('-i ""')],
  ['-o in INPUT', rule('-o eth0')],
  ['-i in OUTPUT', filter('-A OUTPUT -i eth0')],
  ['-t in a rule', rule('-t nat')],
  ['-w in a rule', rule('-w')],
  ['-n in a rule', rule('-n')],
  ['-L and -A', rule('-L')],
  ['! behind the option', rule('-s ! 1.2.3.4')],
  ['! twice', rule('! ! -s 1.2.3.4')],
  ['! at the end', rule('-j ACCEPT !')],
  ['! in front of -j', rule('! -j ACCEPT')],
  ['! in front of -m', rule('! -m tcp')],
  ['! in front of -A', filter('! -A INPUT')],
  ['! with several addresses', rule('! -s 1.1.1.1,2.2.2.2')],
  ['-s twice', rule('-s 1.1.1.1 -s 2.2.2.2')],
  ['-j twice', rule('-j ACCEPT -j DROP')],
  ['-j and -g', filter(':c - [0:0]\n-A INPUT -j ACCEPT -g c')],
  ['-A twice', rule('-A INPUT')],
  ['a loop', filter(':a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a')],
  ['a jump to a built-in chain', rule('-j FORWARD')],
  ['REJECT in nat', '*nat\n-A PREROUTING -j REJECT\nCOMMIT\n'],
  ['DROP in nat', '*nat\n-A PREROUTING -j DROP\nCOMMIT\n'],
  ['MASQUERADE in filter', rule('-j MASQUERADE')],
  ['MASQUERADE in PREROUTING', '*nat\n-A PREROUTING -j MASQUERADE\nCOMMIT\n'],
  [
    'MASQUERADE in a chain that PREROUTING reaches',
    '*nat\n:c - [0:0]\n-A c -j MASQUERADE\n-A PREROUTING -j c\nCOMMIT\n',
  ],
  ['tcp-reset without -p tcp', rule('-j REJECT --reject-with tcp-reset')],
  ['bad reject type', rule('-j REJECT --reject-with foo')],
  ['bad state', rule('-m conntrack --ctstate FOO')],
  ['bad limit', rule('-m limit --limit 1/foo')],
  ['16 ports', rule(`-p tcp -m multiport --dports ${Array.from({ length: 16 }, (_, i) => i + 1).join(',')}`)],
  ['multiport without -p', rule('-m multiport --dports 1')],
  ['a comment of 256 bytes', rule(`-m comment --comment ${'x'.repeat(256)}`)],
  ['a log prefix of 30 bytes', rule(`-j LOG --log-prefix ${'x'.repeat(30)}`)],
  ['unknown set', rule('-m set --match-set nope src')],
  ['a stray word', rule('foo')],
  ['words behind --', rule('-j ACCEPT -- x')],
  ['no command', filter('-s 1.1.1.1 -j ACCEPT')],
  ['-D of a rule that is not there', filter('-D INPUT -j ACCEPT')],
  ['-D with a bad number', filter('-D INPUT 1')],
  ['-D with number 0', filter('-D INPUT 0')],
  ['-I with a bad number', filter('-I INPUT 3 -j ACCEPT')],
  ['-R without a number', filter('-R INPUT -j ACCEPT')],
  ['-X of a chain with rules', filter(':c - [0:0]\n-A c -j ACCEPT\n-X c')],
  ['-X of a chain that is used', filter(':c - [0:0]\n-A INPUT -j c\n-X c')],
  ['-N of a chain that is there', filter(':c - [0:0]\n-N c')],
  ['-N of a target', filter('-N LOG')],
  ['-E without a name', filter(':c - [0:0]\n-E c')],
  ['-P of a user chain', filter(':c - [0:0]\n-P c DROP')],
  ['an open quote', rule('-m comment --comment "a b')],
  ['a mistake in the second table', `${filter('')}*nat\n-A nope -j ACCEPT\nCOMMIT\n`],
  ['-t with a mistake', filter('-A nope -j ACCEPT'), '-t'],
  ['-t without one', filter('-A INPUT -j ACCEPT'), '-t'],
  ['unknown option of the command', '', '--nope'],
  ['abbreviated option', '', '--noflu'],
  ['ambiguous option of the command', '', '--ver'],
  ['a file that is not there', '', '/nonexistent'],
  ['two files', '', 'a b'],
  ['-W without -w', '', '-W 5'],
  ['-w 5', '', '-w 5'],
  ['--wait=5', '', '--wait=5'],
  ['-w with letters', '', '-w x'],
  ['-T of another table', filter(''), '-T nat'],
];

test.each(CASES.map(([name, input, words = '']) => ({ name, input, words })))('$name', ({ input, words }) => {
  const environment = { BPFILTER_PLACEMENT: 'none' };
  const ours = namespace.run(`restore ${words}`.trim(), { input, environment });
  const theirs = namespace.exec('iptables-legacy-restore', words.split(' ').filter(Boolean), { input });
  expect({ code: ours.code, line: firstLine(ours.err) }).toEqual({ code: theirs.code, line: firstLine(theirs.err) });
});

/** What a command calls itself, and how it says that it is not legacy, differ by design; so does the note on placement none. */
function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  if (/^iptables-bpf-restore: placement none: /.test(line)) return '';
  return line.replace('(bpf)', '(legacy)').replace('iptables-bpf-restore', 'iptables-legacy-restore');
}
