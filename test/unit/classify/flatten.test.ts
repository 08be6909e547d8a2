import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ActionLists } from '../../../src/classify/action-lists.ts';
import type { Segment } from '../../../src/classify/classification.ts';
import type { ListSegment } from '../../../src/classify/decision-list.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { type FlatSegment, type FlatTable, Flattener, type FlattenOptions } from '../../../src/classify/flatten.ts';
import { listTests, shapeTests } from '../../../src/classify/list-tests.ts';
import { halveSegment } from '../../../src/classify/split-list.ts';
import { buildGraph } from '../../../src/graph/build.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Table } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';

function tableOf(text: string): Table {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables.find(({ name }) => name === 'filter')!;
}

const isList = (segment: FlatSegment): segment is ListSegment => 'list' in segment;

/** All segments as tests. */
function linear({ segments, entries }: FlatTable) {
  const lists = new ActionLists();
  const made = segments.map(
    (segment, number): Segment => (isList(segment) ? listTests(segment, number, lists) : shapeTests(segment, lists)),
  );
  return { segments: made, lists: lists.all, entries, tables: new Uint8Array(0) };
}

/** Cuts every list in two, again and again. */
function shredded({ segments, entries }: FlatTable): FlatTable {
  const pieces = [...segments];
  for (let number = 0; number < pieces.length; number++) {
    for (let piece = pieces[number]!; isList(piece) && piece.list.length > 1; piece = pieces[number]!) {
      halveSegment(pieces, number);
    }
  }
  return { segments: pieces, entries };
}

const WIDE = { flatten: 4, segments: 10_000 };
const WAYS: Record<string, FlattenOptions> = {
  'in place': { budget: WIDE },
  'nothing in place': { budget: { ...WIDE, flatten: 0 } },
  'returns as exits': { budget: WIDE, returns: 'segments' },
  'returns as exits, nothing in place': { budget: { ...WIDE, flatten: 0 }, returns: 'segments' },
};

function isSound({ segments }: FlatTable, options: FlattenOptions): void {
  for (const segment of segments) {
    if (!isList(segment)) continue;
    const { length, conditions, slots, then, owners } = segment.list;
    expect([conditions, slots, then, owners].map((each) => each!.length)).toEqual([length, length, length, length]);
    for (let i = 0; i < length; i++) {
      expect(then[i] === 0 || then[i]! > length || (then[i]! > 0 && then[i]! <= i)).toBe(false);
      if (options.returns === 'segments' && conditions[i]!.length > 0 && then[i]! >= 0) expect(then[i]).toBe(i + 1);
      const ids = conditions[i]!.map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      expect(new Set(conditions[i]!.map(({ field }) => field)).size).toBe(ids.length);
    }
  }
}

describe('Flattener', () => {
  it('gives every packet what the graph gives it, however chains are laid out and lists are cut', () => {
    const flattener = new Flattener();
    fc.assert(
      fc.property(scenarios({ packets: 40 }), (scenario) => {
        const table = tableOf(rulesetText(scenario));
        const graph = buildGraph(table);
        const chains = new Meanings().chains(table);
        for (const [name, options] of Object.entries(WAYS)) {
          const flat = flattener.flatten(chains, options);
          isSound(flat, options);
          for (const [form, each] of [
            ['whole', flat],
            ['in shreds', shredded(flat)],
          ] as const) {
            const classification = linear(each);
            for (const packet of scenario.packets) {
              const fields = fieldsOf(packet);
              const wanted = evaluateGraph(graph, packet.hook, fields);
              const found = evaluateClassification(classification, packet.hook, fields);
              expect({ name, form, ...found }).toEqual({ name, form, ...wanted });
            }
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
