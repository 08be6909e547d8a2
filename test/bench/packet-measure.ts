// What a packet costs in a program that enforces a ruleset, above an empty program, without any traffic.
//
// Two methods, both by the kernel's own test runs and clock, neither by wall time: `repeat` above 1 makes the kernel
// swap the XDP dispatcher and wait.
//
//   loop     one test run goes over a pool of different packets (loop-program.ts)
//   single   one packet, again and again, of each of a few packets of the pool: everything is in the nearest cache and
//            every branch is known, but no two packets overlap; the kernel tells whole nanoseconds, the mean has fractions;
//            a program with a flow cache is compiled once more without, as the cache would know the packet
//
// In every measurement the counters of the program are compared with what the reference interpreter says of exactly the
// packets that were run, warm-ups included.

import type { ProgramType } from '../../src/bpf/image.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { filterTable } from '../../src/engine/compile.ts';
import type { SlotOwner } from '../../src/graph/graph.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { ownersOf } from '../harness/slots.ts';
import type { BenchOptions } from './bench.ts';
import { type ClassifyRuleset, formatRuleset, type RulesetShape } from './classify-rulesets.ts';
import type { PacketRow, ProgramRow } from './classify-tables.ts';
import {
  decidedByRules,
  type Expectation,
  expectationOf,
  expectPackets,
  miscount,
  type Oracle,
  shapeOracle,
} from './expectation.ts';
import { FINISHES, finishesOf, hasFlowCache, tableBytes } from './finishes.ts';
import { takeTurns } from './measure.ts';
import { PACKET_LENGTH, packetOf } from './rule-shape.ts';
import { compileForBench, DEVICES, frameOf, refusalOf, SubjectPrograms } from './subject-programs.ts';
import { tableReads } from './table-reads.ts';
import { flowsOf, TRAFFIC } from './traffic.ts';

const POOL = { whole: 8192, quick: 256 } as const;
/** Packets of the pool whose looks into the tables are counted. */
const READ = 2048;
/** Packets of the pool that are also run one by one, and how often each in one sample. */
const SINGLES = { whole: 8, quick: 2 } as const;
const REPEAT = { whole: 10_000, quick: 100 } as const;

export interface Rows {
  readonly packets: PacketRow[];
  readonly programs: ProgramRow[];
}

export interface Pool {
  readonly frames: readonly Uint8Array[];
  readonly expectation: Expectation;
}

/** What a program is measured with. */
export interface Packets {
  /** Whose the counters are, by slot. */
  readonly owners: readonly SlotOwner[];
  /** Bytes that each packet counts. */
  readonly length: number;
  pool(traffic: string, packets: number): Pool;
}

/** A ruleset of some size, with the packets that it is measured with. */
export class Workload implements Packets {
  readonly length = PACKET_LENGTH;
  readonly kind: ClassifyRuleset;
  readonly rules: number;
  readonly shape: RulesetShape;
  readonly ruleset: Ruleset;
  readonly owners: readonly SlotOwner[];
  private readonly oracle: Oracle;
  private readonly pools = new Map<string, Pool>();

  constructor(kind: ClassifyRuleset, rules: number) {
    this.kind = kind;
    this.rules = rules;
    this.shape = kind.shape(rules);
    const { ruleset, diagnostics } = parseRuleset(formatRuleset(this.shape), { file: kind.name });
    if (diagnostics[0] !== undefined) throw new Error(`${kind.name}: ${diagnostics[0].message}`);
    this.ruleset = ruleset;
    this.owners = ownersOf(filterTable(ruleset));
    this.oracle = shapeOracle(filterTable(ruleset), this.shape);
  }

  pool(traffic: string, packets: number): Pool {
    const known = this.pools.get(traffic);
    if (known !== undefined) return known;
    const { flows } = TRAFFIC.find(({ name }) => name === traffic)!;
    // No rule of a bench asks for a device that test runs have: the packets count alike in both programs.
    const all = flows(flowsOf(this.shape), packets).map((flow) => packetOf(flow, this.shape.chain, DEVICES.xdp));
    const made = { frames: all.map(frameOf), expectation: expectationOf(this.oracle, all) };
    this.pools.set(traffic, made);
    return made;
  }
}

/** Measures one program of a workload, with the finish that `finish` names; its rows join the others. */
export function measureProgram(
  work: Workload,
  placement: ProgramType,
  finish: string,
  traffic: readonly string[],
  options: BenchOptions,
  rows: Rows,
): void {
  const head = { ruleset: work.kind.name, rules: work.rules, placement, finish };
  goingOn(head, options, rows, () => {
    const begin = performance.now();
    const wanted = FINISHES.get(finish)!;
    const compile = (more: typeof wanted) => compileForBench(work.ruleset, placement, work.shape.host, more);
    const compiled = compile(wanted);
    const compileTime = performance.now() - begin;
    if ('refused' in compiled) {
      rows.programs.push({ ...head, refused: compiled.refused });
      return;
    }
    const isOwnChoice = wanted.flowCache === undefined && hasFlowCache(compiled.image);
    const plain = isOwnChoice ? compile({ ...wanted, flowCache: 'off' }) : compiled;
    if ('refused' in plain) throw new Error(plain.refused);
    const own = { ...compiled, compileTime, single: plain.image };
    measureImage(head, work.shape.chain, own, work, traffic, options, rows);
  });
}

