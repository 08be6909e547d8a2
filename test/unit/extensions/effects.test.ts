// Matches of rates, times and payloads as text. The right sides are what iptables-legacy 1.8.9 answered; most rules are
// compared with it in test/differential/text-cases/effects.ts, here is what must hold without it, and what it cannot be
// asked by single rules.

import { describe, expect, it } from 'vitest';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { cases } from '../../differential/text-cases/effects.ts';
import { readBack } from '../../harness/read-back.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const PLACE: Place = { family: 'ipv4', table: 'filter', chain: 'INPUT', names: namesFrom('', '') };
const PLACE6: Place = { ...PLACE, family: 'ipv6' };

type Row = readonly [rule: string, printed: string, numeric: string, named?: string];

function shows(place: Place, rows: readonly Row[]): void {
  for (const [rule, printed, numeric, named = numeric] of rows) {
    it(rule, () => {
      expect(ruleText(rule, place)).toEqual({ printed, numeric: ` ${numeric}`, named: ` ${named}` });
    });
  }
}

function refuses(rows: readonly (readonly [rule: string, message: string])[]): void {
  it.each(rows)('%s is refused', (rule, message) => {
    expect(complaints(rule, PLACE)[0]).toContain(`: ${message}`);
  });
}

function kernelRefuses(rules: readonly string[]): void {
  it.each(rules)('%s is refused by the kernel', (rule) => {
    expect(complaints(rule, PLACE)[0]).toMatch(/^refused-rule: /);
  });
}

describe('limit', () => {
  shows(PLACE, [
    ['-m limit', '-m limit --limit 3/hour', 'limit: avg 3/hour burst 5'],
    ['-m limit --limit 60/min --limit-burst 5', '-m limit --limit 1/sec', 'limit: avg 1/sec burst 5'],
    ['-m limit --limit 7/MINUTE --limit-burst 3', '-m limit --limit 7/min --limit-burst 3', 'limit: avg 7/min burst 3'],
    // 10000/3333 s is kept, of which 3000.3 would do.
    ['-m limit --limit 3001', '-m limit --limit 3333/sec', 'limit: avg 3333/sec burst 5'],
    // 50/sec would read back as another rate.
    ['-m limit --limit 3015/min', '-m limit --limit 4341708/day', 'limit: avg 50/sec burst 5'],
  ]);
  refuses([
    ['-m limit --limit 1/week', 'bad rate "1/week"\''],
    ['-m limit --limit 10001', 'Rate too fast "10001"'],
    ['-m limit --limit-burst 10001', 'limit: bad value for option "--limit-burst", or out of range (0-10000).'],
  ]);
  kernelRefuses(['-m limit --limit 1/day --limit-burst 2', '-m limit --limit-burst 0']);
});

describe('hashlimit', () => {
  const name = '--hashlimit-name a';
  shows(PLACE, [
    [
      `-m hashlimit ! --hashlimit 60/min ${name}`,
      `-m hashlimit --hashlimit-above 1/sec --hashlimit-burst 5 ${name} --hashlimit-htable-expire 60000`,
      'limit: above 1/sec burst 5 htable-expire 60000',
    ],
    [
      `-m hashlimit ! --hashlimit-above 4kb/s --hashlimit-burst 400kb ${name} --hashlimit-mode dstip|srcip`,
      `-m hashlimit --hashlimit-upto 4kb/s --hashlimit-burst 400kb --hashlimit-mode srcip,dstip ${name}`,
      'limit: up to 4kb/s burst 400kb mode srcip-dstip',
    ],
    [
      `-m hashlimit --hashlimit 40/min ${name} --hashlimit-rate-match --hashlimit-dstmask 24`,
      `-m hashlimit --hashlimit-upto 40/sec --hashlimit-burst 5 ${name} --hashlimit-htable-expire 60000 --hashlimit-dstmask 24 --hashlimit-rate-match --hashlimit-rate-interval 60`,
      'limit: up to 40/min burst 5 dstmask 24 rate-match rate-interval 60',
    ],
    // A burst that a rounded unit would change at each reading.
    [
      `-m hashlimit --hashlimit 4kb/s --hashlimit-burst 4008kb ${name}`,
      `-m hashlimit --hashlimit-upto 4kb/s --hashlimit-burst 4008kb ${name}`,
      'limit: up to 4kb/s burst 3mb',
    ],
  ]);
  shows(PLACE6, [
    [
      `-m hashlimit --hashlimit 1/s ${name} --hashlimit-srcmask ffff:: --hashlimit-dstmask 128`,
      `-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 5 ${name} --hashlimit-srcmask 16`,
      'limit: up to 1/sec burst 5 srcmask 16',
    ],
  ]);
  refuses([
    ['-m hashlimit', 'You have to specify --hashlimit'],
    ['-m hashlimit --hashlimit 1/s', 'hashlimit: option "--hashlimit-name" must be specified'],
    [`-m hashlimit --hashlimit 1/x ${name}`, 'hashlimit: Bad value for "--hashlimit-upto" option: "1/x"'],
    [`-m hashlimit --hashlimit 5kb/s --hashlimit-burst 1 ${name}`, 'burst cannot be smaller than 5120b'],
    // Here iptables divides by zero.
    [`-m hashlimit --hashlimit 5b/s --hashlimit-burst 5 ${name}`, 'burst cannot be smaller than 0b'],
    [`-m hashlimit --hashlimit 99999999999999999999b/s ${name}`, 'Rate too high "99999999999999999999b/s"'],
  ]);
  kernelRefuses([
    `-m hashlimit --hashlimit 1/day --hashlimit-burst 2 ${name}`,
    `-m hashlimit --hashlimit 100000mb/s ${name}`,
    `-m hashlimit --hashlimit 1/s --hashlimit-srcmask 255.0.255.0 ${name}`,
    '-m hashlimit --hashlimit 1/s --hashlimit-name a/b',
  ]);
});

