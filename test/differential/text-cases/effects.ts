// Rules with the matches of src/extensions/effects: whether iptables-legacy takes each, it says itself.
//
// Left out: rules of rateest that the kernel takes, since they need an estimator beside them; rates at which iptables divides by zero; the date before 1970 at which mktime(3) fails, and --localtz,
// which warns. Tables of hashlimit live on for a moment, so each rule with another way of counting has one by itself.

import { type TextCase, textCases } from './text-case.ts';

const LIMIT = `
-m limit
-m limit --limit 1/sec
-m limit --limit 7/min --limit-burst 3
-m limit --limit 1000/hour
-m limit --limit 1000/day
-m limit --limit 60/minute
-m limit --limit 61/minute
-m limit --limit 3/s
-m limit --limit 333/sec
-m limit --limit 7001
-m limit --limit 5x/sec
-m limit --limit " +5/DAY" --limit-burst 1
-m limit --limit 1/S
-m limit --limit 10000
-m limit --limit 10001
-m limit --limit -1
-m limit --limit 0
-m limit --limit 1/
-m limit --limit 1/week
-m limit --limit /sec
-m limit --limit ""
-m limit --limit 4294967297
-m limit --limit 1/day --limit-burst 0
-m limit --limit 1/day --limit-burst 1
-m limit --limit 1/day --limit-burst 2
-m limit --limit 1/hour --limit-burst 37
-m limit --limit 1/hour --limit-burst 38
-m limit --limit 1/hour --limit-burst 10000
-m limit --limit 1/min --limit-burst 2236
-m limit --limit 1/min --limit-burst 2237
-m limit --limit-burst 10001
-m limit --limit-burst x
-m limit ! --limit 1/sec
-m limit --limit 1/sec --limit 1/sec
-m limit --limit-burst 5 --limit-burst 5
-m limit --limit
`;

const QUOTA = `
-m quota --quota 0
-m quota ! --quota 0x10
-m quota --quota 18446744073709551615
-m quota --quota 18446744073709551616
-m quota --quota -1
-m quota
-m quota --quota 1 --quota 1
`;

const STATISTIC = `
-m statistic --mode random --probability 0.5
-m statistic --mode random ! --probability 1
-m statistic --mode random --probability 0
-m statistic --mode random --probability 0.000244140625
-m statistic --mode random --probability 0.000732421875
-m statistic --mode random --probability 3.3e-1
-m statistic --mode random --probability 0.999999999999
-m statistic --mode random --probability 1.1
-m statistic --mode random --probability 0x1p-1
-m statistic --mode random --probability 0x.8P+0
-m statistic --mode random --probability 0x
-m statistic --mode random --probability nan
-m statistic --mode random --probability -NAN(5)
-m statistic --mode random --probability inf
-m statistic --mode random --probability -0
-m statistic --mode random --probability 1e
-m statistic --mode random --probability x
-m statistic --mode nth --every 3 --packet 0
-m statistic --mode nth ! --every 5 --packet 4
-m statistic --mode nth --every 5 --packet 5
-m statistic --mode nth --every 5
-m statistic --mode nth --packet 0
-m statistic --mode nth --packet 1
-m statistic --mode nth --every 0 --packet 0
-m statistic --mode nth --every 4294967295 --packet 4294967294
-m statistic --mode nth
-m statistic --mode nth --probability 0.5
-m statistic --mode random
-m statistic --mode random --every 5 --packet 1
-m statistic --mode random --probability 0.1 --every 5 --packet 2
-m statistic --mode random --probability 0 --packet 2
-m statistic --mode weird
-m statistic ! --mode random --probability 0.5
-m statistic --probability 1
-m statistic --every 5 --packet 2
-m statistic
`;

