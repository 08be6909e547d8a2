import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ActionLists } from '../../../src/classify/action-lists.ts';
import { type Budget, DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { ClassifyCache } from '../../../src/classify/cache.ts';
import type { DecisionList, ListSegment } from '../../../src/classify/decision-list.ts';
import { denseOverflow } from '../../../src/classify/dense-overflow.ts';
import { buildDense } from '../../../src/classify/finishes/dense.ts';
import { isOverflow, Outcomes } from '../../../src/classify/finishes/finish.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { listFields } from '../../../src/classify/list-fields.ts';
import { ListParts } from '../../../src/classify/list-parts.ts';
import { reachOf } from '../../../src/classify/reach.ts';
import { TablePool } from '../../../src/classify/tables.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { listScenarios } from '../../harness/random-lists.ts';

/** Whether an overflow is foretold, and whether there is one. */
function overflows(list: DecisionList, budget: Budget): readonly [foretold: boolean, found: boolean] {
  const making = { budget, pool: new TablePool(), cache: new ClassifyCache() };
  const reach = reachOf(list, making.cache.columnsOf('', list));
  const fields = listFields(reach.columns, making.cache.conditions);
  const foretold = denseOverflow(reach, fields, budget) !== undefined;
  const parts = fields.length === 0 ? undefined : ListParts.of(reach, fields, making);
  const chosen = parts === undefined || isOverflow(parts) ? parts : parts.forDense();
  if (chosen === undefined || isOverflow(chosen)) return [foretold, chosen !== undefined];
  const made = buildDense({ reach, ...chosen, outcomes: new Outcomes(new ActionLists()), making });
  return [foretold, isOverflow(made)];
}

it('foretells overflows that come, and no others', () => {
  let count = 0;
  const fields = ['src', 'dst', 'sport', 'dport', 'protocol'] as const;
  fc.assert(
    fc.property(
      listScenarios({ segments: 1, packets: 0, fields, manners: ['mixed', 'tuples', 'few fields'] }),
      fc.constantFrom(1, 4, 12),
      fc.constantFrom(1, 4, 12),
      ({ segments }, crossCells, denseCells) => {
        const [foretold, found] = overflows(segments[0]!.list, { ...DEFAULT_BUDGET, crossCells, denseCells });
        if (foretold) count++;
        expect(foretold && !found).toBe(false);
      },
    ),
    { numRuns: 200, seed: 20 },
  );
  expect(count).toBeGreaterThan(20);
});

it.each([
  ['one address dropped whatever it does', '-A INPUT -s 10.0.0.9/32 -j DROP', true],
  ['all of them dropped first', '-A INPUT -s 10.0.0.0/24 -j DROP', false],
])('foretells what pairs of addresses need: %s', (_, rule, wanted) => {
  const pairs = Array.from({ length: 5 }, (_, n) => `-A INPUT -s 10.0.0.${n}/32 -d 192.0.2.${n}/32 -j ACCEPT`);
  const { ruleset } = parseRuleset(`*filter\n${[rule, ...pairs].join('\n')}\nCOMMIT\n`, { file: 'test' });
  const lists = new Flattener().flatten(new Meanings().chains(ruleset.tables[0]!), { budget: DEFAULT_BUDGET });
  const { list } = lists.INPUT!.segments[0] as ListSegment;
  expect(overflows(list, { ...DEFAULT_BUDGET, crossCells: 12, denseCells: 12 })[0]).toBe(wanted);
});