describe('recent', () => {
  shows(PLACE, [
    [
      '-m recent ! --update --rttl --reap --seconds 4294967295 --rdest --mask 255.255.0.0',
      '-m recent ! --update --seconds 4294967295 --reap --rttl --name DEFAULT --mask 255.255.0.0 --rdest',
      '! recent: UPDATE seconds: -1 reap TTL-Match name: DEFAULT side: dest mask: 255.255.0.0',
    ],
  ]);
  refuses([
    ['-m recent', "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'"],
    ['-m recent --set --update', 'recent: option "--set" cannot be used together with "--update".'],
    ['-m recent --update --reap', 'recent: option "--reap" also requires "--seconds".'],
  ]);
  kernelRefuses(['-m recent --set --hitcount 1', '-m recent --rcheck --hitcount 65536', '-m recent --set --name ..']);
});

describe('quota, statistic', () => {
  shows(PLACE, [
    ['-m quota ! --quota 0x10', '-m quota ! --quota 16', 'quota: 16 bytes'],
    [
      '-m statistic --mode random ! --probability 0.000244140625',
      '-m statistic --mode random ! --probability 0.00024414062',
      'statistic mode random ! probability 0.00024414062',
    ],
    [
      '-m statistic --mode random --probability 0x.8p-1',
      '-m statistic --mode random --probability 0.25000000000',
      'statistic mode random probability 0.25000000000',
    ],
    [
      '-m statistic --mode nth --packet 0 --every 3',
      '-m statistic --mode nth --every 3 --packet 0',
      'statistic mode nth every 3',
    ],
  ]);
  refuses([
    ['-m statistic', '--probability must be specified when using random mode'],
    ['-m statistic --probability 1', 'statistic: option "--mode" must be specified'],
    ['-m statistic --mode nth --every 5 --packet 5', 'the --packet p must be 0 <= p <= n-1'],
  ]);
});

describe('time', () => {
  const end = '--datestop 2038-01-19T03:14:07';
  shows(PLACE, [
    ['-m time', `-m time ${end}`, 'TIME UTC'],
    [
      '-m time --timestart 22: --weekdays 7,Mo --monthdays 11,2 --localtz',
      `-m time --timestart 22:00:00 --timestop 23:59:59 --monthdays 2,11 --weekdays Mon,Sun ${end} --kerneltz`,
      'TIME from 22:00:00 to 23:59:59 on Mon,Sun on 2nd,11st',
    ],
    [
      '-m time --datestart 2001-00-00 --datestop 1970-01-01',
      '-m time --datestart 2000-11-30T00:00:00 --datestop 1970-01-01T00:00:00',
      'TIME starting from 2000-11-30 00:00:00 until date UTC',
    ],
    ['-m time --weekdays 9', `-m time --weekdays "" ${end}`, 'TIME on  UTC'],
  ]);
  refuses([
    ['-m time --datestart 1970-00', 'mktime returned an error'],
    ['-m time --weekdays 0', 'No, the week does NOT begin with Sunday.'],
    ['-m time --monthdays 08', '08 is not a valid day for --monthdays'],
    ['-m time --timestart 1:60', 'invalid time "60" specified, should be hh:mm[:ss] format and within the boundaries'],
  ]);
});