const TIME = `
-m time
-m time --timestart 01:02:03 --timestop 04:05:06 --monthdays 1,2,3 --weekdays Mon,Fri,Sun --kerneltz
-m time --datestart 2001-02-03T04:05:06 --datestop 2012-09-08T09:06:05
-m time --datestart 2001
-m time --datestart 2001-2
-m time --datestart 2001-02-
-m time --datestart 2001-02-31
-m time --datestart 2001-00-00
-m time --datestart 1970-01-01
-m time --datestart 2038-12-31T23:59:59
-m time --datestart 2001-02-03T04
-m time --datestart 2001-02-03T04:5
-m time --datestart " 2001-+2- 3"
-m time --datestart 2001-13
-m time --datestart 2001-01-32
-m time --datestart 2001-01-01T24
-m time --datestart 2001-01-01T00:60
-m time --datestart 2001-01-01T00:00:60
-m time --datestart 2001-01-01T00:00:00Z
-m time --datestart 2001-01-01t00
-m time --datestart 1969-12-31
-m time --datestart 2039
-m time --datestart x
-m time --timestart 1:
-m time --timestop 23:59
-m time --timestart 0:0:0 --timestop 23:59:59
-m time --timestart 24:00
-m time --timestart 12
-m time --timestart 1:60
-m time --timestart 1:2:60
-m time --timestart 1:2:3:4
-m time --timestart 1:x
-m time --timestart ""
-m time --weekdays Mo,Tu
-m time --weekdays 1,7,3
-m time --weekdays Sunday
-m time --weekdays mon
-m time --weekdays M
-m time --weekdays 0
-m time --weekdays ,1
-m time --weekdays 1,
-m time --weekdays 1,,2
-m time --weekdays 1,9,33
-m time --weekdays x
-m time ! --weekdays Sa,Su
-m time ! --weekdays 1,2,3,4,5,6,7 --weekdays 1
-m time --monthdays 1,22,3,31,11,12,13
-m time --monthdays 010,0x9
-m time --monthdays 0x1f,5
-m time --monthdays 32
-m time --monthdays 08
-m time --monthdays 123,4
-m time --monthdays x
-m time ! --monthdays 1
-m time --utc
-m time --utc --kerneltz
-m time --kerneltz --contiguous --timestart 22:00 --timestop 3:00
-m time --contiguous
-m time --contiguous --timestart 3:00 --timestop 3:00
-m time --contiguous --timestart 3:00 --timestop 4:00
`;

const STRING = String.raw`
-m string --string test --algo bm
-m string ! --string "test me" --algo kmp --icase --from 5 --to 40
-m string --algo bm --from 0 --to 65535 --string test
-m string --string "a\"b'c\\\\d" --algo kmp
-m string --string "a\\" --algo kmp
-m string --string "a	b" --algo kmp
-m string --string ä --algo bm
-m string --string "" --algo bm
-m string --string a --algo kmp --from 5 --to 4
-m string --string a --algo kmp --from 65536
-m string --string a --algo fsm
-m string --string abcdefgh --algo fsm
-m string --string a --algo wrong
-m string --string a --algo verylongalgorithmname
-m string --hex-string "|0a0a0A0a|" --algo bm
-m string --hex-string "ab|0a 0d|cd" --algo bm
-m string --hex-string "ab|  61  62|" --algo bm
-m string --hex-string "ab|61 62 |c" --algo bm
-m string --hex-string "a\\|b" --algo bm
-m string --hex-string "a|62|\\\\|" --algo bm
-m string --hex-string "a|62||63|" --algo bm
-m string --hex-string "a\\" --algo bm
-m string --hex-string "|" --algo bm
-m string --hex-string "a|" --algo bm
-m string --hex-string "|6|" --algo bm
-m string --hex-string "|61" --algo bm
-m string --hex-string "|6" --algo bm
-m string --hex-string "|6g|" --algo bm
-m string --hex-string "|g6|" --algo bm
-m string --hex-string "|61\\62|" --algo bm
-m string --hex-string "|61 6|" --algo bm
-m string --hex-string "" --algo bm
-m string ! --hex-string plain --algo bm
-m string --string a --hex-string b --algo bm
-m string --string a --string b --algo bm
-m string --string a
-m string --algo bm
-m string
`;

