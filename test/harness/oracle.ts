// The compiler against the interpreter: one scenario through every stage, each asked for verdict and all counters.
//
// What is compared: the reference interpreter, the graph before and after all passes, the classification, and the
// programs, in the VM and in the kernel (`BPF_PROG_TEST_RUN`). The first stage that differs is the one to look at.

import type { Family } from '../../src/base/family.ts';
import type { Features, HostFacts } from '../../src/base/features.ts';
import type { EnforcingPlacement } from '../../src/base/hooks.ts';
import { contains } from '../../src/base/intervals.ts';
import { GROUP_ADDRESSES } from '../../src/base/ipv4.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { WideIntervalSet } from '../../src/base/wide-intervals.ts';
import type { Budget } from '../../src/classify/budget.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { NETFILTER_ABI } from '../../src/codegen/netfilter.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { compileRuleset, filterTable } from '../../src/engine/compile.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { hiddenFields } from '../../src/engine/placement.ts';
import { buildGraph } from '../../src/graph/build.ts';
import { evaluateGraph } from '../../src/graph/evaluate.ts';
import type { Slot, SlotOwner } from '../../src/graph/graph.ts';
import { runPasses } from '../../src/passes/pipeline.ts';
import { interpret, type Observer, type Outcome } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { formatCase, makeCase } from './case-file.ts';
import { FEATURES } from './fake-kernel.ts';
import { fieldsOf } from './fields.ts';
import { hasReadableOptions } from './ipv6-chains.ts';
import { buildFrame, ETHERTYPE } from './packet-builder.ts';
import { ownersOf } from './slots.ts';
import { Tally } from './table-counters.ts';

/** What runs the programs of an image: the VM, or the kernel. */
export interface Runner {
  readonly name: string;
  readonly features: Features;
  /** Of the namespace that it shows programs. */
  readonly addressGeneration: number;
  /** Prepares an image; `run` gives what the program returned, `counters` the bytes of the image's counter map. */
  start(image: Image): {
    run(packet: HookPacket, frame: Uint8Array): 'accept' | 'drop';
    counters(map: string): Uint8Array;
    stop(): void;
  };
}

/** What a program's return value says; throws where it says nothing. */
export function verdictOf(result: number, placement: EnforcingPlacement): 'accept' | 'drop' {
  const abi = placement === 'xdp' ? XDP_ABI : NETFILTER_ABI;
  if (result === abi.accept) return 'accept';
  if (result === abi.drop) return 'drop';
  throw new Error(`the program returned ${result}, which is no verdict`);
}

export interface OracleOptions {
  /** Of the rules and the packets; IPv4 if absent. */
  readonly family?: Family;
  readonly placement: EnforcingPlacement;
  readonly runners: readonly Runner[];
  /** Only for placement `xdp`, which tells INPUT from FORWARD by them. */
  readonly localDestinations?: HostFacts['localDestinations'];
  readonly localDestinations6?: WideIntervalSet | undefined;
  /** The finish that every list gets that can have it, and what the classifier may use; as the compiler has it if absent. */
  readonly finish?: FinishName;
  readonly budget?: Budget;
  /** Hears what the interpreter asks and finds. */
  readonly observe?: { readonly rule: Observer; packet(table: Table, packet: HookPacket, outcome: Outcome): void };
}

/** What differs, in sentences; empty where all agree. */
export function disagreements(text: string, packets: readonly HookPacket[], options: OracleOptions): string[] {
  const { family = 'ipv4' } = options;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'random.rules', family });
  if (diagnostics.length > 0) return diagnostics.map((d) => `refused by the parser: ${d.span.line}: ${d.message}`);
  const table = filterTable(ruleset);
  const expected = packets.map((packet) => expectedOutcome(table, packet, options));
  return [
    ...graphDisagreements(table, packets, expected, options),
    ...options.runners.flatMap((runner) => runnerDisagreements(table, packets, expected, options, runner)),
  ];
}

/** The same for programs alone: what is written may be too much for a graph. */
export function programDisagreements(text: string, packets: readonly HookPacket[], options: OracleOptions): string[] {
  const { family = 'ipv4' } = options;
  const table = filterTable(parseRuleset(text, { file: 'random.rules', family }).ruleset);
  const expected = packets.map((packet) => expectedOutcome(table, packet, options));
  return options.runners.flatMap((runner) => runnerDisagreements(table, packets, expected, options, runner));
}

/** A disagreement as a case file: what the interpreter says of every packet is what must happen. */
export function failureCase(title: string, text: string, packets: readonly HookPacket[]): string {
  const { family = 'ipv4' } = packets[0] ?? {};
  const table = filterTable(parseRuleset(text, { file: 'random.rules', family }).ruleset);
  const sum = new Tally(table);
  const outcomes = packets.map((packet) => {
    const outcome = interpret(table, packet);
    sum.add(outcome, packet.bytes.length);
    return outcome;
  });
  return formatCase(makeCase(title, text, packets, outcomes, sum.counters));
}

/** Packets that XDP leaves to the stack: later fragments to this host, and what comes from a group address. */
function isPassedOn(packet: HookPacket, placement: EnforcingPlacement): boolean {
  if (placement !== 'xdp') return false;
  if (packet.family === 'ipv6') return isThrownOut(packet);
  const { fragment, src } = fieldsOf(packet);
  return (packet.hook === 'INPUT' && fragment !== 0) || contains(GROUP_ADDRESSES, src);
}

