// Where we differ from iptables-legacy on purpose. Each class has a reason and an example; `fuzz.test.ts` asks for both
// answers to the example and fails when there is no difference any more, or one of another class.

import { caseOf, type FuzzCase } from './case.ts';
import type { Difference } from './compare.ts';

export interface DifferenceClass {
  readonly name: string;
  readonly reason: string;
  readonly example: FuzzCase;
  applies(difference: Difference): boolean;
}

const text = ({ case: { text } }: Difference) => text.toString('latin1');

export const CLASSES: readonly DifferenceClass[] = [
  {
    name: 'bytes that are no text',
    reason:
      'iptables takes any bytes and ends a line at a zero byte. What is neither UTF-8 nor without zero bytes would come back altered, so it is refused.',
    example: caseOf('ipv4', Buffer.from('*filter\n-A INPUT -m comment --comment "\xff"\nCOMMIT\n', 'latin1')),
    applies: ({ ours, kind }) => kind !== 'crash' && /the line (is not UTF-8 text|holds a zero byte)/.test(ours),
  },
  {
    name: 'an unterminated quote',
    reason:
      'iptables takes the end of the line into the word, so that what it saves cannot be restored. Here the word ends with the line.',
    example: inFilter('-A INPUT -m comment --comment "open'),
    applies: (difference) =>
      text(difference)
        .split('\n')
        .some((line) => /^[^"]*(?:"(?:\\.|[^"\\])*"[^"]*)*"(?:\\.|[^"\\])*\\?$/.test(line)) &&
      /(print|message|by us alone|exit code)/.test(difference.kind),
  },
  {
    name: 'a value attached to -s, -d, -p, -i, -o or -j',
    reason:
      'iptables 1.8.9 takes the whole word for the value (`-ptcp` names a protocol "-ptcp", `--jump=ACCEPT` a target of that name); bpfilter reads what is attached.',
    example: inFilter('-A INPUT -jACCEPT'),
    applies: ({ theirs, kind, ...rest }) =>
      kind !== 'crash' &&
      (/(protocol "|host\/network `|load target `|interface name `|target name `)-/.test(theirs) ||
        / -[io] "?-/.test(theirs) ||
        (/ -[46fvnx]*j\S/.test(rest.case.text.toString('latin1')) && /unknown option/.test(theirs)) ||
        (/ -[46fvnx]*[io][^\s]/.test(rest.case.text.toString('latin1')) && /Empty interface|interface/.test(theirs))),
  },
  {
    name: 'a line that only shows something',
    reason:
      'iptables-restore prints help, the version or a listing for -h, -V, -L and -S inside a file. bpfilter refuses the file.',
    example: inFilter('-h'),
    applies: ({ ours }) => /-[hV] has no meaning in a file|a file of rules cannot list them/.test(ours),
  },
  {
    name: 'carriage returns',
    reason: 'bpfilter says what is wrong with a file of another system; iptables takes them into the last word.',
    example: inFilter('-A INPUT -j c\r'),
    applies: ({ ours }) => /the line ends in a carriage return/.test(ours),
  },
  {
    name: 'behind an unknown letter',
    reason:
      'Of several letters in one word, iptables names another word than the unknown one, or goes on with the next letter.',
    example: inFilter('-A INPUT -p tcp -ecn'),
    applies: (difference) =>
      /(message|exit code|by us alone)/.test(difference.kind) &&
      /unknown option "/.test(difference.ours) &&
      /(^|[\s\]])-[^ \n-][^ \n]+/m.test(text(difference)),
  },
  {
    name: 'an option that prints a null pointer',
    reason: 'iptables takes the letter b for an option that it does not have, and says `Unknown arg "(null)"`.',
    example: inFilter('-b'),
    applies: ({ theirs }) => theirs.includes('Unknown arg "(null)"'),
  },
  {
    name: 'counters whose colon stands behind the bracket',
    reason: 'iptables cuts the line at that colon; bpfilter says what is missing.',
    example: inFilter('[1] -A INPUT -m comment --comment a:2'),
    applies: ({ ours }) => /Bad line \d+: need :/.test(ours),
  },
  {
    name: 'the kernel lacks it',
    reason:
      'iptables refuses what the running kernel was built without; bpfilter knows the language whatever the kernel.',
    example: inFilter('-A INPUT -m ipvs --ipvs'),
    applies: ({ message, kind }) => kind !== 'crash' && /missing kernel module\?/.test(message),
  },
  {
    name: 'an object of the host is missing',
    reason:
      'iptables looks up pinned programs, sets and accounting objects while it parses; bpfilter parses on any machine and asks when a rule is to be enforced.',
    example: inFilter('-A INPUT -m bpf --object-pinned /nosuch'),
    applies: (difference) =>
      difference.kind !== 'crash' &&
      (/failed to get bpf object|Set .* doesn't exist/.test(difference.message) ||
        (/line \d+ failed/.test(difference.message) &&
          / (nfacct|cgroup|helper|rateest|CT|TEE|SECMARK) /.test(text(difference)))),
  },
  {
    name: 'what no packet fulfils is printed',
    reason:
      'iptables-save leaves out `! -i +`, `! -o +` and `! --dport 0:65535`, so that the rule restored from what it prints matches everything.',
    example: inFilter('-A INPUT ! -i + -j DROP'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'print' &&
      theirs ===
        ours.replaceAll(
          / --tcp-flags NONE \S+| ! (-[io] \+|--[sd]port 0:65535|--mh-type 0:255|--(\w+spi|fragid|rt-segsleft) 0:4294967295)(?= |$)/gm,
          '',
        ),
  },
  {
    name: 'what could not be read back is quoted',
    reason:
      'iptables-save prints names of devices and lists as they are, also empty ones and those with blanks, so that what it saves cannot be restored.',
    example: inFilter('-A FORWARD -m physdev --physdev-out "" ! --physdev-is-out'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'print' &&
      theirs === ours.replaceAll(/"(\S*\s[^"]*|)"/g, (quoted, inside) => (theirs.includes(quoted) ? quoted : inside)),
  },
  {
    name: 'a shortened option without its value',
    reason:
      'Where -p names a match that is loaded already, iptables calls such an option unknown; it does so for no other.',
    example: inFilter('-A INPUT -p esp -m esp --espsp'),
    applies: ({ kind, theirs, ours }) => {
      const lacking = / option "(.*)" requires an argument$/.exec(ours)?.[1];
      return kind === 'message' && lacking !== undefined && theirs.endsWith(` unknown option "${lacking}"`);
    },
  },
  {
    name: 'two mistakes in one option',
    reason: 'Of several things that are wrong with one option, bpfilter may tell another one first.',
    example: inFilter('-A INPUT -p tcp --syn --tcp-flags X Y'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'message' &&
      ((/Only one of `--syn' or `--tcp-flags'/.test(theirs) && /TCP flag|two args/.test(ours)) ||
        (/burst cannot be smaller/.test(theirs) && /cannot be used together/.test(ours)) ||
        (/can only be used once/.test(theirs) && /bad value for option/.test(ours)) ||
        (/-c requires packet and byte counter/.test(theirs) && /not numeric/.test(ours))),
  },
  {
    name: 'times of an estimator as they were given',
    reason:
      'iptables-save prints the interval that the kernel rounds to and an average that does not lead to the same estimator when it is read back.',
    example: inFilter('-A INPUT -j RATEEST --rateest-name n1 --rateest-interval 16 --rateest-ewmalog 8s'),
    applies: ({ kind, theirs, ours }) => {
      const times = / --rateest-interval \S+ --rateest-ewmalog \S+/g;
      return kind === 'print' && theirs !== ours && theirs.replaceAll(times, '') === ours.replaceAll(times, '');
    },
  },
  {
    name: 'what would not read back as it is',
    reason:
      'iptables-save prints `--seconds` beyond 31 bits as negative, a rate of bytes that is too large for its unit in bytes that it does not read, rounds a rate in bits, forgets the base of ports (`/4`), and leaves out the interval of a rate that is limited.',
    example: inFilter('-A INPUT -m recent --update --seconds 4294967294'),
    applies: ({ kind, theirs, ours }) => {
      const plain = (saved: string) =>
        saved
          .replaceAll(/ --hashlimit-rate-interval \d+/g, '')
          .replaceAll(/ --rateest-bps(\d?) \d+[KM]?bit/g, ' --rateest-bps$1')
          .replaceAll(/ --seconds -?\d+/g, ' --seconds')
          .replaceAll(/(--to-(?:source|ports) \S*\d-\d+)\/\d+/g, '$1')
          .replaceAll(/ \d+(b|kb|mb)\/s/g, ' b/s');
      return kind === 'print' && plain(theirs) === plain(ours);
    },
  },
  {
    name: 'an option that is both repeated and inverted',
    reason: 'rateest tells the one mistake, bpfilter the other.',
    example: inFilter('-A INPUT -m rateest --rateest-delta ! --rateest-delta'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'message' && /rateest: .*can't be inverted/.test(theirs) && /rateest: .*twice/.test(ours),
  },
  {
    name: 'what REJECT no longer knows',
    reason: 'iptables tells that echo-reply was taken away, for every beginning of that name, too.',
    example: inFilter('-A INPUT -j REJECT --reject-with ec'),
    applies: ({ theirs, ours }) => /echo-reply no longer supported/.test(theirs) && /unknown reject type/.test(ours),
  },
  {
    name: 'why a name is not found',
    reason: 'Whether a resolver has failed for now or knows that there is no such name depends on the machine.',
    example: caseOf('ipv4', '*mangle\n-A PREROUTING -p tcp -j TPROXY --on-port 1 --on-ip lo\nCOMMIT\n'),
    applies: ({ kind, theirs, ours }) =>
      kind === 'message' &&
      /getaddrinfo: (Temporary failure|Name or service)/.test(theirs) &&
      /getaddrinfo: /.test(ours),
  },
];

export function classOf(difference: Difference): DifferenceClass | undefined {
  return CLASSES.find((each) => each.applies(difference));
}

/** A file of one rule in the filter table. */
function inFilter(rule: string): FuzzCase {
  return caseOf('ipv4', `*filter\n${rule}\nCOMMIT\n`);
}
