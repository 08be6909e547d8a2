import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../../src/base/diagnostic.ts';
import { spanOf } from '../../../src/ruleset/model.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { type ParseOptions, parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';

const names = namesFrom('ssh 22/tcp secure # shell\ndns 53/udp\nssh 23/tcp\n', 'ip 0 IP\ntcp 6 TCP\nudp 17\nicmp 1\n');

function parse(text: string, options: Partial<ParseOptions> = {}) {
  return parseRuleset(text, { file: 'test', names, ...options });
}

/** `line:column+length code`, one for each finding. */
function findings(text: string): string[] {
  return parse(text).diagnostics.map(brief);
}

function brief({ code, span }: Diagnostic): string {
  return `${span.line}:${span.column}+${span.length} ${code}`;
}

function saved(text: string, options: Partial<ParseOptions> = {}): string[] {
  const { ruleset, diagnostics } = parse(text, options);
  expect(diagnostics.map(brief)).toEqual([]);
  return printRuleset(ruleset, { counters: true, names }).split('\n').slice(0, -1);
}

const table = (body: string) => `*filter\n:c - [0:0]\n${body}\nCOMMIT\n`;

describe('findings in a rule', () => {
  test.each([
    ['-A INPUT -s 1.2.3.400', '3:13+9 bad-value'],
    ['-A INPUT -s host.example', '3:13+12 bad-value'],
    ['-A INPUT -s "1.2.3.4/40" -j ACCEPT', '3:13+12 bad-value'],
    ['-A INPUT -p foo', '3:13+3 bad-value'],
    ['-A INPUT ! -p all', '3:15+3 bad-value'],
    ['-A INPUT -i abcdefghijklmnop', '3:13+16 bad-value'],
    ['-A INPUT -i üüüüüüüü', '3:13+8 bad-value'],
    ['-A INPUT -p tcp --dport=99999', '3:17+13 bad-value'],
    ['-A INPUT -p tcp --dport dns', '3:25+3 bad-value'],
    ['-A INPUT -p tcp --tcp-flags SYN,X,Y ACK', '3:29+7 bad-value'],
    ['-A INPUT -p icmp --icmp-type echo', '3:30+4 bad-value'],
    ['-A INPUT -p tcp --dport', '3:17+7 missing-value'],
    ['-A INPUT -m comment', '3:13+7 missing-option'],
    ['-A INPUT -m tcp', '3:1+15 refused-rule'],
    ['-A INPUT ! -p tcp --syn', '3:1+23 refused-rule'],
    ['-A INPUT --nope', '3:10+6 unknown-option'],
    ['-A INPUT -m nope --what ever', '3:13+4 unknown-match'],
    ['-A INPUT -L', '3:10+2 syntax'],
    ['-A INPUT -n', '3:10+2 syntax'],
    ['-L', '3:1+2 syntax'],
    ['-D INPUT', '3:4+5 unknown-rule'],
    ['-D INPUT 1', '3:4+5 unknown-rule'],
    ['-I INPUT 2', '3:4+5 unknown-rule'],
    ['-I INPUT x', '3:10+1 bad-value'],
    ['-N c', '3:4+1 chain-in-use'],
    ['-N ACCEPT', '3:4+6 bad-chain'],
    ['-X nope', '3:4+4 unknown-chain'],
    ['-X INPUT', '3:4+5 chain-in-use'],
    ['-E c INPUT', '3:6+5 chain-in-use'],
    ['-P INPUT REJECT', '3:10+6 unknown-rule'],
    ['-A INPUT -j nope', '3:13+4 unknown-target'],
    ['-A INPUT -g nope', '3:13+4 unknown-target'],
    ['-A INPUT -j FORWARD', '3:13+7 refused-rule'],
    ['-A nope -j ACCEPT', '3:4+4 unknown-chain'],
    ['-A INPUT -o eth0', '3:10+2 wrong-chain'],
    ['-A OUTPUT ! -i eth0', '3:13+2 wrong-chain'],
    ['-A INPUT -s 1.1.1.1 --src 2.2.2.2', '3:21+5 repeated-option'],
    ['-A INPUT -j ACCEPT -g c', '3:20+2 repeated-option'],
    ['-A INPUT -p tcp --syn --tcp-flags SYN SYN', '3:23+11 repeated-option'],
    ['-A INPUT -p udp --sport 1 --source-port 2', '3:27+13 repeated-option'],
    ['-A INPUT ! -j ACCEPT', '3:10+1 bad-negation'],
    ['-A INPUT -m comment ! --comment x', '3:21+1 bad-negation'],
    ['-A INPUT ! -s 1.1.1.1,2.2.2.2', '3:15+15 bad-negation'],
    ['-A INPUT stray', '3:10+5 bad-argument'],
    ['-A INPUT -t nat', '3:10+2 syntax'],
    ['-s 1.1.1.1', '3:1+2 syntax'],
    ['   ', '3:1+1 syntax'],
    ['[1:x] -A INPUT', '3:1+5 bad-counters'],
    ['[1:2 -A INPUT', '3:1+13 bad-counters'],
    ['[1] -A INPUT', '3:1+3 bad-counters'],
    ['-A INPUT \0', '3:10+1 syntax'],
  ])('%j', (rule, finding) => {
    expect(findings(table(rule))).toEqual([finding]);
  });

  test('several in one rule, in the order of the line', () => {
    const line = '-A INPUT -m comment -s 999 -i "" -p tcp --dport x -j nope';
    // Addresses and what must be there are asked last, and only of words that are sound.
    expect(findings(table(line))).toEqual(['3:31+2 bad-value', '3:49+1 bad-value']);
    expect(findings(table('-A INPUT -m comment -s 9.9.9.999 -j nope'))).toEqual([
      '3:13+7 missing-option',
      '3:24+9 bad-value',
    ]);
  });
});

