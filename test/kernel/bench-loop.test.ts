// The benches measure what the compiler makes by changing how it gets at packets: what it counts must stay right.

import { expect, it } from 'vitest';
import { CLASSIFY_RULESETS } from '../bench/classify-rulesets.ts';
import { expectPackets, miscount } from '../bench/expectation.ts';
import { CHOSEN, FINISHES } from '../bench/finishes.ts';
import { IPV6, RULESETS_6 } from '../bench/ipv6-rulesets.ts';
import { Workload } from '../bench/packet-measure.ts';
import { IPV4 } from '../bench/rule-shape.ts';
import { compileForBench, PLACEMENTS, SubjectPrograms } from '../bench/subject-programs.ts';
import { TRAFFIC } from '../bench/traffic.ts';

const RULES = 40;
const POOL = 512;
const REPEAT = 100;

/** Rulesets of both families, each with its pools made once for all finishes. */
const subjects = [
  ...CLASSIFY_RULESETS.map((kind) => ({
    name: kind.name,
    finishes: [...FINISHES.keys()],
    prepared: once(() => new Workload(IPV4, kind, kind.sizes?.length === 1 ? kind.sizes[0]! : RULES)),
  })),
  ...RULESETS_6.map((kind) => ({
    name: kind.name,
    finishes: [CHOSEN],
    prepared: once(() => new Workload(IPV6, kind, RULES)),
  })),
];

const cases = subjects.flatMap(({ finishes, ...subject }) =>
  PLACEMENTS.flatMap((placement) => finishes.map((finish) => ({ ...subject, placement, finish }))),
);

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

it.each(cases)(
  '$name at $placement, finish $finish: every packet of a pool is counted as the interpreter says',
  ({ prepared, placement, finish }) => {
    const work: Workload<number> | Workload<bigint> = prepared();
    const { shape, ruleset, owners, family, length } = work;
    const compiled = compileForBench(ruleset, placement, shape.host, FINISHES.get(finish)!);
    if ('refused' in compiled) throw new Error(compiled.refused);
    const programs = new SubjectPrograms(placement, shape.chain, compiled.image, family);
    try {
      for (const { name } of TRAFFIC) {
        const { frames, expectation } = work.pool(name, POOL);
        programs.loadPool(frames);
        const wanted = new Map<string, number>();
        for (let run = 0; run < 2; run++) programs.runLoop();
        expectPackets(wanted, expectation, 2);
        programs.runSingle(frames[7]!, REPEAT);
        expectPackets(wanted, [expectation[7]!], REPEAT);
        const counts = programs.takeCounts();
        expect(miscount(owners, counts, wanted, length)).toBeUndefined();
      }
      // The check is one: packets of the last pool, counted once more and not expected.
      programs.runLoop();
      expect(miscount(owners, programs.takeCounts(), new Map(), length)).toBeDefined();
    } finally {
      programs.close();
    }
  },
);
