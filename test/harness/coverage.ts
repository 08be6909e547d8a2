// How much of the rules a random run has really met. Agreement means little if most packets fall to the policy, so a
// run adds up what the interpreter was asked and answered, prints it, and fails below the floors.

import type { Family } from '../../src/base/family.ts';
import { type HookPacket, type PacketView, viewOf } from '../../src/base/packet.ts';
import { findMatch } from '../../src/extensions/registry.ts';
import type { Observer, Outcome } from '../../src/reference/interpret.ts';
import type { Rule, Table } from '../../src/ruleset/model.ts';
import { systemNames } from '../../src/ruleset/names.ts';
import { chainLength } from './ipv6-chains.ts';

/** Every kind of predicate that rules can hold: the rule's own fields, and the options of its matches. */
export const PREDICATE_KINDS = [
  '-s',
  '-d',
  '-i',
  '-o',
  '-p',
  'tcp --sport',
  'tcp --dport',
  'tcp --tcp-flags',
  'udp --sport',
  'udp --dport',
  'icmp --icmp-type',
] as const;

const PREDICATE_KINDS6 = PREDICATE_KINDS.map((kind) => (kind === 'icmp --icmp-type' ? 'icmp6 --icmpv6-type' : kind));

export type PredicateKind = (typeof PREDICATE_KINDS6)[number] | (typeof PREDICATE_KINDS)[number];

/** Packets whose share is not a matter of rules. */
const COMMON_SHAPES = ['first fragment', 'fragment at offset 1', 'later fragment', 'cut transport header'] as const;
const SHAPES = {
  ipv4: [...COMMON_SHAPES, 'IPv4 options'],
  ipv6: [...COMMON_SHAPES, 'extension headers', 'more than 12 extension headers', 'malformed'],
} as const;
type Shape = (typeof SHAPES)[Family][number];

/** How often a predicate was asked and held or did not, plain and behind `!`. */
interface Answers {
  held: number;
  failed: number;
  negatedHeld: number;
  negatedFailed: number;
}

export interface Floors {
  /** Share of packets that a rule decides, 0–1. */
  readonly decidedByRule: number;
  /** Share of rules that count at least one packet, 0–1. */
  readonly rulesHit: number;
}

const FLOORS: Floors = { decidedByRule: 0.6, rulesHit: 0.5 };

export class Coverage {
  private readonly answers: Map<string, Answers>;
  private readonly family: Family;
  private readonly shapes: Map<string, number>;
  private readonly hits = new Map<Table, Set<string>>();
  private packets = 0;
  private decidedByRule = 0;
  private hotdrops = 0;

  constructor(
    family: Family = 'ipv4',
    kinds: readonly PredicateKind[] = family === 'ipv6' ? PREDICATE_KINDS6 : PREDICATE_KINDS,
  ) {
    this.family = family;
    this.shapes = new Map<string, number>(SHAPES[family].map((shape) => [shape, 0]));
    const none = { held: 0, failed: 0, negatedHeld: 0, negatedFailed: 0 };
    this.answers = new Map(kinds.map((kind) => [kind, { ...none }]));
  }

  /** Given to `interpret`. */
  readonly rule: Observer = (rule, asked, holds) => {
    if (typeof asked === 'string') {
      this.answer(asked, negatedField(rule, asked), holds === true);
      return;
    }
    const use = rule.matches[asked]!;
    const context = { family: this.family, names: systemNames(), protocol: rule.protocol?.value ?? 0 };
    const options = optionsOf(findMatch(use.extension, this.family)!.print(use.data, context));
    // A match that fails says not which of its options did.
    if (holds === 'drop' || (!holds && options.length > 1)) return;
    for (const { name, negated } of options) this.answer(`${use.extension} ${name}`, negated, holds);
  };

  /** Told of every packet once the interpreter is done with it. */
  packet(table: Table, packet: HookPacket, outcome: Outcome): void {
    this.packets++;
    const { counted, hotdrop } = outcome;
    if (hotdrop) this.hotdrops++;
    else if (counted[counted.length - 1]!.rule !== 'policy') this.decidedByRule++;
    const hit = this.hits.get(table) ?? new Set<string>();
    this.hits.set(table, hit);
    for (const { chain, rule } of counted) if (rule !== 'policy') hit.add(`${chain}:${rule}`);
    for (const shape of shapesOf(packet)) this.shapes.set(shape, this.shapes.get(shape)! + 1);
  }