const LONG = 'x'.repeat(128);

const LONG_STRINGS = `
-m string --string ${LONG} --algo bm
-m string --string ${LONG}x --algo bm
-m string --hex-string ${LONG} --algo bm
-m string --hex-string ${LONG}x --algo bm
-m string --hex-string "|${'61'.repeat(128)}|" --algo bm
-m string --hex-string "|${'61'.repeat(127)}|" --algo bm
`;

const U32 = `
-m u32 --u32 0&0xff=5:6,7&&4>>2@3=0x10
-m u32 ! --u32 6=7
-m u32 --u32 " 1 = 2 && 3 << 4 = 4 : 5 "
-m u32 --u32 1=0x0:0xffffffff
-m u32 --u32 1=6:5
-m u32 --u32 1=+5
-m u32 --u32 010=09
-m u32 --u32 010=07
-m u32 --u32 ""
-m u32 --u32 x
-m u32 --u32 =
-m u32 --u32 =1
-m u32 --u32 1
-m u32 --u32 1=
-m u32 --u32 "1= "
-m u32 --u32 1=x
-m u32 --u32 1=-1
-m u32 --u32 1=4294967296
-m u32 --u32 4294967296=1
-m u32 --u32 0x=1
-m u32 --u32 "1=2 3"
-m u32 --u32 1=2,
-m u32 --u32 "1=2, x"
-m u32 --u32 1=2:
-m u32 --u32 1=2:3:4
-m u32 --u32 1=2&3
-m u32 --u32 1=&&2
-m u32 --u32 1=&2
-m u32 --u32 1=2&&
-m u32 --u32 1=2&&3
-m u32 --u32 1&&2=3
-m u32 --u32 "1& x=3"
-m u32 --u32 1<2
-m u32 --u32 "1< <2"
-m u32 --u32 1>2
-m u32 --u32 1+2=3
-m u32 --u32 "1 2=3"
-m u32 --u32 ü=3
-m u32 --u32 1=ü
-m u32 --u32 1@1@1@1@1@1@1@1@1@1=1
-m u32 --u32 1@1@1@1@1@1@1@1@1@1@1=1
-m u32 --u32 1=1,1,1,1,1,1,1,1,1,1
-m u32 --u32 1=1,1,1,1,1,1,1,1,1,1,1
-m u32 --u32 1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1
-m u32 --u32 1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1
-m u32 --u32 1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1&&1=1
-m u32
`;

const RECENT = `
-m recent --set
-m recent ! --rcheck --seconds 60 --hitcount 8 --rttl --reap --name foo --rdest
-m recent --update --rttl --rsource
-m recent --remove --name bar
-m recent --rcheck --hitcount 65535
-m recent --rcheck --hitcount 65536
-m recent --rcheck --hitcount 0
-m recent --set --hitcount 1
-m recent --remove --seconds 1
-m recent --rcheck --seconds 0
-m recent --set --rttl
-m recent --remove --rttl
-m recent --set --name ""
-m recent --set --name a/b
-m recent --set --name .
-m recent --set --name ..
-m recent --set --name ${'n'.repeat(230)}
-m recent --set --update
-m recent --update --reap
-m recent --set --set
-m recent --set --rsource --rdest
-m recent --set --rdest --rsource
-m recent
-m recent --name foo
`;