type Head = Pick<PacketRow, 'ruleset' | 'rules' | 'placement' | 'finish'>;

/** What fails becomes a row, and a word of the run. */
export function goingOn(head: Head, options: BenchOptions, rows: Rows, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { message } = error as Error;
    options.fail(`${head.ruleset} of ${head.rules}, ${head.placement}, ${head.finish}: ${message}`);
    rows.programs.push({ ...head, refused: message });
  }
}

/** Loads what was compiled and measures it; its rows join the others. */
export function measureImage(
  head: Head,
  chain: RulesetShape['chain'],
  compiled: {
    readonly image: Image;
    readonly classification: Classification;
    readonly compileTime: number;
    /** What single packets are measured with, if it is another: a flow cache would know a packet that comes again. */
    readonly single?: Image;
  },
  packets: Packets,
  traffic: readonly string[],
  options: BenchOptions,
  rows: Rows,
): void {
  const loaded = tryToLoad(head.placement, chain, compiled.image);
  if ('refused' in loaded) {
    rows.programs.push({ ...head, refused: loaded.refused });
    return;
  }
  const { programs, loadTime } = loaded;
  const size = options.isQuick ? 'quick' : 'whole';
  const { single = compiled.image } = compiled;
  const plain = single === compiled.image ? programs : new SubjectPrograms(head.placement, chain, single);
  const empty = new SubjectPrograms(head.placement, chain);
  const subjects = { programs, plain, empty };
  try {
    rows.programs.push({
      ...head,
      finishes: finishesOf(compiled.classification, chain) + (hasFlowCache(compiled.image) ? ', flow cache' : ''),
      tableBytes: tableBytes(compiled.image),
      ...(head.placement === 'xdp' && {
        tableReads: tableReads(
          compiled.image,
          probeFeatures(),
          packets.pool('uniform', POOL[size]).frames.slice(0, READ),
        ),
      }),
      kernelMemory: programs.kernelMemory,
      instructions: programs.instructions,
      processed: programs.processed,
      compileTime: compiled.compileTime,
      loadTime,
      swapTime: programs.swap(),
    });
    for (const name of traffic) {
      rows.packets.push({ ...head, traffic: name, ...measureTraffic(packets, name, subjects, options) });
    }
  } finally {
    for (const subject of new Set(Object.values(subjects))) subject.close();
  }
}

function tryToLoad(...subject: ConstructorParameters<typeof SubjectPrograms>) {
  const begin = performance.now();
  try {
    const programs = new SubjectPrograms(...subject);
    return { programs, loadTime: performance.now() - begin };
  } catch (error) {
    return { refused: refusalOf(error) };
  }
}

function measureTraffic(
  packets: Packets,
  traffic: string,
  { programs, plain, empty }: Readonly<Record<'programs' | 'plain' | 'empty', SubjectPrograms>>,
  options: BenchOptions,
): Pick<PacketRow, 'decided' | 'loop' | 'single'> {
  const size = options.isQuick ? 'quick' : 'whole';
  const [singles, repeat] = [SINGLES[size], REPEAT[size]];
  const { frames, expectation } = packets.pool(traffic, POOL[size]);
  const chosen = Array.from({ length: singles }, (_, n) => Math.floor((n * frames.length) / singles));
  programs.loadPool(frames);
  empty.loadPool(frames);
  const wanted = new Map([programs, plain].map((subject) => [subject, new Map<string, number>()]));
  const single = (subject: SubjectPrograms): number =>
    chosen.reduce((sum, index) => sum + subject.runSingle(frames[index]!, repeat), 0) / singles;
  const samples = takeTurns(
    [
      {
        name: 'loop',
        sample: () => {
          expectPackets(wanted.get(programs)!, expectation, 1);
          return programs.runLoop();
        },
      },
      { name: 'empty loop', sample: () => empty.runLoop() },
      {
        name: 'single',
        sample: () => {
          for (const index of chosen) expectPackets(wanted.get(plain)!, [expectation[index]!], repeat);
          return single(plain);
        },
      },
      { name: 'empty single', sample: () => single(empty) },
    ],
    options,
  );
  for (const [subject, own] of wanted) {
    const wrong = miscount(packets.owners, subject.takeCounts(), own, packets.length);
    if (wrong !== undefined) throw new Error(`${traffic} traffic: ${wrong}`);
  }
  return {
    decided: decidedByRules(expectation),
    loop: { ours: samples.get('loop')!, empty: samples.get('empty loop')! },
    single: { ours: samples.get('single')!, empty: samples.get('empty single')! },
  };
}
