// What a packet costs in a program that enforces a ruleset, above an empty program, without any traffic.
//
// Two methods, both by the kernel's own test runs and clock, neither by wall time: `repeat` above 1 makes the kernel
// swap the XDP dispatcher and wait.
//
//   loop     one test run goes over a pool of different packets (loop-program.ts)
//   single   one packet, again and again, of each of a few packets of the pool (single-packets.ts): everything is in the
//            nearest cache and every branch is known, but no two packets overlap; the kernel tells whole nanoseconds, the
//            mean has fractions; a program with a flow cache is compiled once more without, as the cache would know the packet
//
// In every measurement the counters of the program are compared with what the reference interpreter says of exactly the
// packets that were run, warm-ups included.

import type { Address } from '../../src/base/address.ts';
import type { Family } from '../../src/base/family.ts';
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
import {
  type ClassifyRulesetOf,
  formatRulesetOf,
  type RulesetShape,
  type RulesetShapeOf,
} from './classify-rulesets.ts';
import type { PacketRow, ProgramRow, Samples } from './classify-tables.ts';
import {
  decidedByRules,
  type Expectation,
  expectationOf,
  expectPackets,
  miscount,
  type Oracle,
  oracleOf,
} from './expectation.ts';
import { FINISHES, finishesOf, hasFlowCache, tableBytes } from './finishes.ts';
import { takeTurns } from './measure.ts';
import type { AddressFamily } from './rule-shape.ts';
import { type Places, SinglePackets, type SingleTraffic } from './single-packets.ts';
import { compileForBench, DEVICES, frameOf, refusalOf, type SlotCounts, SubjectPrograms } from './subject-programs.ts';
import { tableReads } from './table-reads.ts';
import { flowSource, TRAFFIC } from './traffic.ts';

const POOL = { whole: 8192, quick: 256 } as const;
/** Packets of the pool whose looks into the tables are counted. */
const READ = 2048;
/** Packets of the pool that are also run one by one, and how often each in one sample. */
const SINGLES = { whole: 8, quick: 2 } as const;
const REPEAT = { whole: 5_000, quick: 100 } as const;
/** Rounds of loops, as a multiple of the repetitions asked for. */
const LOOP_ROUNDS = 2;

export interface Rows {
  readonly packets: PacketRow[];
  readonly programs: ProgramRow[];
}

/** What is measured, in one namespace: the programs of one workload after another. */
export class Measuring {
  readonly rows: Rows = { packets: [], programs: [] };
  readonly options: BenchOptions;
  private readonly places: Places;
  private readonly singles: { readonly head: Head; readonly packets: SinglePackets }[] = [];

  constructor(places: Places, options: BenchOptions) {
    this.places = places;
    this.options = options;
  }

  get size(): 'whole' | 'quick' {
    return this.options.isQuick ? 'quick' : 'whole';
  }

  /** Measures single packets now, and at all later times. */
  single(head: Head, packets: SinglePackets): void {
    packets.measure(this.places, REPEAT[this.size], this.options);
    this.singles.push({ head, packets });
  }

  /** Measures all single packets so far once more, so many times, and closes them. */
  finish(times = 0): Rows {
    const { options, places, singles } = this;
    try {
      for (let time = 0; time < (options.isQuick ? 0 : times); time++) {
        for (const { head, packets } of singles) {
          options.progress(`${head.ruleset}, ${head.rules} rules, ${head.placement}, again`);
          goingOn(head, this, () => packets.measure(places, REPEAT[this.size], options));
        }
      }
    } finally {
      for (const { packets } of singles) packets.close();
    }
    return this.rows;
  }
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
  readonly family: Family;
  pool(traffic: string, packets: number): Pool;
}

/** A ruleset of some size, with the packets that it is measured with. */
export class Workload<A extends Address = number> implements Packets {
  readonly kind: ClassifyRulesetOf<A>;
  readonly rules: number;
  readonly shape: RulesetShapeOf<A>;
  readonly ruleset: Ruleset;
  readonly owners: readonly SlotOwner[];
  private readonly addresses: AddressFamily<A>;
  private readonly oracle: Oracle;
  private readonly pools = new Map<string, Pool>();

  constructor(addresses: AddressFamily<A>, kind: ClassifyRulesetOf<A>, rules: number) {
    this.addresses = addresses;
    this.kind = kind;
    this.rules = rules;
    this.shape = kind.shape(rules);
    const text = formatRulesetOf(addresses, this.shape);
    const { ruleset, diagnostics } = parseRuleset(text, { file: kind.name, family: addresses.family });
    if (diagnostics[0] !== undefined) throw new Error(`${kind.name}: ${diagnostics[0].message}`);
    this.ruleset = ruleset;
    this.owners = ownersOf(filterTable(ruleset));
    this.oracle = oracleOf(addresses, filterTable(ruleset), this.shape);
  }

  get family(): Family {
    return this.addresses.family;
  }

  get length(): number {
    return this.addresses.packetLength;
  }

  pool(traffic: string, packets: number): Pool {
    const known = this.pools.get(traffic);
    if (known !== undefined) return known;
    const { flows } = TRAFFIC.find(({ name }) => name === traffic)!;
    // No rule of a bench asks for a device that test runs have: the packets count alike in both programs.
    const source = flowSource(this.addresses, this.shape);
    const all = flows(source, packets).map((flow) => this.addresses.packetOf(flow, this.shape.chain, DEVICES.xdp));
    const made = { frames: all.map(frameOf), expectation: expectationOf(this.oracle, all) };
    this.pools.set(traffic, made);
    return made;
  }
}