describe('findings in a file', () => {
  test('one bad line does not hide the next', () => {
    expect(findings('*filter\n:INPUT QUEUE\n-A INPUT -s x\n-A c\n-A INPUT\n:c\n-A INPUT -j c\nCOMMIT\nfoo\n')).toEqual([
      '2:8+5 bad-policy',
      '3:13+1 bad-value',
      '4:4+1 unknown-chain',
      '6:2+1 bad-chain',
      '9:1+3 outside-table',
    ]);
  });

  test.each([
    ['*filter\n-A INPUT\n', '3:1+1 missing-commit'],
    ['*nope\n-A x -m y\nCOMMIT\n', '1:2+4 unknown-table'],
    ['*\nCOMMIT\n', '1:1+1 syntax'],
    ['*filter\nCOMMIT', '2:1+6 bad-argument'],
    ['*filter\n:c - [0:0]\n:c - [0:0]\nCOMMIT\n', '3:2+1 bad-chain'],
    ['*filter\n:c DROP [0:0]\nCOMMIT\n', '2:4+4 bad-policy'],
    [`*filter\n:${'a'.repeat(29)} - [0:0]\nCOMMIT\n`, '2:2+29 bad-chain'],
    ['*filter\n:DROP - [0:0]\nCOMMIT\n', '2:2+4 bad-chain'],
    ['*filter\n:INPUT DROP [1:]\nCOMMIT\n', '2:13+4 bad-counters'],
    ['*nat\n-A PREROUTING -j DROP\nCOMMIT\n', '2:18+4 wrong-table'],
    ['*filter\r\n-A INPUT -j ACCEPT\r\nCOMMIT\r\n', '1:8+1 unknown-table'],
    ['*filter\n:a -\n:b -\n-A INPUT -g a\n-A a -s 1.1.1.1 -j b\n-A b -j a\nCOMMIT\n', '6:1+9 chain-loop'],
  ])('%j', (text, finding) => {
    expect(findings(text)).toEqual([finding]);
  });

  test.each([
    ['-j ACCEPT', []],
    ['-p all -s 0/0 -j RETURN', []],
    ['-j LOG', ['7:1+9 chain-loop']],
    ['-j REJECT', ['7:1+9 chain-loop']],
    ['-f -j ACCEPT', ['7:1+9 chain-loop']],
    ['-m comment --comment x -j DROP', ['7:1+9 chain-loop']],
  ])('a loop behind %s', (rule, found) => {
    const text = `*filter\n:a -\n:b -\n-A INPUT -j a\n-A a ${rule}\n-A a -j b\n-A b -j a\nCOMMIT\n`;
    expect(findings(text)).toEqual(found);
  });

  test('rules and chains come and go in one file', () => {
    const text = [
      '*filter',
      ...[':a -', ':b -', '-A INPUT -j a', '-A a -s 10.0.0.1 -j b', '-A a -s 10.0.0.2 -j b', '-D a -s 10.0.0.2 -j b'],
      ...['-A a -s 10.0.0.3 -j b', '-E b c', '-D a -s 10.0.0.3 -j c', '-I a -j c', '-R a 1 -g c', '-D a -g c'],
      ...['-Z a', '-D a -s 10.0.0.1 -j c', '-X c', '-F INPUT', '-X a', '-N a', '-A INPUT -g a', 'COMMIT', ''],
    ].join('\n');
    const { ruleset, diagnostics } = parse(text);
    expect(diagnostics).toEqual([]);
    expect(printRuleset(ruleset)).toBe(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:a - [0:0]\n-A INPUT -g a\nCOMMIT\n',
    );
  });

  test('every table is read', () => {
    const text =
      '*raw\n-A PREROUTING -i +\nCOMMIT\n*nat\n:POSTROUTING DROP [1:2]\nCOMMIT\n*security\n-A INPUT -j x\nCOMMIT\n';
    expect(findings(text)).toEqual(['8:13+1 unknown-target']);
  });

  test('of rules with the same extensions the kernel refuses each that it would refuse alone', () => {
    const text =
      '*filter\n-A INPUT -s 10.0.0.1/32 -m tcp\n-A INPUT -s 10.0.0.2/32 -m tcp\n-A INPUT -p tcp -m tcp\nCOMMIT\n';
    expect(findings(text)).toEqual(['2:1+30 refused-rule', '3:1+30 refused-rule']);
  });

  test('what the kernel refuses is noticed at COMMIT', () => {
    const { diagnostics } = parse('*filter\n:c - [0:0]\n-A c -m tcp\n-A INPUT -j c\nCOMMIT\n');
    expect(diagnostics).toMatchObject([{ code: 'refused-rule', span: { line: 3 }, noticedAt: 5 }]);
  });
});