const HASHLIMIT = `
-m hashlimit --hashlimit 60/min --hashlimit-name a
-m hashlimit --hashlimit-above 1/sec --hashlimit-burst 5 --hashlimit-name a
-m hashlimit ! --hashlimit-above 3/hour --hashlimit-name a --hashlimit-mode srcip|dstport,,srcport
-m hashlimit --hashlimit-upto 1000000/sec --hashlimit-name a --hashlimit-mode dstip
-m hashlimit ! --hashlimit-upto 999/minute --hashlimit-name a --hashlimit-mode ,|
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask 0 --hashlimit-dstmask 24
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask 33
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask 129
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask foo
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-mode foo
-m hashlimit --hashlimit 1/s
-m hashlimit --hashlimit-name a
-m hashlimit --hashlimit-burst 2000000 --hashlimit-name a
-m hashlimit
-m hashlimit --hashlimit 1/s --hashlimit-name ""
-m hashlimit --hashlimit 1/s --hashlimit-name a/b
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 0
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 5x
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 5k
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 1m
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 2000000
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-burst 2000000x
-m hashlimit --hashlimit 1/s --hashlimit-burst 2000000x
-m hashlimit --hashlimit 1000000/s --hashlimit-name a --hashlimit-burst 1000000
-m hashlimit --hashlimit 1000001/s --hashlimit-name a
-m hashlimit --hashlimit x --hashlimit-name a
-m hashlimit --hashlimit-above x --hashlimit-name a
-m hashlimit --hashlimit -5 --hashlimit-name a
-m hashlimit --hashlimit 1/day --hashlimit-name a
-m hashlimit --hashlimit 1/day --hashlimit-name a --hashlimit-burst 1
-m hashlimit --hashlimit 1/day --hashlimit-name a --hashlimit-burst 2
-m hashlimit --hashlimit 1/hour --hashlimit-name a --hashlimit-burst 37
-m hashlimit --hashlimit 1/hour --hashlimit-name a --hashlimit-burst 38
-m hashlimit --hashlimit 4kb/s --hashlimit-burst 400kb --hashlimit-name b
-m hashlimit --hashlimit 10mb/s --hashlimit-name b
-m hashlimit --hashlimit 10MB/s --hashlimit-name b
-m hashlimit --hashlimit 123456b/s --hashlimit-burst 1mb --hashlimit-name b
-m hashlimit --hashlimit 5kb/s --hashlimit-name b --hashlimit-burst 1
-m hashlimit --hashlimit 123456b/s --hashlimit-name b --hashlimit-burst 5gb
-m hashlimit --hashlimit 100000mb/s --hashlimit-name b
-m hashlimit --hashlimit 0b/s --hashlimit-name b
-m hashlimit --hashlimit b/s --hashlimit-name b
-m hashlimit --hashlimit 512kb/s --hashlimit-name b --hashlimit-htable-expire 15000
-m hashlimit --hashlimit 512kb/s --hashlimit-name b --hashlimit-htable-expire 60000
-m hashlimit --hashlimit 512kb/s --hashlimit-name b --hashlimit-burst 1mb --hashlimit-htable-expire 15000
-m hashlimit --hashlimit 40/min --hashlimit-name r1 --hashlimit-rate-match
-m hashlimit --hashlimit 40/min --hashlimit-name r1 --hashlimit-rate-match --hashlimit-rate-interval 10
-m hashlimit --hashlimit 1000/day --hashlimit-name r1 --hashlimit-rate-match --hashlimit-htable-expire 4294967295
-m hashlimit --hashlimit 40mb/s --hashlimit-name r2 --hashlimit-rate-match
-m hashlimit --hashlimit 40mb/s --hashlimit-name r2 --hashlimit-rate-match --hashlimit-rate-interval 10
-m hashlimit --hashlimit 40/min --hashlimit-name a --hashlimit-rate-interval 0
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-above 1/s
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-upto 1/s
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-size 5000000 --hashlimit-htable-max 5000000
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-size 7 --hashlimit-htable-max 8
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-gcinterval 0
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-gcinterval 5 --hashlimit-htable-expire 1
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-expire 0
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-htable-expire x
`;

const RATEEST = `
-m rateest
-m rateest --rateest RE1 --rateest-gt
-m rateest --rateest RE1 --rateest-bps
-m rateest --rateest-lt --rateest-bps 5
-m rateest --rateest-bps x
-m rateest --rateest-bps 5xbit
-m rateest --rateest-bps ""
-m rateest --rateest-bps 5 --rateest-bps2
-m rateest --rateest-bps1 --rateest-bps1
-m rateest --rateest-pps1 x
-m rateest --rateest-pps2 -1
-m rateest --rateest-pps2 4294967296
-m rateest ! --rateest a
-m rateest ! --rateest2 a
-m rateest ! --rateest-bps1
-m rateest ! --rateest-pps2
-m rateest ! --rateest-delta
-m rateest --rateest a --rateest1 a
-m rateest --rateest2 a --rateest2 a
-m rateest --rateest-delta --rateest-delta
-m rateest --rateest-lt --rateest-lt
-m rateest --rateest-bps=5
`;