  /** The table for the log, one line each. */
  report(): string {
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    const { total, hit } = this.ruleTotals();
    const count = (n: number): string => `${n}`.padStart(8);
    return [
      `${this.hits.size} rulesets, ${this.packets} packets, ${total} rules`,
      `decided by a rule: ${percent(this.decidedByRule / this.packets)}, rules hit: ${percent(hit / total)}, ` +
        `dropped by a match: ${this.hotdrops}`,
      `${'predicate'.padEnd(18)}${['true', 'false', '! true', '! false'].map((title) => title.padStart(8)).join('')}`,
      ...[...this.answers].map(
        ([kind, a]) =>
          kind.padEnd(18) + count(a.held) + count(a.failed) + count(a.negatedHeld) + count(a.negatedFailed),
      ),
      [...this.shapes].map(([shape, n]) => `${shape}: ${n}`).join(', '),
    ].join('\n');
  }

  /** What was met too little, in sentences; empty if all is well. */
  shortfalls(floors: Floors = FLOORS): string[] {
    const { total, hit } = this.ruleTotals();
    const found: string[] = [];
    const atLeast = (what: string, share: number, floor: number): void => {
      if (!(share >= floor)) found.push(`${what}: ${(100 * share).toFixed(1)} %, floor ${100 * floor} %`);
    };
    atLeast('packets decided by a rule', this.decidedByRule / this.packets, floors.decidedByRule);
    atLeast('rules hit', hit / total, floors.rulesHit);
    for (const [kind, answers] of this.answers) {
      for (const [answer, n] of Object.entries(answers)) if (n === 0) found.push(`${kind}: never ${answer}`);
    }
    for (const [shape, n] of this.shapes) if (n === 0) found.push(`no ${shape}`);
    if (this.hotdrops === 0) found.push('no packet dropped by a match');
    return found;
  }

  /** Throws with the report where something was met too little. */
  assertFloors(floors: Floors = FLOORS): void {
    const found = this.shortfalls(floors);
    if (found.length > 0) throw new Error(`coverage below the floors:\n${found.join('\n')}\n${this.report()}`);
  }

  private answer(kind: string, negated: boolean, holds: boolean): void {
    const answers = this.answers.get(kind);
    if (answers === undefined) return;
    if (negated) answers[holds ? 'negatedHeld' : 'negatedFailed']++;
    else answers[holds ? 'held' : 'failed']++;
  }

  private ruleTotals(): { total: number; hit: number } {
    let [total, hit] = [0, 0];
    for (const [table, places] of this.hits) {
      total += table.chains.reduce((sum, chain) => sum + chain.rules.length, 0);
      hit += places.size;
    }
    return { total, hit };
  }
}

function negatedField(rule: Rule, field: '-s' | '-d' | '-i' | '-o' | '-p'): boolean {
  const { source, destination, inInterface, outInterface, protocol } = rule;
  const fields = { '-s': source, '-d': destination, '-i': inInterface, '-o': outInterface, '-p': protocol };
  return fields[field]!.negated;
}

/** The options in what a match prints. */
function optionsOf(words: readonly string[]): { name: string; negated: boolean }[] {
  return words.flatMap((name, i) => (name.startsWith('--') ? [{ name, negated: words[i - 1] === '!' }] : []));
}

function shapesOf(packet: HookPacket): Shape[] {
  const view = viewOf(packet);
  const { fragmentOffset, protocol, transportOffset, malformed } = view;
  const needed = { 1: 8, 6: 20, 17: 8, 58: 8 }[protocol] ?? 0;
  const isCut = !malformed && fragmentOffset === 0 && packet.bytes.length - transportOffset < needed;
  return [
    ...(fragmentOffset === 1 ? (['fragment at offset 1'] as const) : []),
    ...(fragmentOffset > 1 ? (['later fragment'] as const) : []),
    ...(isCut ? (['cut transport header'] as const) : []),
    ...(view.family === 'ipv6' ? ipv6Shapes(view) : ipv4Shapes(view)),
  ];
}

function ipv4Shapes({ packet, fragmentOffset, transportOffset }: PacketView): Shape[] {
  const isMore = (packet.bytes[6]! & 0x20) !== 0;
  return [
    ...(fragmentOffset === 0 && isMore ? (['first fragment'] as const) : []),
    ...(transportOffset > 20 ? (['IPv4 options'] as const) : []),
  ];
}

function ipv6Shapes({ packet, malformed, fragmentOffset, transportOffset }: PacketView): Shape[] {
  const isFirst = packet.bytes[6] === 44 && fragmentOffset === 0 && (packet.bytes[43]! & 1) === 1;
  return [
    ...(isFirst ? (['first fragment'] as const) : []),
    ...(malformed ? (['malformed'] as const) : []),
    ...(!malformed && transportOffset > 40 ? (['extension headers'] as const) : []),
    ...(chainLength(packet.bytes) > 12 ? (['more than 12 extension headers'] as const) : []),
  ];
}
