// Targets as text: what is printed and listed for which words, and what is said of words that are refused. The right
// sides are what iptables-legacy 1.8.9 answered.

import { describe, expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import type { TableName } from '../../../src/base/hooks.ts';
import { listTable } from '../../../src/ruleset/list.ts';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleLine } from '../../../src/ruleset/print.ts';

const names = namesFrom('', 'tcp 6\nudp 17\n');

interface Place {
  readonly table: TableName;
  readonly chain: string;
  readonly family: Family;
}

const FILTER: Place = { table: 'filter', chain: 'INPUT', family: 'ipv4' };
const FILTER6: Place = { ...FILTER, family: 'ipv6' };
const MANGLE: Place = { table: 'mangle', chain: 'FORWARD', family: 'ipv4' };
const MANGLE6: Place = { ...MANGLE, family: 'ipv6' };
const RAW: Place = { table: 'raw', chain: 'PREROUTING', family: 'ipv4' };

function read(rule: string, { table, chain, family }: Place) {
  const user = /^[A-Z]+$/.test(chain) ? '' : `:${chain} - [0:0]\n`;
  return parseRuleset(`*${table}\n${user}-A ${chain} ${rule}\nCOMMIT\n`, { file: 'rules', family, names });
}

/** The rule as iptables-save prints it and as the two forms of -L show it, behind the columns. */
function shown(rule: string, place: Place): [printed: string, numeric: string, named: string] {
  const { ruleset, diagnostics } = read(rule, place);
  expect(diagnostics).toEqual([]);
  const table = ruleset.tables.find(({ name }) => name === place.table)!;
  const added = table.chains.find(({ name }) => name === place.chain)!.rules[0]!;
  const list = (numeric: boolean) => {
    const options = { family: place.family, numeric, verbose: false, exact: false, lineNumbers: false };
    const row = listTable(table, { chain: place.chain }, options, names).split('\n')[2]!;
    return row.replace(/^\S+ +\S+ +-- {2}.{41} ?/, '');
  };
  const printed = printRuleLine(place.chain, added, place.family, names);
  return [printed.slice(`-A ${place.chain} `.length), list(true), list(false)];
}

function complaint(rule: string, place: Place): string | undefined {
  return read(rule, place).diagnostics[0]?.message;
}

function codes(rule: string, place: Place): string[] {
  return read(rule, place).diagnostics.map(({ code }) => code);
}

type Row = readonly [rule: string, printed: string, numeric: string, named?: string];

function table(place: Place, rows: readonly Row[]): void {
  for (const [rule, printed, numeric, named = numeric] of rows) {
    it(rule, () => {
      const [target] = /-j \S+/.exec(rule)!;
      const before = rule.slice(0, rule.indexOf(target));
      expect(shown(rule, place)).toEqual([`${before}${target}${printed && ` ${printed}`}`, numeric, named]);
    });
  }
}

function refusals(place: Place, rows: readonly (readonly [rule: string, message: string])[]): void {
  it.each(rows)('%s is refused', (rule, message) => {
    expect(complaint(rule, place)).toBe(message);
  });
}

/** Rules that only the kernel refuses. */
function kernelRefusals(rows: readonly (readonly [place: Place, rule: string])[]): void {
  it.each(rows)('%o %s is refused by the kernel', (place, rule) => {
    expect(codes(rule, place)).toEqual(['refused-rule']);
  });
}

