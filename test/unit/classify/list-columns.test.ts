import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KnownConditions, listColumns } from '../../../src/classify/list-columns.ts';
import { listFields } from '../../../src/classify/list-fields.ts';
import { listScenarios } from '../../harness/random-lists.ts';

it('an edited list has the columns of a new one, and a field has the conditions that decisions ask of it', () => {
  fc.assert(
    fc.property(listScenarios({ segments: 1, packets: 0 }), fc.nat(), fc.nat(), ({ segments }, from, count) => {
      const { conditions } = segments[0]!.list;
      const known = new KnownConditions();
      const before = listColumns({ length: conditions.length, conditions }, known);
      const start = from % (conditions.length + 1);
      const fewer = conditions.toSpliced(start, count % 4);
      for (const each of [fewer, conditions.toSpliced(start, 0, ...conditions.slice(-2)), conditions]) {
        const columns = listColumns({ length: each.length, conditions: each }, known, before);
        for (const { field, ids, conditions: asked, bounds, ofDecision } of listFields(columns, known)) {
          const found = [...ofDecision].map((predicate) =>
            predicate === 0 ? undefined : known.at(ids[predicate - 1]!),
          );
          if (bounds === undefined) expect(asked).toEqual([...ids].map((id) => known.at(id)));
          expect(found).toEqual(each.map((own) => own.find((condition) => condition.field === field)));
        }
        expect([...columns.counts]).toEqual(each.map((own) => own.length));
      }
    }),
    { numRuns: 50, seed: 20 },
  );
});
