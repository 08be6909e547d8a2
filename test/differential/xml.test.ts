// Files to iptables-xml and to us, with and without -c and -v: output, errors and exit code are the same, byte for byte.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processContext } from '../../src/cli/context.ts';
import { runCommand } from '../../src/cli/errors.ts';
import { xml } from '../../src/cli/iptables-xml.ts';

const OPTIONS = [[], ['-c'], ['-v'], ['-c', '-v']];

interface Answer {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** Bytes are shown as characters. */
function theirs(options: readonly string[], file: Buffer): Answer {
  const { stdout, stderr, status } = spawnSync('iptables-xml', options, { input: file, timeout: 10_000 });
  return { out: stdout.toString('latin1'), err: stderr.toString('latin1'), code: status };
}

function ours(options: readonly string[], file: Buffer): Answer {
  const said: Record<'out' | 'err', Buffer[]> = { out: [], err: [] };
  const code = runCommand('iptables-bpf-xml', xml, options, {
    ...processContext(),
    readInput: (_, encoding) => file.toString(encoding),
    print: (text, encoding) => said.out.push(Buffer.from(text, encoding)),
    printError: (text) => said.err.push(Buffer.from(text)),
  });
  return {
    out: Buffer.concat(said.out).toString('latin1'),
    err: Buffer.concat(said.err).toString('latin1'),
    code,
  };
}

function expectSame(file: Buffer): void {
  for (const options of OPTIONS) expect(ours(options, file), options.join(' ')).toEqual(theirs(options, file));
}

const RULESETS = join(import.meta.dirname, '../../rulesets');

describe('rulesets', () => {
  it.each(readdirSync(RULESETS).filter((name) => name.endsWith('.rules')))('%s', (name) => {
    expectSame(readFileSync(join(RULESETS, name)));
  });
});

/** The chains that rules below may name; one has a name that is too long. */
const HEAD = `*filter\n:INPUT ACCEPT [1:2]\n:user - [3:4]\n:${'c'.repeat(40)} - [5:6]\n:a<b DROP [7:8]\n`;

const RULES = `-A INPUT
-A INPUT ! -s 1 -d 2 -j ACCEPT
-A INPUT -p tcp -m tcp ! --dport 22 --tcp-flags SYN,ACK SYN -m state --state NEW
-A INPUT --dport ! 3 -m x ! -j X
-A INPUT ! ! -s 1 ! -m x
-A INPUT ! "-s" 1 ! -m x --y ! "-z" a
-A INPUT "-m" x "!" -s 1
-A INPUT word -s 1 ! word
-A INPUT -m
-A INPUT -m -j X
-A INPUT -m "x" --y "-z" -j
-A INPUT - -- --- x
-A INPUT --match tcp --jump=X
-A INPUT "--jump" X
-A INPUT -j user --x y z ! --v "w" -m tcp
-A INPUT --goto user -j a<b
-A INPUT -g other a "b c" -d
-A user -j ${'c'.repeat(40)}
-A ${'c'.repeat(40)} -j ${'c'.repeat(32)}
-A ${'c'.repeat(40)} -j user
-A nowhere -j X
-s 1 -j X -A INPUT
x y z -A user
[5:6] -A INPUT
[5:6]-A INPUT
[ 5: 6 ] -A INPUT
[1:] -A INPUT
[::1] -A INPUT -s [2:3]
[x:<"&>] -A INPUT
[1:2][3:4] -A INPUT
[1:2 -A INPUT
[1] -A INPUT
-A INPUT -m comment --comment "" --comment "a\\"b\\\\c\\d" --comment a\\b
-A INPUT -m comment --comment a"b" --comment "c"d --comment 'e f' -j "X"
-A INPUT -m comment --comment "<&>'" -m a<b --c>d
-A INPUT -m comment --comment "not closed -j X
-A INPUT --a"b c
-A INPUT "
-A INPUT -m comment --comment "\u00e9\u20ac\u007f\u0001\u001b" --\u00e9 -j X
-A INPUT -m comment --comment "a\0b"
\t-A\tINPUT\t-s\t1\r
:new DROP [18446744073709551616:-1]
:user - [9:9]\\n-A user -j X
:
: x
*
*nat x
* \t
COMMIT 
COMMIT
 # no comment
# a - b -- c --- d --> <!--
# \u00e9\u0001
-X
--append INPUT`.split('\n');

describe('lines', () => {
  it.each(RULES)('%j', (rule) => {
    const line = rule.replaceAll('\\n', '\n');
    expectSame(Buffer.from(`${HEAD}${line}\nCOMMIT\n`));
    expectSame(Buffer.from(`${HEAD}-A INPUT -s 1 -j X\n${line}\n-A user -s 1 -j DROP\nCOMMIT\n`));
    expectSame(Buffer.from(`${HEAD}${line}`));
  });
});

const FIRST = '-A INPUT -s 1 -j LOG';
const SECOND = [
  '[1:2] -A INPUT -s "1" --jump X',
  '-A INPUT -s 1 -d 2 -j X',
  '-A user -s 1 -j X',
  '-A INPUT -s 1',
  FIRST,
];

describe('rules in a row', () => {
  const before = ['ACCEPT', 'DROP', 'QUEUE', 'RETURN', 'REJECT', 'user', 'X --y'].map((name) => `-j ${name}`);
  it.each([...before, '--jump DROP', '-g user', '--goto user', '"-g" user -j X', '-j', '', '-j X -j DROP'])(
    '%s',
    (words) => {
      for (const next of SECOND) {
        expectSame(Buffer.from(`${HEAD}-A INPUT -s 1 ${words}\n${next}\n# x\n${next}\nCOMMIT\n`));
        expectSame(Buffer.from(`${HEAD}-A INPUT ${words}\n${next}\nCOMMIT\n${HEAD}${next}\n*nat\nCOMMIT\n`));
      }
    },
  );
});

it('bytes that are no UTF-8', () => {
  expectSame(Buffer.from(`# \xe9\xff\n${HEAD}-A INPUT -m \xe9 --\xff "\x80\xfe" -j X\nCOMMIT\n`, 'latin1'));
});

it.each([10_238, 10_239, 10_240, 20_480])('a line of %d bytes', (length) => {
  expectSame(Buffer.from(`#${'x'.repeat(length - 1)}\n${HEAD}COMMIT\n`));
});

it.each([1023, 1024])('a word of %d bytes', (length) => {
  expectSame(Buffer.from(`${HEAD}-A INPUT ${'x'.repeat(length)}\nCOMMIT\n`));
  expectSame(Buffer.from(`${HEAD}-A INPUT "${'\xe9'.repeat(length)}"\nCOMMIT\n`, 'latin1'));
});

it.each([254, 255])('%d words', (count) => {
  expectSame(Buffer.from(`${HEAD}-A INPUT${' x'.repeat(count - 2)}\nCOMMIT\n`));
});

it.each([10_240, 10_241])('%d chains', (count) => {
  const chains = Array.from({ length: count }, (_, i) => `:c${i} - [0:0]\n`);
  expectSame(Buffer.from(`*filter\n${chains.join('')}COMMIT\n`));
});

it('in one point we differ: a chain without counters', () => {
  const file = Buffer.from('*filter\n:a - [7:8]\n:b -\nCOMMIT\n');
  expect(theirs([], file).out).toContain('<chain name="b" packet-count="7" byte-count="8" />');
  expect(ours([], file).out).toContain('<chain name="b" packet-count="0" byte-count="0" />');
});