describe('REJECT', () => {
  const answer = (name: string) => [`--reject-with ${name}`, `reject-with ${name}`] as const;
  table(FILTER, [
    ['-j REJECT', ...answer('icmp-port-unreachable')],
    ['-j REJECT --reject-with ICMP-H', ...answer('icmp-host-unreachable')],
    ['-j REJECT --reject-with admin-prohib', ...answer('icmp-admin-prohibited')],
    ['-j REJECT --reject-with ""', ...answer('icmp-net-unreachable')],
    ['-p tcp -j REJECT --reject-with tcp', ...answer('tcp-reset')],
  ]);
  table(FILTER6, [
    ['-j REJECT', ...answer('icmp6-port-unreachable')],
    ['-j REJECT --reject-with i', ...answer('icmp6-no-route')],
    ['-j REJECT --reject-with policy-fail', ...answer('icmp6-policy-fail')],
  ]);
  refusals(FILTER, [
    ['-j REJECT --reject-with foo', 'unknown reject type "foo"'],
    ['-j REJECT ! --reject-with tcp-rst', 'REJECT: option "--reject-with" cannot be inverted.'],
  ]);
  refusals(FILTER6, [['-j REJECT --reject-with net-unreach', 'unknown reject type "net-unreach"']]);
  kernelRefusals([
    [FILTER, '-j REJECT --reject-with tcp-reset'],
    [FILTER, '! -p tcp -j REJECT --reject-with tcp-reset'],
    [MANGLE, '-j REJECT'],
  ]);
});

describe('LOG, NFLOG, ULOG', () => {
  const long = 'x'.repeat(70);
  table(FILTER, [
    ['-j LOG', '', 'LOG flags 0 level 4', 'LOG level warn'],
    [
      '-j LOG --log-uid --log-prefix "a b: " --log-level alert --log-tcp-sequence --log-macdecode',
      '--log-prefix "a b: " --log-level 1 --log-tcp-sequence --log-uid --log-macdecode',
      'LOG flags 41 level 1 prefix "a b: "',
      'LOG level alert tcp-sequence uid macdecode prefix "a b: "',
    ],
    [
      `-j LOG --log-prefix ${long} --log-level 0x3`,
      `--log-prefix ${'x'.repeat(29)} --log-level 3`,
      `LOG flags 0 level 3 prefix "${'x'.repeat(29)}"`,
      `LOG level err prefix "${'x'.repeat(29)}"`,
    ],
    ['-j NFLOG --nflog-group 0 --nflog-threshold 0', '', ''],
    [
      `-j NFLOG --nflog-threshold 3 --nflog-size 0 --nflog-prefix ${long} --nflog-group 7`,
      `--nflog-prefix ${'x'.repeat(63)} --nflog-group 7 --nflog-size 0 --nflog-threshold 3`,
      `nflog-prefix ${'x'.repeat(63)} nflog-group 7 nflog-size 0 nflog-threshold 3`,
    ],
    ['-j NFLOG --nflog-range 12', '--nflog-range 12', 'nflog-range 12'],
  ]);
  refusals(FILTER, [
    ['-j LOG --log-level warn', 'log level "warn" unknown'],
    ['-j LOG --log-level 8', 'log level "8" unknown'],
    ['-j LOG --log-level constructor', 'log level "constructor" unknown'],
    ['-j LOG --log-prefix ""', 'Argument must have a minimum length of 1 characters'],
    [
      '-j NFLOG --nflog-size 2 --nflog-range 2',
      'NFLOG: option "--nflog-range" cannot be used together with "--nflog-size".',
    ],
    ['-j ULOG --ulog-nlgroup 33', 'ULOG: bad value for option "--ulog-nlgroup", or out of range (1-32).'],
  ]);
  refusals(FILTER6, [['-j ULOG', "Couldn't load target `ULOG':No such file or directory"]]);
  kernelRefusals([[FILTER, '-j ULOG']]);

  it('keeps no half of a character', () => {
    const [printed] = shown('-j LOG --log-prefix "1234567890123456789012345678é"', FILTER);
    expect(printed).toBe('-j LOG --log-prefix 1234567890123456789012345678');
  });
});

