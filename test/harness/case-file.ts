// Cases as readable files: a ruleset, packets, and what must happen to them.
//
// A case file has a title and up to three parts, in the manner of Go's txtar archives:
//
//   A web server behind two chains.
//   -- rules --
//   *filter
//   …
//   COMMIT
//   -- packets --
//   INPUT in=eth0 tcp 10.0.0.1:1234 > 10.0.0.2:22 syn -> drop rule INPUT:3
//   -- counters --
//   INPUT:3 1 40
//
// The part `packets` alone is what `rulesets/*.packets` files hold. Blank lines and lines that begin with `#` are
// comments. A line is a packet (the notation is in packet-notation.ts), and behind `->` what must happen:
//
//   accept | drop              the verdict
//   rule CHAIN:N               the rule that decided, numbered from 1, by ACCEPT or DROP
//   policy CHAIN               the policy decided
//   uncounted                  a match dropped the packet (its header is cut): nobody decided, nobody counts it
//   counts PLACE…              all that count the packet, in order: `counts INPUT:2 web:1`, `counts INPUT:policy`
//
// The verdict is required, the rest is not: what is not said is not checked. The part `counters` lists the counters
// after all packets, `PLACE packets bytes`; counters that are zero may be left out.

import type { Counters } from '../../src/base/counters.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Counted, Outcome } from '../../src/reference/interpret.ts';
import { formatPacket, parsePacket } from './packet-notation.ts';
import { flatten, formatPlace, parsePlace, type TableCounters } from './table-counters.ts';

/** What must happen to a packet. */
export interface Expectation {
  readonly verdict: 'accept' | 'drop';
  /** The counter of the rule or policy that decided, or that none did. */
  readonly decided?: Counted | 'uncounted';
  readonly counts?: readonly Counted[];
}

export interface CasePacket {
  readonly packet: HookPacket;
  readonly expected?: Expectation;
  /** Line of the file or part, from 1. */
  readonly line: number;
}

export interface Case {
  readonly title: string;
  /** In the form of iptables-save. */
  readonly rules: string;
  readonly packets: readonly CasePacket[];
  /** By place; empty where the file says nothing. */
  readonly counters: ReadonlyMap<string, Counters>;
}

/** A case for a failure: packets with what the interpreter says of each. */
export function makeCase(
  title: string,
  rules: string,
  packets: readonly HookPacket[],
  outcomes: readonly Outcome[],
  counters: TableCounters,
): Case {
  return {
    title,
    rules,
    packets: packets.map((packet, i) => ({ packet, expected: expectationOf(outcomes[i]!), line: 0 })),
    counters: new Map(flatten(counters).filter(([, { packets }]) => packets > 0n)),
  };
}

/** Everything an outcome says, as an expectation. */
export function expectationOf(outcome: Outcome): Expectation {
  const { verdict, counted, hotdrop } = outcome;
  return { verdict, decided: hotdrop ? 'uncounted' : counted[counted.length - 1]!, counts: counted };
}

/** What of the expectation the outcome does not meet; empty if all is well. */
export function unmet(expected: Expectation, outcome: Outcome): string[] {
  const found = expectationOf(outcome);
  const differ = (what: string, wanted: string, got: string): string[] =>
    wanted === got ? [] : [`${what}: expected ${wanted}, found ${got}`];
  const { decided, counts } = expected;
  return [
    ...differ('verdict', expected.verdict, found.verdict),
    ...(decided === undefined ? [] : differ('decided by', formatDecided(decided), formatDecided(found.decided!))),
    ...(counts === undefined ? [] : differ('counts', formatPlaces(counts), formatPlaces(found.counts!))),
  ];
}

export function formatCase(testCase: Case): string {
  const { title, rules, packets, counters } = testCase;
  const lines = [title, '-- rules --', rules.trimEnd(), '-- packets --'];
  for (const { packet, expected } of packets) {
    const [line, ...hex] = formatPacket(packet).split('\n');
    lines.push(expected === undefined ? line! : `${line} -> ${formatExpectation(expected)}`, ...hex);
  }
  if (counters.size > 0) {
    lines.push('-- counters --');
    for (const [place, { packets: count, bytes }] of counters) lines.push(`${place} ${count} ${bytes}`);
  }
  return `${lines.join('\n')}\n`;
}

