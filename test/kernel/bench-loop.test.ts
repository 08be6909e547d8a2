// The benches measure what the compiler makes by changing how it gets at packets: what it counts must stay right.

import { expect, it } from 'vitest';
import { filterTable } from '../../src/engine/compile.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { CLASSIFY_RULESETS, type ClassifyRuleset, formatRuleset } from '../bench/classify-rulesets.ts';
import { expectationOf, expectPackets, miscount, shapeOracle } from '../bench/expectation.ts';
import { FINISHES } from '../bench/finishes.ts';
import { PACKET_LENGTH, packetOf } from '../bench/rule-shape.ts';
import { compileForBench, DEVICES, frameOf, PLACEMENTS, SubjectPrograms } from '../bench/subject-programs.ts';
import { flowsOf, TRAFFIC } from '../bench/traffic.ts';
import { ownersOf } from '../harness/slots.ts';

const RULES = 40;
const POOL = 512;
const REPEAT = 100;

const cases = CLASSIFY_RULESETS.flatMap((kind) =>
  PLACEMENTS.flatMap((placement) => {
    const prepared = once(() => prepare(kind, placement));
    return [...FINISHES].map(([finish, options]) => ({ prepared, placement, name: kind.name, finish, options }));
  }),
);

/** The ruleset and a pool of each traffic, with what the interpreter says of it: the same for every finish. */
function prepare(kind: ClassifyRuleset, placement: (typeof PLACEMENTS)[number]) {
  const shape = kind.shape(kind.sizes?.length === 1 ? kind.sizes[0]! : RULES);
  const { ruleset } = parseRuleset(formatRuleset(shape), { file: 'bench' });
  const oracle = shapeOracle(filterTable(ruleset), shape);
  const pools = TRAFFIC.map((traffic) => {
    const packets = traffic.flows(flowsOf(shape), POOL).map((flow) => packetOf(flow, shape.chain, DEVICES[placement]));
    return { frames: packets.map(frameOf), expectation: expectationOf(oracle, packets) };
  });
  return { shape, ruleset, pools };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

it.each(cases)(
  '$name at $placement, finish $finish: every packet of a pool is counted as the interpreter says',
  ({ prepared, placement, options }) => {
    const { shape, ruleset, pools } = prepared();
    const compiled = compileForBench(ruleset, placement, shape.host, options);
    if ('refused' in compiled) throw new Error(compiled.refused);
    const owners = ownersOf(filterTable(ruleset));
    const programs = new SubjectPrograms(placement, shape.chain, compiled.image);
    try {
      for (const { frames, expectation } of pools) {
        programs.loadPool(frames);
        const wanted = new Map<string, number>();
        for (let run = 0; run < 2; run++) programs.runLoop();
        expectPackets(wanted, expectation, 2);
        programs.runSingle(frames[7]!, REPEAT);
        expectPackets(wanted, [expectation[7]!], REPEAT);
        const counts = programs.takeCounts();
        expect(miscount(owners, counts, wanted, PACKET_LENGTH)).toBeUndefined();
      }
      // The check is one: packets of the last pool, counted once more and not expected.
      programs.runLoop();
      expect(miscount(owners, programs.takeCounts(), new Map(), PACKET_LENGTH)).toBeDefined();
    } finally {
      programs.close();
    }
  },
);
