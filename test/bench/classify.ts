// What a packet costs in the programs that enforce a ruleset, above an empty program, without any traffic.
//
// Two methods, both by the kernel's own test runs and clock, neither by wall time: `repeat` above 1 makes the kernel
// swap the XDP dispatcher and wait.
//
//   loop     one test run goes over a pool of different packets (loop-program.ts)
//   single   one packet, again and again, of each of a few packets of the pool: everything is in the nearest cache and
//            every branch is known, but no two packets overlap; the kernel tells whole nanoseconds, the mean has fractions
//
// In every measurement the counters of the program are compared with what the reference interpreter says of exactly the
// packets that were run, warm-ups included.

import type { EnforcingPlacement } from '../../src/base/hooks.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { filterTable } from '../../src/engine/compile.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { CLASSIFY_RULESETS, formatRuleset, type RulesetShape } from './classify-rulesets.ts';
import { classifyTables, type PacketRow, type ProgramRow } from './classify-tables.ts';
import { decidedByRules, expectationOf, expectPackets, miscount } from './expectation.ts';
import { takeTurns } from './measure.ts';
import { PACKET_LENGTH, packetOf } from './rule-shape.ts';
import { compileForBench, DEVICES, frameOf, PLACEMENTS, refusalOf, SubjectPrograms } from './subject-programs.ts';
import { TRAFFIC, type Traffic } from './traffic.ts';

const SIZES = [10, 100, 1_000, 10_000];
const POOL = 8192;
/** Packets of the pool that are also run one by one, and how often each in one sample. */
const SINGLES = 16;
const REPEAT = 10_000;

export const classify: Bench = {
  name: 'classify',
  summary: 'a packet in the XDP and in the netfilter program, above an empty program',
  run: (options) =>
    withNamespaces(['classify'], ([namespace]) =>
      namespace!.enter(() => {
        const { packets, programs } = measureAll(options);
        return { tables: classifyTables(packets, programs), data: { pool: POOL, packets, programs } };
      }),
    ),
};

interface Rows {
  readonly packets: PacketRow[];
  readonly programs: ProgramRow[];
}

function measureAll(options: BenchOptions): Rows {
  const rows: Rows = { packets: [], programs: [] };
  for (const kind of CLASSIFY_RULESETS) {
    for (const size of kind.rules === undefined ? (options.sizes ?? SIZES) : [kind.rules]) {
      options.progress(`${kind.name}, ${size} rules`);
      const shape = kind.shape(size);
      const { ruleset, diagnostics } = parseRuleset(formatRuleset(shape), { file: kind.name });
      if (diagnostics[0] !== undefined) throw new Error(`${kind.name}: ${diagnostics[0].message}`);
      for (const placement of PLACEMENTS) {
        const head = { ruleset: kind.name, rules: size, placement };
        measureProgram(head, shape, ruleset, options, rows);
      }
    }
  }
  return rows;
}

type Head = Pick<PacketRow, 'ruleset' | 'rules' | 'placement'>;

function measureProgram(head: Head, shape: RulesetShape, ruleset: Ruleset, options: BenchOptions, rows: Rows): void {
  const begin = performance.now();
  const compiled = compileForBench(ruleset, head.placement, shape.host);
  const compileTime = performance.now() - begin;
  if ('refused' in compiled) {
    rows.programs.push({ ...head, refused: compiled.refused });
    return;
  }
  const { image } = compiled;
  const ours = tryToLoad(head.placement, shape, image);
  if ('refused' in ours) {
    rows.programs.push({ ...head, refused: ours.refused });
    return;
  }
  const { programs, loadTime } = ours;
  const empty = new SubjectPrograms(head.placement, shape.chain);
  try {
    rows.programs.push({ ...head, instructions: programs.instructions, compileTime, loadTime });
    for (const traffic of TRAFFIC) {
      rows.packets.push({
        ...head,
        traffic: traffic.name,
        ...measureTraffic({ shape, ruleset, placement: head.placement, image, programs, empty }, traffic, options),
      });
    }
  } finally {
    programs.close();
    empty.close();
  }
}

function tryToLoad(placement: EnforcingPlacement, shape: RulesetShape, image: Image) {
  const begin = performance.now();
  try {
    const programs = new SubjectPrograms(placement, shape.chain, image);
    return { programs, loadTime: performance.now() - begin };
  } catch (error) {
    return { refused: refusalOf(error) };
  }
}

interface Loaded {
  readonly shape: RulesetShape;
  readonly ruleset: Ruleset;
  readonly placement: EnforcingPlacement;
  readonly image: Image;
  readonly programs: SubjectPrograms;
  readonly empty: SubjectPrograms;
}

function measureTraffic(
  { shape, ruleset, placement, image, programs, empty }: Loaded,
  traffic: Traffic,
  options: BenchOptions,
): Pick<PacketRow, 'decided' | 'loop' | 'single'> {
  const packets = traffic.flows(shape, POOL).map((flow) => packetOf(flow, shape.chain, DEVICES[placement]));
  const expectation = expectationOf(filterTable(ruleset), packets);
  const frames = packets.map(frameOf);
  const singles = Array.from({ length: SINGLES }, (_, n) => Math.floor((n * POOL) / SINGLES));
  programs.loadPool(frames);
  empty.loadPool(frames);
  const wanted = new Map<string, number>();
  const single = (subject: SubjectPrograms): number =>
    singles.reduce((sum, index) => sum + subject.runSingle(frames[index]!, REPEAT), 0) / SINGLES;
  const samples = takeTurns(
    [
      {
        name: 'loop',
        sample: () => {
          expectPackets(wanted, expectation, 1);
          return programs.runLoop();
        },
      },
      { name: 'empty loop', sample: () => empty.runLoop() },
      {
        name: 'single',
        sample: () => {
          for (const index of singles) expectPackets(wanted, [expectation[index]!], REPEAT);
          return single(programs);
        },
      },
      { name: 'empty single', sample: () => single(empty) },
    ],
    options,
  );
  const wrong = miscount(image.manifest.slots, programs.takeCounts(), wanted, PACKET_LENGTH);
  if (wrong !== undefined) throw new Error(`${traffic.name} traffic, ${placement}: ${wrong}`);
  return {
    decided: decidedByRules(expectation),
    loop: { ours: samples.get('loop')!, empty: samples.get('empty loop')! },
    single: { ours: samples.get('single')!, empty: samples.get('empty single')! },
  };
}