describe('NFQUEUE', () => {
  table(FILTER, [
    ['-j NFQUEUE', '--queue-num 0', 'NFQUEUE num 0'],
    [
      '-j NFQUEUE --queue-cpu-fanout --queue-bypass --queue-balance 3:',
      '--queue-balance 3:65535 --queue-bypass --queue-cpu-fanout',
      'NFQUEUE balance 3:65535 bypass cpu-fanout',
    ],
  ]);
  refusals(FILTER, [
    ['-j NFQUEUE --queue-balance 3', 'Bad range "3"'],
    ['-j NFQUEUE --queue-balance 3:3', '3 should be less than 3'],
    ['-j NFQUEUE --queue-balance 1:2:3', 'NFQUEUE: Too many components for option "--queue-balance" (max: 2)'],
    ['-j NFQUEUE --queue-cpu-fanout', 'NFQUEUE: option "--queue-cpu-fanout" also requires "--queue-balance".'],
  ]);
  kernelRefusals([[FILTER, '-j NFQUEUE --queue-balance 0:65535']]);
});

describe('MARK and CONNMARK', () => {
  table(MANGLE, [
    ['-j MARK --set-mark 0xff/0x0f', '--set-xmark 0xff/0xff', 'MARK or 0xff'],
    ['-j MARK --set-mark 1', '--set-xmark 0x1/0xffffffff', 'MARK set 0x1'],
    ['-j MARK --and-mark 0xff', '--set-xmark 0x0/0xffffff00', 'MARK and 0xff'],
    ['-j MARK --xor-mark 0xff', '--set-xmark 0xff/0x0', 'MARK xor 0xff'],
    ['-j MARK --set-xmark 0xff/0x0f', '--set-xmark 0xff/0xf', 'MARK xset 0xff/0xf'],
    ['-j CONNMARK --set-mark 3/0xc', '--set-xmark 0x3/0xf', 'CONNMARK xset 0x3/0xf'],
    ['-j CONNMARK --set-mark 1 --mask 0xff', '--set-xmark 0x1/0xff', 'CONNMARK xset 0x1/0xff'],
    ['-j CONNMARK --mask 0xff --set-mark 1', '--set-xmark 0x1/0xffffffff', 'CONNMARK set 0x1'],
    [
      '-j CONNMARK --save-mark --nfmask 0xff --left-shift-mark 4',
      '--save-mark --nfmask 0xff --ctmask 0xffffffff --left-shift-mark 4',
      'CONNMARK save nfmask 0xff ctmask ~0xffffffff left-shift-mark 4',
    ],
    [
      '-j CONNMARK --restore-mark --ctmask 0xff --nfmask 3',
      '--restore-mark --nfmask 0x3 --ctmask 0xff',
      'CONNMARK restore ctmask 0xff nfmask ~0x3',
    ],
    ['-j CONNMARK --restore-mark --mask 3', '--restore-mark --nfmask 0x3 --ctmask 0x3', 'CONNMARK restore mask 0x3'],
  ]);
  refusals(MANGLE, [
    ['-j MARK', 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required'],
    ['-j MARK --or-mark 1 --set-mark 2', 'MARK: option "--set-mark" cannot be used together with "--or-mark".'],
    ['-j MARK --set-mark 1/2x', 'MARK: trailing garbage after value for option "--set-mark".'],
    ['-j CONNMARK --mask 1', 'CONNMARK target: No operation specified'],
    [
      '-j CONNMARK --save-mark --mask 1 --nfmask 2',
      'CONNMARK: option "--nfmask" cannot be used together with "--mask".',
    ],
  ]);
  kernelRefusals([[MANGLE, '-j CONNMARK --save-mark --left-shift-mark 32']]);
});

describe('SECMARK and CONNSECMARK', () => {
  table(MANGLE, [
    ['-j SECMARK --selctx a:b:c', '--selctx a:b:c', 'SECMARK selctx a:b:c'],
    ['-j CONNSECMARK --save', '--save', 'CONNSECMARK save'],
  ]);
  refusals(MANGLE, [
    ['-j SECMARK', 'SECMARK: option "--selctx" must be specified'],
    ['-j CONNSECMARK', 'CONNSECMARK target: parameter required'],
  ]);
  kernelRefusals([[FILTER, '-j CONNSECMARK --save']]);
});

describe('CT and NOTRACK', () => {
  table(RAW, [
    ['-j CT', '', 'CT'],
    ['-j NOTRACK', '', 'NOTRACK'],
    ['-j CT --zone 0', '', 'CT'],
    ['-j CT --zone-reply 5 --notrack', '--notrack --zone-reply 5', 'CT notrack zone-reply 5'],
    ['-j CT --zone-reply 5 --zone-orig 6', '--zone 6', 'CT zone 6'],
    ['-j CT --zone-orig MARK --zone 5', '--zone-orig mark', 'CT zone-orig mark'],
    [
      '-j CT --ctevents mark,new,mark --expevents new',
      '--ctevents new,mark --expevents new',
      'CT ctevents new,mark expevents new',
    ],
    ['-p tcp -j CT --helper ftp', '--helper ftp', 'CT helper ftp'],
    ['-j CT --notrack --timeout test', '--notrack --timeout test', 'CT notrack timeout test'],
  ]);
  refusals(RAW, [
    ['-j CT --ctevents new,', 'Unknown event type ""'],
    ['-j CT --zone 65536', 'Cannot parse 65536 as a zone ID'],
    ['-j NOTRACK --zone 5', 'unknown option "--zone"'],
  ]);
  kernelRefusals([
    [MANGLE, '-j CT --notrack'],
    [FILTER, '-j NOTRACK'],
    [RAW, '-j CT --helper ftp'],
    [RAW, '-p udp -j CT --helper ftp'],
    [{ ...RAW, family: 'ipv6' }, '-p tcp -j CT --helper irc'],
    [RAW, '-j CT --timeout test'],
  ]);

  it.each([
    '-p tcp -j CT --helper rpc',
    '-p tcp -j CT --helper constructor',
    '-p tcp -j CT --timeout patient',
    // Kernels show four bytes of the name, whatever they keep.
    '-j CT --notrack --timeout abcdefghijklmnopqrstuvwxyz01234',
  ])('%s is taken, with names that the kernel alone can check', (rule) => {
    expect(shown(rule, RAW)[0]).toBe(rule);
  });

  it('lists NOTRACK as a CT', () => {
    const { ruleset } = read('-j NOTRACK', RAW);
    const options = { family: 'ipv4', numeric: true, verbose: false, exact: false, lineNumbers: false } as const;
    const row = listTable(ruleset.tables[0]!, { chain: 'PREROUTING' }, options, names).split('\n')[2]!;
    expect(row).toBe('CT         0    --  0.0.0.0/0            0.0.0.0/0            NOTRACK');
  });
});

describe('targets that change the IP header', () => {
  table(MANGLE, [
    ['-j TOS --set-tos 0x10', '--set-tos 0x10/0xff', 'TOS set 0x10/0xff'],
    ['-j TOS --set-tos "1/ 2"', '--set-tos 0x01/0x02', 'TOS set 0x01/0x02'],
    ['-j TOS --and-tos 0x12', '--set-tos 0x00/0xed', 'TOS set 0x00/0xed', 'TOS and 0x12'],
    ['-j DSCP --set-dscp-class efx', '--set-dscp 0x2e', 'DSCP set 0x2e'],
    ['-j DSCP --set-dscp-class AF42', '--set-dscp 0x24', 'DSCP set 0x24'],
    ['-j ECN --ecn-ip-ect 3', '--ecn-ip-ect 3', 'ECN ECT codepoint=3'],
    ['-p tcp -j ECN --ecn-tcp-cwr 0 --ecn-tcp-ece 0', '--ecn-tcp-remove', 'ECN TCP remove'],
    ['-p tcp -j ECN --ecn-ip-ect 3 --ecn-tcp-remove', '--ecn-tcp-remove', 'ECN TCP remove'],
    [
      '-p tcp -j ECN --ecn-tcp-remove --ecn-ip-ect 3',
      '--ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 3',
      'ECN ECE=0 CWR=0 ECT codepoint=3',
    ],
    ['-j TTL --ttl-set 0', '--ttl-set 0', 'TTL set to 0'],
    ['-j TTL --ttl-dec 1', '--ttl-dec 1', 'TTL decrement by 1'],
  ]);
  table(MANGLE6, [['-j HL --hl-inc 1', '--hl-inc 1', 'HL increment by 1']]);

  it('lists names of Types of Service with the blank in front', () => {
    expect(shown('-j TOS --set-tos maximize-Throughput', MANGLE)).toEqual([
      ...['-j TOS --set-tos 0x08/0x3f', 'TOS set 0x08/0x3f', ' TOS setMaximize-Throughput'],
    ]);
  });

  refusals(MANGLE, [
    ['-j TOS', 'TOS: An action is required'],
    ['-j TOS --set-tos 1/256', 'Illegal value: "1/256"'],
    ['-j TOS --set-tos 256/3', 'Symbolic name "256/3" is unknown'],
    ['-j TOS --xor-tos 1 --or-tos 2', 'TOS: option "--or-tos" cannot be used together with "--xor-tos".'],
    ['-j DSCP --set-dscp-class CS8', "Invalid DSCP value `CS8'"],
    ['-j DSCP', 'DSCP target: Parameter --set-dscp is required'],
    ['-j ECN', 'ECN target: An operation is required'],
    ['-j TTL --ttl-inc 0', 'TTL: bad value for option "--ttl-inc", or out of range (1-255).'],
    ['-j TTL --ttl-inc 1 --ttl-dec 1', 'TTL: option "--ttl-dec" cannot be used together with "--ttl-inc".'],
    ['-j HL --hl-set 1', 'unknown option "--hl-set"'],
  ]);
  refusals(MANGLE6, [['-j HL', 'HL: You must specify an action']]);
  kernelRefusals([
    [FILTER, '-j TOS --set-tos 1'],
    [FILTER, '-j DSCP --set-dscp 1'],
    [MANGLE, '-j ECN --ecn-tcp-cwr 1'],
    [FILTER, '-j TTL --ttl-set 1'],
    [FILTER6, '-j HL --hl-set 1'],
  ]);
});

describe('targets that change TCP', () => {
  const syn = '-p tcp -m tcp --tcp-flags SYN,RST SYN';
  table({ ...MANGLE, chain: 'user' }, [
    [
      `${syn} -j TCPMSS --clamp-mss-to-pmtu`,
      '--clamp-mss-to-pmtu',
      'tcp flags:0x06/0x02 TCPMSS clamp to PMTU',
      'tcp flags:SYN,RST/SYN TCPMSS clamp to PMTU',
    ],
    ['-p tcp -j TCPOPTSTRIP', '', ''],
    [
      '-p tcp -j TCPOPTSTRIP --strip-options md5,255,mss,7',
      '--strip-options 2,7,19,255',
      'TCPOPTSTRIP options 2,7,19,255',
      'TCPOPTSTRIP options mss,7,md5,255',
    ],
    ['-p tcp -j SYNPROXY', '', 'SYNPROXY '],
    [
      '-p tcp -j SYNPROXY --ecn --mss 65537 --wscale 257 --timestamp --sack-perm',
      '--sack-perm --timestamp --wscale 1 --mss 1 --ecn',
      'SYNPROXY sack-perm timestamp wscale 1 mss 1 ecn ',
    ],
  ]);
  refusals(MANGLE, [
    ['-j TCPMSS', 'TCPMSS target: At least one parameter is required'],
    [`${syn} -j TCPMSS --set-mss 65516`, 'TCPMSS: bad value for option "--set-mss", or out of range (0-65515).'],
    ['-p tcp -j TCPOPTSTRIP --strip-options 2,mss', 'Option "mss" already specified'],
    ['-p tcp -j TCPOPTSTRIP --strip-options 1', 'Option value may not be 0 or 1'],
    ['-p tcp -j TCPOPTSTRIP --strip-options constructor', 'Bad TCP option value "constructor"'],
  ]);
  refusals(MANGLE6, [
    [`${syn} -j TCPMSS --set-mss 65496`, 'TCPMSS: bad value for option "--set-mss", or out of range (0-65495).'],
  ]);
  kernelRefusals([
    [MANGLE, '-p tcp -j TCPMSS --set-mss 1'],
    [MANGLE, '-p tcp ! --syn -j TCPMSS --set-mss 1'],
    [MANGLE, '-p tcp --tcp-flags ACK ACK -j TCPMSS --set-mss 1'],
    [{ ...MANGLE, chain: 'INPUT' }, `${syn} -j TCPMSS --clamp-mss-to-pmtu`],
    [MANGLE, '-j TCPOPTSTRIP'],
    [FILTER, '-p tcp -j TCPOPTSTRIP'],
    [FILTER, '-p udp -j SYNPROXY'],
    [{ ...FILTER, chain: 'OUTPUT' }, '-p tcp -j SYNPROXY'],
  ]);
});

describe('CLASSIFY', () => {
  table(MANGLE, [
    ['-j CLASSIFY --set-class 1:10', '--set-class 0001:0010', 'CLASSIFY set 1:10'],
    ['-j CLASSIFY --set-class 12345:-1junk', '--set-class 2345:ffff', 'CLASSIFY set 2345:ffff'],
    ['-j CLASSIFY --set-class 0x:1ffffffffffffffff', '--set-class 0000:ffff', 'CLASSIFY set 0:ffff'],
  ]);
  refusals(
    MANGLE,
    ['1', '1:', ':1', '--1:1', '1:-', '0xg:1', ''].map((text) => [
      `-j CLASSIFY --set-class "${text}"`,
      `Bad class value "${text}"`,
    ]),
  );
  kernelRefusals([[FILTER, '-j CLASSIFY --set-class 1:1']]);
});

describe('HMARK', () => {
  table(FILTER, [
    [
      '-j HMARK --hmark-mod 4 --hmark-rnd 3 --hmark-tuple c,src,dst,sport,P --hmark-offset 17 --hmark-dport 8',
      '--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport 0x0008 --hmark-proto-mask 0xffff --hmark-rnd 0x00000003 --hmark-mod 4 --hmark-offset 17 --hmark-tuple ct',
      'HMARK mod 4 + 0x11 ct, src-prefix 32 dst-prefix 32 sport-mask 0xffff dport 0x8 proto-mask 0xffff rnd 0x3 ',
    ],
    [
      '-j HMARK --hmark-src-prefix 255.255.0.0 --hmark-rnd 3 --hmark-mod 4',
      '--hmark-src-prefix 16 --hmark-rnd 0x00000003 --hmark-mod 4',
      'HMARK mod 4 src-prefix 16 rnd 0x3 ',
    ],
  ]);
  table(FILTER6, [
    [
      '-j HMARK --hmark-tuple src --hmark-dst-prefix ffff:: --hmark-rnd 3 --hmark-mod 4',
      '--hmark-src-prefix 128 --hmark-dst-prefix 16 --hmark-rnd 0x00000003 --hmark-mod 4',
      'HMARK mod 4 src-prefix  dst-prefix 16 rnd 0x3 ',
    ],
  ]);
  refusals(FILTER, [
    ['-j HMARK --hmark-mod 4', '--hmark-rnd is mandatory'],
    ['-j HMARK --hmark-rnd 4', '--hmark-mod is mandatory'],
    ['-j HMARK --hmark-rnd 3 --hmark-mod 4', 'you have to specify --hmark-tuple at least'],
    ['-j HMARK --hmark-tuple src,foo,dst', 'Bad type "foo,dst"'],
    [
      '-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple src --hmark-src-prefix 24',
      'HMARK: option "--hmark-src-prefix" can only be used once.',
    ],
    [
      '-j HMARK --hmark-rnd 3 --hmark-mod 4 --hmark-tuple sport,spi',
      'you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time',
    ],
  ]);
  kernelRefusals([[FILTER, '-j HMARK --hmark-sport 1 --hmark-spi 8 --hmark-rnd 3 --hmark-mod 4']]);
});

describe('RATEEST', () => {
  const words = (interval: string, average: string) => `--rateest-interval ${interval} --rateest-ewmalog ${average}`;
  const rule = (interval: string, average: string) => `-j RATEEST --rateest-name RE ${words(interval, average)}`;
  const row = (interval: string, average: string, time: string, over: string): Row => {
    const printed = `--rateest-name RE ${words(time, over)}`;
    return [rule(interval, average), printed, `name RE interval ${time} ewmalog ${over}`];
  };
  table(FILTER, [
    row('250.0ms', '500.0ms', '250.0ms', '500.0ms'),
    row('1s', '3s', '1.0s', '2.0s'),
    row('1S', '4e3ms', '1.0s', '4.0s'),
    row('0x1p20', '16e6', '2.0s', '16.0s'),
    row('100us', '1000', '250.0ms', '2.0s'),
    // Times are 32 bits of microseconds.
    row('1s', '5000s', '1.0s', '512.0s'),
  ]);

  it.each([
    ['100', '160s', '4095us', '4293918720us', 'interval 250.0ms ewmalog 151.0s'],
    ['4us', '4294s', '7us', '3758096384us', 'interval 250.0ms ewmalog 0us'],
  ])('%s and %s are printed so that they read back', (interval, average, time, over, listed) => {
    const printed = rule(time!, over!);
    expect(shown(rule(interval!, average!), FILTER)).toEqual([printed, `name RE ${listed}`, `name RE ${listed}`]);
    const target = (text: string) => read(text, FILTER).ruleset.tables[0]!.chains[0]!.rules[0]!.target;
    expect(target(printed)).toEqual(target(rule(interval!, average!)));
  });

  refusals(FILTER, [
    [rule('9s', '160s'), 'RATEEST: interval value is too large'],
    [rule('-1', '160s'), 'RATEEST: interval value is too large'],
    [rule('1s', '1s'), 'RATEEST: ewmalog value is out of range'],
    [rule('inf', '160s'), 'RATEEST: ewmalog value is out of range'],
    [rule('1e', '160s'), 'RATEEST: bad interval value "1e"'],
    [rule('1s', 'x'), 'RATEEST: bad ewmalog value "x"'],
    [rule('1s', '9constructor'), 'RATEEST: bad ewmalog value "9constructor"'],
    ['-j RATEEST', 'RATEEST: ewmalog value is out of range'],
    [`-j RATEEST ${words('1s', '4s')}`, 'RATEEST: option "--rateest-name" must be specified'],
  ]);
});

describe('SET', () => {
  table(MANGLE, [
    ['-j SET --add-set foo srcx,dst', '--add-set foo src,dst', 'add-set foo src,dst'],
    [
      '-j SET --del-set net dst,src --exist --exist --timeout 5 --timeout 6 ! --add-set foo src',
      '--add-set foo src --exist --timeout 6 --del-set net dst,src',
      'add-set foo src exist timeout 6 del-set net dst,src',
    ],
    [
      '-j SET --map-prio --map-set foo src --map-mark',
      '--map-set foo src --map-mark --map-prio',
      'map-set foo src map-mark map-prio',
    ],
  ]);
  refusals(MANGLE, [
    ['-j SET', "You must specify either `--add-set' or `--del-set' or `--map-set'"],
    ['-j SET --add-set', 'option "--add-set" requires an argument'],
    ['-j SET --add-set foo', '--add-set requires two args.'],
    ['-j SET --add-set foo src --add-set foo dst', '--add-set can be specified only once'],
    ['-j SET --del-set foo src --exist', "Flag `--exist' can be used with `--add-set' only"],
    ['-j SET --del-set foo src --timeout 5', "Option `--timeout' can be used with `--add-set' only"],
    ['-j SET --add-set foo src --map-queue', "Flag `--map-queue' can be used with `--map-set' only"],
    ['-j SET --map-set foo src', "You must specify flags `--map-mark' or '--map-prio` or `--map-queue'"],
  ]);
  kernelRefusals([
    [FILTER, '-j SET --map-set foo src --map-mark'],
    [{ ...MANGLE, chain: 'INPUT' }, '-j SET --map-set foo src --map-queue'],
  ]);
});

describe('the others', () => {
  table(MANGLE, [
    ['-j CHECKSUM --checksum-fill', '--checksum-fill', 'CHECKSUM fill'],
    ['-j AUDIT --type DROP', '--type drop', 'AUDIT drop'],
    ['-j TEE --gateway 1.2.3', '--gateway 1.2.0.3', 'TEE gw:1.2.0.3'],
    [
      '-j TEE --oif abcdefghijklmnop --gateway 1.1.1.1',
      '--gateway 1.1.1.1 --oif abcdefghijklmno',
      'TEE gw:1.1.1.1 oif=abcdefghijklmno',
    ],
    ['-j IDLETIMER --alarm --label foo --timeout 42', '--timeout 42 --label foo --alarm', 'timeout:42 label:foo alarm'],
    [
      '-j LED --led-trigger-id a.b --led-delay INFinity',
      '--led-trigger-id "a.b" --led-delay inf',
      'led-trigger-id:"a.b" led-delay:inf',
    ],
    [
      '-j LED --led-always-blink --led-trigger-id x',
      '--led-trigger-id "x" --led-always-blink',
      'led-trigger-id:"x" led-delay:0ms led-always-blink',
    ],
  ]);
  table(MANGLE6, [['-j TEE --gateway 2001:DB8::1', '--gateway 2001:db8::1', 'TEE gw:2001:db8::1']]);
  table(RAW, [['-j TRACE', '', '']]);
  refusals(MANGLE, [
    ['-j CHECKSUM', 'CHECKSUM: option "--checksum-fill" must be specified'],
    ['-j AUDIT --type acc', 'Bad action type value "acc"'],
    ['-j LED --led-trigger-id aaaaaaaaaaaaaaaaa', 'Argument must have a maximum length of 16 characters'],
    ['-j LED --led-trigger-id x --led-delay -1', 'Delay value must be within range 0..4294967295'],
  ]);
  kernelRefusals([
    [FILTER, '-j CHECKSUM --checksum-fill'],
    [FILTER, '-j TRACE'],
    [FILTER, '-j TEE --gateway 0.0.0.0'],
    [FILTER6, '-j TEE --gateway ::'],
    [FILTER, '-j IDLETIMER --timeout 2147483 --label x'],
    [FILTER, '-j IDLETIMER --timeout 5 --label uevent'],
    [FILTER, '-j IDLETIMER --timeout 5 --label a/b'],
  ]);

  it('takes settings of one name that the kernel would compare', () => {
    const timer = '-j IDLETIMER --timeout 5 --label x';
    expect(codes(`${timer}\n-A INPUT ${timer} --alarm`, FILTER)).toEqual([]);
    const estimator = '-j RATEEST --rateest-name x --rateest-ewmalog 16s --rateest-interval';
    expect(codes(`${estimator} 1s\n-A INPUT ${estimator} 2s`, FILTER)).toEqual([]);
  });

  it.each([
    ['-j LED --led-trigger-id x --led-delay 2147483648', '--led-delay 2147483648'],
    ['-j LED --led-trigger-id x --led-delay INF', '--led-delay inf'],
  ])('%s is printed without the sign that iptables gives it', (rule, printed) => {
    expect(shown(rule, FILTER)[0]).toBe(`-j LED --led-trigger-id "x" ${printed}`);
  });

  it.each([
    ['-j IDLETIMER --timeout 42 --label "foo bar"', '-j IDLETIMER --timeout 42 --label "foo bar"'],
    ['-j TEE --gateway 1.1.1.1 --oif "a\\"b"', '-j TEE --gateway 1.1.1.1 --oif "a\\"b"'],
    [
      '-j RATEEST --rateest-name "" --rateest-interval 1s --rateest-ewmalog 4s',
      '-j RATEEST --rateest-name "" --rateest-interval 1.0s --rateest-ewmalog 4.0s',
    ],
  ])('%s is printed so that it can be read back', (rule, printed) => {
    expect(shown(rule, FILTER)[0]).toBe(printed);
    expect(shown(printed, FILTER)[0]).toBe(printed);
  });
});