/** Measures one program of a workload, with the finish that `finish` names. */
export function measureProgram<A extends Address>(
  work: Workload<A>,
  placement: ProgramType,
  finish: string,
  traffic: readonly string[],
  measuring: Measuring,
): void {
  const head = { ruleset: work.kind.name, rules: work.rules, placement, finish };
  goingOn(head, measuring, () => {
    const begin = performance.now();
    const wanted = FINISHES.get(finish)!;
    const compile = (more: typeof wanted) => compileForBench(work.ruleset, placement, work.shape.host, more);
    const compiled = compile(wanted);
    const compileTime = performance.now() - begin;
    if ('refused' in compiled) {
      measuring.rows.programs.push({ ...head, refused: compiled.refused });
      return;
    }
    const isOwnChoice = wanted.flowCache === undefined && hasFlowCache(compiled.image);
    const plain = isOwnChoice ? compile({ ...wanted, flowCache: 'off' }) : compiled;
    if ('refused' in plain) throw new Error(plain.refused);
    const own = { ...compiled, compileTime, single: plain.image };
    measureImage(head, work.shape.chain, own, work, traffic, measuring);
  });
}

type Head = Pick<PacketRow, 'ruleset' | 'rules' | 'placement' | 'finish'>;

/** What fails becomes a row, and a word of the run. */
function goingOn(head: Head, { options, rows }: Measuring, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { message } = error as Error;
    options.fail(`${head.ruleset} of ${head.rules}, ${head.placement}, ${head.finish}: ${message}`);
    rows.programs.push({ ...head, refused: message });
  }
}

/** Loads what was compiled and measures it; its rows join the others. */
function measureImage(
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
  measuring: Measuring,
): void {
  const { rows, options, size } = measuring;
  const { image, single = image } = compiled;
  const loaded = tryToLoad(head.placement, chain, image, packets.family);
  if ('refused' in loaded) {
    rows.programs.push({ ...head, refused: loaded.refused });
    return;
  }
  const { programs, loadTime } = loaded;
  const open = [programs];
  const load = (subject?: Image): SubjectPrograms => {
    const more = new SubjectPrograms(head.placement, chain, subject, packets.family);
    open.push(more);
    return more;
  };
  const check = (name: string) => (counts: SlotCounts, wanted: Map<string, number>) => {
    const wrong = miscount(packets.owners, counts, wanted, packets.length);
    if (wrong !== undefined) throw new Error(`${name}: ${wrong}`);
  };
  try {
    rows.programs.push({
      ...head,
      finishes: finishesOf(compiled.classification, chain) + (hasFlowCache(image) ? ', flow cache' : ''),
      tableBytes: tableBytes(image),
      ...(head.placement === 'xdp' && {
        tableReads: tableReads(image, probeFeatures(), packets.pool('uniform', POOL[size]).frames.slice(0, READ)),
      }),
      kernelMemory: programs.kernelMemory,
      instructions: programs.instructions,
      processed: programs.processed,
      compileTime: compiled.compileTime,
      loadTime,
      swapTime: programs.swap(),
    });
    const empty = load();
    const singles = traffic.map((name): SingleTraffic => {
      const pool = packets.pool(name, POOL[size]);
      const loop = measureLoop(pool, programs, empty, options, check(`${name} traffic`));
      const { frames, expectation } = pool;
      const chosen = Array.from({ length: SINGLES[size] }, (_, n) => Math.floor((n * frames.length) / SINGLES[size]));
      const samples = { ours: [], empty: [] };
      rows.packets.push({ ...head, traffic: name, decided: decidedByRules(expectation), loop, single: samples });
      return {
        ...{ name, samples },
        frames: chosen.map((index) => frames[index]!),
        expectation: chosen.map((index) => expectation[index]!),
      };
    });
    for (const subject of open) subject.unloadPool();
    const plain = single === image ? programs : load(single);
    measuring.single(head, new SinglePackets({ ours: plain, empty }, singles, check('single packets')));
    // They stay loaded, and are measured again.
    for (const subject of [plain, empty]) open.splice(open.indexOf(subject), 1);
  } finally {
    for (const subject of open) subject.close();
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

/** The loop over a pool, in turns with that of the empty program. */
function measureLoop(
  { frames, expectation }: Pool,
  programs: SubjectPrograms,
  empty: SubjectPrograms,
  { repetitions, warmUps, seconds }: BenchOptions,
  check: (counts: SlotCounts, wanted: Map<string, number>) => void,
): Samples {
  programs.loadPool(frames);
  empty.loadPool(frames);
  const wanted = new Map<string, number>();
  const samples = takeTurns(
    [
      {
        name: 'ours',
        sample: () => {
          expectPackets(wanted, expectation, 1);
          return programs.runLoop();
        },
      },
      { name: 'empty', sample: () => empty.runLoop() },
    ],
    { repetitions: LOOP_ROUNDS * repetitions, warmUps, seconds },
  );
  check(programs.takeCounts(), wanted);
  return { ours: samples.get('ours')!, empty: samples.get('empty')! };
}
