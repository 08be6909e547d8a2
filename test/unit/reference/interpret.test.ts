import { expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { interpret } from '../../../src/reference/interpret.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { expectationOf, parsePackets, unmet } from '../../harness/case-file.ts';
import { parsePacket } from '../../harness/packet-notation.ts';

/** Rules without their frame, and packets with what must happen to them in the notation of case files. */
function expectOutcomes(
  rules: string,
  packets: string,
  policies = 'ACCEPT ACCEPT ACCEPT',
  family: Family = 'ipv4',
): void {
  const [input, forward, output] = policies.split(' ');
  const chains = [...new Set([...rules.matchAll(/-A (\w+)/g)].map((found) => found[1]!))];
  const user = chains.filter((name) => !['INPUT', 'FORWARD', 'OUTPUT'].includes(name));
  const text = [
    '*filter',
    `:INPUT ${input} [0:0]`,
    `:FORWARD ${forward} [0:0]`,
    `:OUTPUT ${output} [0:0]`,
    ...['empty', ...user].map((name) => `:${name} - [0:0]`),
    ...rules.trim().split(/\n\s*/),
    'COMMIT',
    '',
  ].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test.rules', family });
  expect(diagnostics).toEqual([]);
  const trimmed = packets.replaceAll(/^ +/gm, '');
  for (const { packet, expected, line } of parsePackets(trimmed, 'test.packets')) {
    const outcome = interpret(ruleset.tables[0]!, packet);
    expect(unmet(expected!, outcome), `${line}: ${JSON.stringify(expectationOf(outcome))}`).toEqual([]);
  }
}

it('falls to the policy of the chain of the hook', () => {
  expectOutcomes(
    '-A INPUT -p tcp -j ACCEPT',
    `INPUT in=eth0 udp 1.2.3.4:1 > 5.6.7.8:2 -> drop policy INPUT counts INPUT:policy
     INPUT in=eth0 tcp 1.2.3.4:1 > 5.6.7.8:2 -> accept rule INPUT:1 counts INPUT:1
     FORWARD in=eth0 out=eth1 tcp 1.2.3.4:1 > 5.6.7.8:2 -> accept policy FORWARD
     OUTPUT out=eth1 tcp 1.2.3.4:1 > 5.6.7.8:2 -> drop policy OUTPUT`,
    'DROP ACCEPT DROP',
  );
});

it('counts a rule without target and goes on', () => {
  expectOutcomes(
    `-A INPUT
     -A INPUT -s 1.2.3.4
     -A INPUT -j DROP`,
    `INPUT in=eth0 47 1.2.3.4 > 5.6.7.8 -> drop counts INPUT:1 INPUT:2 INPUT:3
     INPUT in=eth0 47 1.2.3.5 > 5.6.7.8 -> drop counts INPUT:1 INPUT:3`,
  );
});

it('comes back from a jump, by RETURN or at the end of the chain, also of an empty one', () => {
  expectOutcomes(
    `-A INPUT -j empty
     -A INPUT -j one
     -A INPUT -j DROP
     -A one -p udp -j RETURN
     -A one -j two
     -A two -p icmp`,
    `INPUT in=eth0 udp 1.2.3.4:1 > 5.6.7.8:2 -> drop counts INPUT:1 INPUT:2 one:1 INPUT:3
     INPUT in=eth0 icmp 1.2.3.4 > 5.6.7.8 -> drop counts INPUT:1 INPUT:2 one:2 two:1 INPUT:3`,
  );
});

it('does not come back behind a goto, but behind the jump before it', () => {
  expectOutcomes(
    `-A INPUT -j one
     -A INPUT -j ACCEPT
     -A OUTPUT -g one
     -A OUTPUT -j ACCEPT
     -A one -g two
     -A one -j DROP
     -A two -p udp -j RETURN`,
    `INPUT in=eth0 udp 1.2.3.4:1 > 5.6.7.8:2 -> accept counts INPUT:1 one:1 two:1 INPUT:2
     INPUT in=eth0 icmp 1.2.3.4 > 5.6.7.8 -> accept counts INPUT:1 one:1 INPUT:2
     OUTPUT out=lo udp 1.2.3.4:1 > 5.6.7.8:2 -> drop counts OUTPUT:1 one:1 two:1 OUTPUT:policy`,
    'DROP DROP DROP',
  );
});

it('takes RETURN from a built-in chain for the policy, which counts, too', () => {
  expectOutcomes(
    `-A INPUT -j RETURN
     -A INPUT -j ACCEPT`,
    'INPUT in=eth0 47 1.2.3.4 > 5.6.7.8 -> drop policy INPUT counts INPUT:1 INPUT:policy',
    'DROP DROP DROP',
  );
});

it('drops uncounted what a match cannot read, keeping what counted before', () => {
  expectOutcomes(
    `-A INPUT -j one
     -A one -p tcp -m tcp --dport 22 -j ACCEPT
     -A one -j ACCEPT`,
    `INPUT in=eth0 tcp 1.2.3.4:1 > 5.6.7.8:22 cut=19 -> drop uncounted counts INPUT:1
     INPUT in=eth0 tcp 1.2.3.4:1 > 5.6.7.8:22 cut=20 -> accept rule one:1
     INPUT in=eth0 tcp 1.2.3.4 > 5.6.7.8 frag=1 payload=8 -> drop uncounted
     INPUT in=eth0 tcp 1.2.3.4 > 5.6.7.8 frag=2 payload=8 -> accept rule one:2`,
  );
});

it('does not ask a match behind a field that does not hold', () => {
  expectOutcomes(
    '-A INPUT -s 9.9.9.9 -p tcp -m tcp --dport 22 -j DROP',
    'INPUT in=eth0 tcp 1.2.3.4:1 > 5.6.7.8:22 cut=4 -> accept policy INPUT',
  );
});

it.each([
  ['-s 10.0.0.0/8', '10.255.0.1', true],
  ['-s 10.0.0.0/8', '11.0.0.0', false],
  ['! -s 10.0.0.0/8', '11.0.0.0', true],
  ['! -s 0.0.0.0/0', '11.0.0.0', false],
  ['-s 128.0.0.0/1', '255.255.255.255', true],
  ['-s 10.0.1.0/255.0.255.0', '10.77.1.9', true],
  ['-s 10.0.1.0/255.0.255.0', '10.77.2.9', false],
])('%s and a packet from %s: %s', (option, source, holds) => {
  expectOutcomes(
    `-A INPUT ${option} -j DROP`,
    `INPUT in=eth0 47 ${source} > 5.6.7.8 -> ${holds ? 'drop rule INPUT:1' : 'accept policy INPUT'}`,
  );
});

it.each([
  ['-i eth0', 'eth0', true],
  ['-i eth0', 'eth01', false],
  ['-i eth0', 'eth', false],
  ['-i eth+', 'eth', true],
  ['-i eth+', 'eth12', true],
  ['-i eth+', 'wlan0', false],
  ['! -i eth+', 'wlan0', true],
  ['-i +', 'lo', true],
  ['! -i +', 'lo', false],
])('%s and a packet that came in by %s: %s', (option, device, holds) => {
  expectOutcomes(
    `-A INPUT ${option} -j DROP`,
    `INPUT in=${device} 47 1.2.3.4 > 5.6.7.8 -> ${holds ? 'drop rule INPUT:1' : 'accept policy INPUT'}`,
  );
});

it('has the empty name for a device that is not there', () => {
  expectOutcomes(
    `-A OUTPUT -j one
     -A one -i lo
     -A one -i +
     -A one ! -i lo`,
    'OUTPUT out=eth0 47 1.2.3.4 > 5.6.7.8 -> accept counts OUTPUT:1 one:2 one:3 OUTPUT:policy',
  );
});

it('tells an observer what was asked, in order, up to the first that does not hold', () => {
  const text = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -s 1.0.0.0/8 ! -i lo -p tcp -m tcp --dport 22 -m comment --comment x -j DROP
COMMIT
`;
  const table = parseRuleset(text, { file: 'test.rules' }).ruleset.tables[0]!;
  const heard: unknown[] = [];
  const packet = parsePacket('INPUT in=eth0 tcp 1.2.3.4:1 > 5.6.7.8:23');
  interpret(table, packet, (_, asked, holds) => heard.push([asked, holds]));
  expect(heard).toEqual([
    ['-s', true],
    ['-i', true],
    ['-p', true],
    [0, false],
  ]);
});

it('walks IPv6 headers for rules with -p alone, and drops what cannot be walked', () => {
  expectOutcomes(
    `-A INPUT -s 2001:db8::/32
     -A INPUT -s 2001:db9::/32 -p tcp
     -A INPUT ! -p tcp
     -A INPUT -p tcp --dport 22 -j DROP
     -A INPUT -p 60 -j DROP`,
    `INPUT in=eth0 tcp [2001:db8::1]:9 > [::2]:22 via=hop,rt,dst,ah:4 -> drop counts INPUT:1 INPUT:4
     INPUT in=eth0 59 2001:db8::1 > ::2 via=dst -> accept counts INPUT:1 INPUT:3 INPUT:policy
     INPUT in=eth0 50 2001:db8::1 > ::2 via=dst -> accept counts INPUT:1 INPUT:3 INPUT:policy
     INPUT in=eth0 6 2001:db8::1 > ::2 via=dst,frag:1 payload=40 -> accept counts INPUT:1 INPUT:policy
     INPUT in=eth0 60 2001:db8::1 > ::2 via=frag:1 payload=40 -> drop uncounted counts INPUT:1
     INPUT in=eth0 tcp [2001:db8::1]:9 > [::2]:22 via=dst cut=1 -> drop uncounted counts INPUT:1
     INPUT in=eth0 tcp [2001:db9::1]:9 > [::2]:22 via=dst cut=1 -> drop uncounted
     INPUT in=eth0 tcp [2001:db8::1]:9 > [::2]:22 via=dst cut=2 -> drop uncounted counts INPUT:1`,
    'ACCEPT ACCEPT ACCEPT',
    'ipv6',
  );
});

it('compares IPv6 addresses bit by bit', () => {
  expectOutcomes(
    `-A INPUT -s ::5:6/::ffff:ffff
     -A INPUT ! -d 2001:db8::/33 -j DROP
     -A INPUT -d 2001:db8:0:1::/ffff:ffff:0:ffff:: -j DROP`,
    `INPUT in=eth0 59 fd00:1:2:3::5:6 > 2001:db8:7fff::1 -> accept counts INPUT:1 INPUT:policy
     INPUT in=eth0 59 fd00:1:2:3::5:7 > 2001:db8:8000::1 -> drop counts INPUT:2
     INPUT in=eth0 59 fd00:1:2:3::5:7 > 2001:db8:55:1:2:3:4:5 -> drop counts INPUT:3`,
    'ACCEPT ACCEPT ACCEPT',
    'ipv6',
  );
});

it('compares the bytes of device names', () => {
  expectOutcomes(
    `-A INPUT -i dév+
     -A INPUT ! -i dévö -j DROP`,
    `INPUT in=dévö udp 1.2.3.4:1 > 5.6.7.8:2 -> accept policy INPUT counts INPUT:1 INPUT:policy
     INPUT in=dev0 udp 1.2.3.4:1 > 5.6.7.8:2 -> drop rule INPUT:2 counts INPUT:2`,
  );
});