describe('what is read', () => {
  test('addresses are masked, and each source with each destination is a rule', () => {
    expect(saved(table('[1:2] -A c -s 10.1.2.3/8,0/0 -d 1,2 -j RETURN')).slice(5, -1)).toEqual([
      '[1:2] -A c -s 10.0.0.0/8 -d 1.0.0.0/32 -j RETURN',
      '[1:2] -A c -s 10.0.0.0/8 -d 2.0.0.0/32 -j RETURN',
      '[1:2] -A c -d 1.0.0.0/32 -j RETURN',
      '[1:2] -A c -d 2.0.0.0/32 -j RETURN',
    ]);
  });

  test('names come from the names given', () => {
    expect(saved(table('-A INPUT -p 6 --dport secure'))[5]).toBe('[0:0] -A INPUT -p tcp -m tcp --dport 22');
    expect(saved(table('-A INPUT -p 132'))[5]).toBe('[0:0] -A INPUT -p sctp');
    expect(saved(table('-A INPUT -p 200'))[5]).toBe('[0:0] -A INPUT -p 200');
  });

  test('a chain wins over a target of its name', () => {
    expect(saved('*filter\n:RETURN2 - [0:0]\n:LOG - [0:0]\n-A INPUT -j LOG\nCOMMIT\n')).toContain(
      '[0:0] -A INPUT -j LOG',
    );
  });

  test('a rule for IPv6 alone is left out', () => {
    expect(saved(table('-6 -A INPUT -j DROP\n-4 -A INPUT -j ACCEPT')).slice(5, -1)).toEqual([
      '[0:0] -A INPUT -j ACCEPT',
    ]);
  });

  test('the last of two sections of a table counts', () => {
    expect(saved('*filter\n-A INPUT\nCOMMIT\n*filter\n-A OUTPUT\nCOMMIT\n').slice(4, -1)).toEqual(['[0:0] -A OUTPUT']);
  });

  test('spans point to the rule without the blanks around it', () => {
    const { ruleset } = parse(table(' \t-A INPUT -j DROP '));
    expect(spanOf(ruleset.tables[0]!.chains[0]!.rules[0]!)).toEqual({ line: 3, column: 3, length: 16 });
  });
});

describe('commands in a file', () => {
  const rules = (body: string) => saved(table(body)).slice(5, -1);

  test('rules are put in, put in place of others and taken out', () => {
    expect(rules('-A c -s 1\n-I c -s 2,3\n-I c 2 -s 4\n-R c 1 -s 5\n-D c 4\n-D c -s 2.0.0.0')).toEqual([
      '[0:0] -A c -s 5.0.0.0/32',
      '[0:0] -A c -s 4.0.0.0/32',
    ]);
  });

  test('chains are made, renamed, emptied and removed', () => {
    const text = table('-N x\n-A x -j c\n-E c d\n-A d\n-F d\n-N y\n-X y\n-P FORWARD DROP -c 5 6\n-A INPUT -c 7,8 -g x');
    expect(saved(text).slice(1, -1)).toEqual([
      ...[':INPUT ACCEPT [0:0]', ':FORWARD DROP [5:6]', ':OUTPUT ACCEPT [0:0]', ':d - [0:0]', ':x - [0:0]'],
      ...['[7:8] -A INPUT -g x', '[0:0] -A x -j d'],
    ]);
  });

  test('counters are set to zero', () => {
    expect(rules('[1:2] -A c -s 1\n[3:4] -A c -s 2\n-Z c 1')).toEqual([
      '[0:0] -A c -s 1.0.0.0/32',
      '[3:4] -A c -s 2.0.0.0/32',
    ]);
  });
});