describe('string, u32', () => {
  shows(PLACE, [
    [
      '-m string --hex-string "ab|61 62|\\\\|" --algo kmp --icase',
      '-m string --hex-string "|616261625c|" --algo kmp --icase',
      'STRING match  "|616261625c|" ALGO name kmp ICASE',
    ],
    [
      '-m string ! --string ä --algo bm',
      '-m string ! --hex-string "|c3a4|" --algo bm',
      'STRING match ! "|c3a4|" ALGO name bm',
    ],
    [
      '-m u32 ! --u32 "0 & 010 = 5:6 , 7&&1@2=3"',
      '-m u32 ! --u32 "0x0&0x8=0x5:0x6,0x7&&0x1@0x2=0x3"',
      'u32 ! "0x0&0x8=0x5:0x6,0x7&&0x1@0x2=0x3"',
    ],
  ]);
  refuses([
    ['-m string --hex-string |6g| --algo bm', "Invalid hex char 'g'"],
    ['-m string --algo bm', "STRING match: You must specify `--string' or `--hex-string'"],
    ['-m u32 --u32 1=2&3', "u32: at char 4: a second '&' was expected"],
    ['-m u32 --u32 1', 'u32: abrupt end of input after location specifier'],
  ]);
  kernelRefuses(['-m string --string a --algo fsm', '-m string --string a --algo bm --from 2 --to 1']);
});

describe('rateest', () => {
  shows(PLACE, [
    [
      '-m rateest --rateest RE1 --rateest-lt --rateest-bps 8bit',
      '-m rateest --rateest RE1 --rateest-lt --rateest-bps 8bit',
      'rateest match RE1 bps 1 lt',
      'rateest match RE1 bps 8bit lt',
    ],
    [
      '-m rateest --rateest-delta --rateest1 RE1 --rateest-pps1 0 ! --rateest-lt --rateest-pps2 42 --rateest2 RE2',
      '-m rateest --rateest-delta --rateest1 RE1 --rateest-pps1 0 ! --rateest-lt --rateest-pps2 42 --rateest2 RE2',
      'rateest match RE1 delta pps 0 ! lt RE2 pps 42',
    ],
    [
      '-m rateest --rateest RE1 --rateest-gt --rateest-pps 5 ! --rateest-lt --rateest-bps1 5',
      '-m rateest --rateest RE1 ! --rateest-lt --rateest-bps 0bit ! --rateest-lt --rateest-pps 5',
      'rateest match RE1 bps 0 ! lt pps ! lt 5',
      'rateest match RE1 bps 0bit ! lt pps ! lt 5',
    ],
    [
      '-m rateest --rateest RE1 --rateest-gt --rateest-bps 0.1875mbps',
      '-m rateest --rateest RE1 --rateest-gt --rateest-bps 1500Kbit',
      'rateest match RE1 bps 187500 gt',
      'rateest match RE1 bps 1500Kbit gt',
    ],
    // iptables saves 3568Mbit, which is another rate.
    [
      '-m rateest --rateest RE1 --rateest-gt --rateest-bps 1e12',
      '-m rateest --rateest RE1 --rateest-gt --rateest-bps 3567587328bit',
      'rateest match RE1 bps 445948416 gt',
      'rateest match RE1 bps 3568Mbit gt',
    ],
  ]);
  refuses([
    ['-m rateest --rateest-bps x', "rateest: could not parse rate `x'"],
    ['-m rateest --rateest-eq --rateest-eq', "rateest: can't specify lt/gt/eq twice"],
    ['-m rateest ! --rateest-pps 5', "rateest: rateest-pps can't be inverted"],
  ]);
  kernelRefuses([
    '-m rateest',
    '-m rateest --rateest-lt --rateest-bps 5',
    '-m rateest --rateest RE1 --rateest-gt',
    '-m rateest --rateest RE1 --rateest-bps',
  ]);
});

it('what is printed reads back as the same', () => {
  const all = readBack(cases);
  expect(all.length).toBeGreaterThan(150);
  for (const { rule, first, again } of all) expect(again, rule).toEqual(first);
});