/** Packets of IPv6 that XDP leaves to the stack, which throws them out (`ip6_rcv_core`): for their addresses or options. */
function isThrownOut(packet: HookPacket): boolean {
  if (!hasReadableOptions(packet.bytes)) return true;
  const { src6, dst6 } = fieldsOf(packet);
  const isGroup = (address: bigint) => address >> 120n === 0xffn;
  if (src6 === 1n || dst6 === 1n || isGroup(src6)) return true;
  return isGroup(dst6) ? ((dst6 >> 112n) & 15n) < 2n : dst6 >> 118n === 0x3fan;
}

/** What must happen to a packet at the placement. */
function expectedOutcome(table: Table, packet: HookPacket, { placement, observe }: OracleOptions): Outcome {
  if (isPassedOn(packet, placement)) {
    return { verdict: 'accept', counted: [], hotdrop: false };
  }
  const outcome = interpret(table, packet, observe?.rule);
  observe?.packet(table, packet, outcome);
  return outcome;
}

function graphDisagreements(
  table: Table,
  packets: readonly HookPacket[],
  expected: readonly Outcome[],
  options: OracleOptions,
): string[] {
  const { family = 'ipv4', placement } = options;
  const written = buildGraph(table, family);
  const optimized = runPasses(written, { hidden: hiddenFields(placement) });
  const compiled = compileFor(table, options);
  const stages = [
    { name: 'graph as built', run: (p: HookPacket) => evaluateGraph(written, p.hook, fieldsOf(p)) },
    { name: 'optimized graph', run: (p: HookPacket) => evaluateGraph(optimized, p.hook, fieldsOf(p)) },
    {
      name: 'classification',
      run: (p: HookPacket) => evaluateClassification(compiled.classification, p.hook, fieldsOf(p)),
    },
  ];
  return packets.flatMap((packet, index) => {
    const outcome = expected[index]!;
    if (isPassedOn(packet, placement)) return [];
    const places = outcome.counted.map(({ chain, rule }) => `${chain}:${rule}`);
    return stages.flatMap(({ name, run }) => {
      const found = run(packet);
      const foundPlaces = found.counted.map((slot) => placeOf(written.slots[slot]!));
      if (found.verdict === outcome.verdict && foundPlaces.join() === places.join()) return [];
      return [
        `packet ${index}: ${name} says ${found.verdict} by ${foundPlaces.join(' ') || 'nothing'}, ` +
          `the interpreter ${outcome.verdict} by ${places.join(' ') || 'nothing'}`,
      ];
    });
  });
}

function runnerDisagreements(
  table: Table,
  packets: readonly HookPacket[],
  expected: readonly Outcome[],
  options: OracleOptions,
  runner: Runner,
): string[] {
  const { image } = compileFor(table, options, runner);
  const run = runner.start(image);
  try {
    const found: string[] = [];
    for (const [index, packet] of packets.entries()) {
      const verdict = run.run(packet, frameOf(packet));
      const wanted = expected[index]!.verdict;
      if (verdict !== wanted) found.push(`packet ${index}: ${runner.name} says ${verdict}, the interpreter ${wanted}`);
    }
    const slots = ownersOf(table);
    const wanted = tally(slots, packets, expected);
    const counted = readSlots(1, image.manifest, (_, map) => run.counters(map));
    for (const [slot, { packets: p, bytes: b }] of counted.entries()) {
      const w = wanted[slot] ?? { packets: 0n, bytes: 0n };
      if (w.packets === p && w.bytes === b) continue;
      const place = slots[slot] === undefined ? 'undecided' : placeOf(slots[slot]);
      found.push(`${place}: ${runner.name} counts [${p}:${b}], the interpreter [${w.packets}:${w.bytes}]`);
    }
    return found;
  } finally {
    run.stop();
  }
}

function compileFor(table: Table, options: OracleOptions, runner?: Runner) {
  const { family = 'ipv4', placement, localDestinations = [], localDestinations6 = [], finish, budget } = options;
  const facts =
    family === 'ipv4'
      ? { localDestinations, addressGeneration: runner?.addressGeneration ?? 0 }
      : { localDestinations: [], ipv6: { localDestinations: localDestinations6, ofDevices: [] } };
  const result = compileRuleset(
    { family, tables: [table] },
    {
      placement,
      allowInexact: ['loopback', 'output', 'out-device'],
      features: runner?.features ?? FEATURES,
      facts,
      file: 'random.rules',
      ...(finish !== undefined && { finish }),
      ...(budget !== undefined && { budget }),
    },
  );
  if (!result.ok) throw new Error(`not compiled: ${result.diagnostics.map((d) => d.message).join('; ')}`);
  return result;
}

/** A frame from nowhere to the loopback device's address, with the padding that short frames have on a wire. */
function frameOf(packet: HookPacket): Uint8Array {
  const trailer = new Uint8Array(Math.max(0, 46 - packet.bytes.length)).fill(0x55);
  const etherType = ETHERTYPE[packet.family ?? 'ipv4'];
  return buildFrame(packet.bytes, { destination: new Uint8Array(6), source: new Uint8Array(6), etherType, trailer });
}

function tally(slots: readonly SlotOwner[], packets: readonly HookPacket[], expected: readonly Outcome[]) {
  const slotOf = new Map<string, Slot>(slots.map((owner, slot) => [placeOf(owner), slot]));
  const total = slots.map(() => ({ packets: 0n, bytes: 0n }));
  for (const [index, { counted }] of expected.entries()) {
    for (const { chain, rule } of counted) {
      const sum = total[slotOf.get(`${chain}:${rule}`)!]!;
      sum.packets += 1n;
      sum.bytes += BigInt(packets[index]!.bytes.length);
    }
  }
  return total;
}

function placeOf(owner: SlotOwner): string {
  return `${owner.chain}:${owner.kind === 'policy' ? 'policy' : owner.index}`;
}