describe('IPv6', () => {
  const rules = (body: string) => saved(`*filter\n${body}\nCOMMIT\n`, { family: 'ipv6' }).slice(4, -1);

  test('addresses and masks', () => {
    expect(
      rules('-A INPUT -s fe80::1/64,::1\n-A INPUT ! -d 2001:DB8:0:0::/32\n-A INPUT -s ::/ffff::ffff -d ::/0'),
    ).toEqual([
      '[0:0] -A INPUT -s fe80::/64',
      '[0:0] -A INPUT -s ::1/128',
      '[0:0] -A INPUT ! -d 2001:db8::/32',
      '[0:0] -A INPUT -s ::/ffff::ffff',
    ]);
  });

  test('a line for IPv4 is left out, -f is refused', () => {
    expect(rules('-4 -A INPUT -j DROP')).toEqual([]);
    expect(parse('*filter\n-A INPUT -f\nCOMMIT\n', { family: 'ipv6' }).diagnostics.map(brief)).toEqual([
      '2:10+2 bad-value',
    ]);
  });
});

describe('what is in force', () => {
  const existing = parse('*filter\n:INPUT DROP [7:8]\n:a - [0:0]\n[1:2] -A INPUT -j a\n[3:4] -A a\nCOMMIT\n').ruleset;

  test('policies stay where the file says nothing', () => {
    expect(saved('*filter\nCOMMIT\n', { existing })[1]).toBe(':INPUT DROP [0:0]');
  });

  test('a table that the file does not have stays', () => {
    expect(saved('*nat\nCOMMIT\n', { existing })).toContain('[1:2] -A INPUT -j a');
  });

  test('noflush adds, and empties the user chains that are declared', () => {
    const options = { existing, noflush: true };
    expect(saved('*filter\n[5:6] -A a -j DROP\nCOMMIT\n', options).slice(1, -1)).toEqual([
      ...[':INPUT DROP [7:8]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]'],
      ...['[1:2] -A INPUT -j a', '[3:4] -A a', '[5:6] -A a -j DROP'],
    ]);
    expect(saved('*filter\n:a - [0:0]\n:INPUT ACCEPT [1:1]\nCOMMIT\n', options).slice(1, -1)).toEqual([
      ...[':INPUT ACCEPT [1:1]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', '[1:2] -A INPUT -j a'],
    ]);
  });

  test('without counters, what the file brings is zero and what was there is kept', () => {
    const options = { existing, noflush: true, counters: false };
    expect(saved('*filter\n:OUTPUT DROP [5:5]\n[5:6] -A a -j DROP\nCOMMIT\n', options).slice(1, -1)).toEqual([
      ...[':INPUT DROP [7:8]', ':FORWARD ACCEPT [0:0]', ':OUTPUT DROP [0:0]', ':a - [0:0]'],
      ...['[1:2] -A INPUT -j a', '[3:4] -A a', '[0:0] -A a -j DROP'],
    ]);
  });
});

describe('whatever the text', () => {
  const piece = fc.constantFrom(
    ...[
      '*filter',
      'COMMIT',
      ':c - [0:0]',
      ':INPUT DROP',
      '[1:2]',
      '-A INPUT',
      '-A c',
      '-s 1.2.3.4',
      '-s',
      '!',
      '-p tcp',
    ],
    ...[
      '-m tcp',
      '--dport 80',
      '--syn',
      '-j c',
      '-g c',
      '-j ACCEPT',
      '-m comment --comment',
      '"',
      '\\',
      '\n',
      '\n',
      '\r\n',
    ],
  );
  const text = fc.array(fc.oneof({ weight: 9, arbitrary: piece }, fc.string()), { maxLength: 60 });

  test('the parser does not throw', () => {
    fc.assert(
      fc.property(text, (pieces) => {
        parse(pieces.join(' '));
      }),
      { numRuns: 500, seed: 20 },
    );
  });

  test('what is printed is read again as the same', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const rule = pieces.filter((each) => /^(-[^A]|!|--)/.test(each)).join(' ');
        const { ruleset, diagnostics } = parse(table(`-A c ${rule}`));
        fc.pre(diagnostics.length === 0);
        const printed = printRuleset(ruleset, { names });
        expect(saved(printed).join('\n')).toBe(printRuleset(ruleset, { counters: true, names }).trimEnd());
      }),
      { numRuns: 500, seed: 20 },
    );
  });
});

test('one line may stand for very many rules', () => {
  const list = Array(511).fill('1').join(',');
  const { ruleset } = parse(table(`-A INPUT -s ${list} -d ${list}`));
  expect(ruleset.tables[0]!.chains[0]!.rules).toHaveLength(511 * 511);
});

test('ten thousand rules come to an end', () => {
  const rules = Array.from(
    { length: 10_000 },
    (_, i) => `-A INPUT -s 10.${i >> 8}.${i & 255}.1/32 -p tcp -m tcp --dport ${i} -j ACCEPT`,
  );
  // A parser that is not linear takes minutes.
  expect(parse(table(rules.join('\n'))).diagnostics).toEqual([]);
});