function formatExpectation({ verdict, decided, counts }: Expectation): string {
  const words: string[] = [verdict];
  if (decided !== undefined) words.push(formatDecided(decided));
  if (counts !== undefined && counts.length > 0) words.push('counts', formatPlaces(counts));
  return words.join(' ');
}

function formatDecided(decided: Counted | 'uncounted'): string {
  if (decided === 'uncounted') return decided;
  return decided.rule === 'policy' ? `policy ${decided.chain}` : `rule ${formatPlace(decided)}`;
}

function formatPlaces(places: readonly Counted[]): string {
  return places.map(formatPlace).join(' ');
}

/** Reads a case file; throws `file:line: message`. */
export function parseCase(text: string, file: string): Case {
  const parts = new Map<string, { lines: string[]; first: number }>();
  let lines: string[] = [];
  parts.set('title', { lines, first: 1 });
  for (const [i, line] of text.split('\n').entries()) {
    const name = /^-- (\w+) --$/.exec(line)?.[1];
    if (name === undefined) {
      lines.push(line);
      continue;
    }
    if (!['rules', 'packets', 'counters'].includes(name)) throw new Error(`${file}:${i + 1}: no such part: ${name}`);
    lines = [];
    parts.set(name, { lines, first: i + 2 });
  }
  const part = (name: string): string => parts.get(name)?.lines.join('\n') ?? '';
  const rules = part('rules');
  return {
    title: part('title').trim(),
    rules: rules.endsWith('\n') ? rules : `${rules}\n`,
    packets: parsePackets(part('packets'), file, parts.get('packets')?.first),
    counters: parseCounters(part('counters'), file, parts.get('counters')?.first ?? 1),
  };
}

/** Reads the text of a `.packets` file, whose first line has the number `first`; throws `file:line: message`. */
export function parsePackets(text: string, file: string, first = 1): CasePacket[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    if (isComment(line) || isHexLine(line)) return [];
    const below = lines[i + 1];
    return at(file, first + i, () => {
      const [left = '', right] = line.split(' -> ');
      const packet = parsePacket(left, below !== undefined && isHexLine(below) ? below : undefined);
      const expected = right === undefined ? {} : { expected: parseExpectation(right) };
      return [{ packet, ...expected, line: first + i }];
    });
  });
}

function parseExpectation(text: string): Expectation {
  const words = text.trim().split(/\s+/);
  const verdict = words.shift();
  if (verdict !== 'accept' && verdict !== 'drop') throw new Error(`accept or drop expected, not ${verdict}`);
  let decided: Counted | 'uncounted' | undefined;
  if (words[0] === 'uncounted') {
    words.shift();
    decided = 'uncounted';
  } else if (words[0] === 'rule' || words[0] === 'policy') {
    const [kind, place = ''] = words.splice(0, 2);
    decided = kind === 'rule' ? parsePlace(place) : { chain: place, rule: 'policy' };
  }
  const counts = words[0] === 'counts' ? words.splice(0).slice(1).map(parsePlace) : undefined;
  if (words.length > 0) throw new Error(`not understood: ${words.join(' ')}`);
  return { verdict, ...(decided !== undefined && { decided }), ...(counts !== undefined && { counts }) };
}

function parseCounters(text: string, file: string, first: number): Map<string, Counters> {
  const counters = new Map<string, Counters>();
  for (const [i, line] of text.split('\n').entries()) {
    if (isComment(line)) continue;
    at(file, first + i, () => {
      const found = /^(\S+) (\d+) (\d+)$/.exec(line);
      if (found === null) throw new Error('PLACE PACKETS BYTES expected');
      const place = formatPlace(parsePlace(found[1]!));
      counters.set(place, { packets: BigInt(found[2]!), bytes: BigInt(found[3]!) });
    });
  }
  return counters;
}

function isComment(line: string): boolean {
  return line.trim() === '' || line.startsWith('#');
}

function isHexLine(line: string): boolean {
  return /^\s+hex /.test(line);
}

function at<T>(file: string, line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file}:${line}: ${(error as Error).message}`);
  }
}