const MASKS4 = `
-m recent --set --mask 255.255.0.0
-m recent --set --mask 255
-m recent --set --mask 0xff.1
-m recent --set --mask ::1
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask 255.255.0.0 --hashlimit-dstmask 32
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask 255.0.255.0
`;

const MASKS6 = `
-m recent --rcheck --mask ffff::
-m recent --rcheck --mask 1.2.3.4
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask ffff:: --hashlimit-dstmask 128
-m hashlimit --hashlimit 1/s --hashlimit-name a --hashlimit-srcmask f:f::
`;

/** What iptables-save prints and iptables-restore would not read back, or read as something else. */
const SAVED_OTHERWISE: readonly (readonly [rule: string, prints: string])[] = [
  [
    '-m recent --rcheck --seconds 4294967295',
    '-m recent --rcheck --seconds 4294967295 --name DEFAULT --mask 255.255.255.255 --rsource',
  ],
  ['-m recent --set --name "a b"', '-m recent --set --name "a b" --mask 255.255.255.255 --rsource'],
  [
    '-m hashlimit --hashlimit 1/s --hashlimit-name "a b"',
    '-m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 5 --hashlimit-name "a b"',
  ],
  ['-m hashlimit --hashlimit 15b/s --hashlimit-name c', '-m hashlimit --hashlimit-upto 1b/s --hashlimit-name c'],
  [
    '-m hashlimit --hashlimit 123456b/s --hashlimit-burst 5000kb --hashlimit-name c',
    '-m hashlimit --hashlimit-upto 123456b/s --hashlimit-burst 5185152b --hashlimit-name c',
  ],
  ['-m limit --limit 3015/min', '-m limit --limit 4341708/day'],
  ['-m time --weekdays 9', '-m time --weekdays "" --datestop 2038-01-19T03:14:07'],
  [
    '-m hashlimit --hashlimit 40/min --hashlimit-name c --hashlimit-rate-interval 7x',
    '-m hashlimit --hashlimit-upto 40/min --hashlimit-burst 5 --hashlimit-name c --hashlimit-rate-interval 7',
  ],
  ['-m time --weekdays Sun,32', '-m time --weekdays 32,Sun --datestop 2038-01-19T03:14:07'],
  [
    '-m time ! --monthdays 0',
    `-m time --monthdays ${Array.from({ length: 32 }, (_, day) => day).join(',')} --datestop 2038-01-19T03:14:07`,
  ],
  ['-m time --monthdays ""', '-m time --monthdays "" --datestop 2038-01-19T03:14:07'],
  ['-m time --datestop 1970-01-01', '-m time --datestop 1970-01-01T00:00:00'],
];

export const cases: readonly TextCase[] = [
  ...textCases('ipv4', 'filter', 'INPUT', [LIMIT, QUOTA, STATISTIC, TIME, STRING, LONG_STRINGS, U32].join('\n')),
  ...textCases('both', 'filter', 'INPUT', [RECENT, HASHLIMIT, RATEEST].join('\n')),
  ...textCases('ipv4', 'filter', 'INPUT', MASKS4),
  ...textCases('ipv6', 'filter', 'INPUT', MASKS6),
  ...textCases(
    'ipv6',
    'mangle',
    'PREROUTING',
    '-m limit --limit 5/s\n-m quota --quota 5\n-m string --string a --algo bm',
  ),
  ...SAVED_OTHERWISE.map(
    ([rule, prints]): TextCase => ({
      ...{ family: 'ipv4', table: 'filter', chain: 'INPUT', rule, prints },
    }),
  ),
];
