import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, interval } from '../../../src/base/intervals.ts';
import { evaluatePredicate, type FieldValues, type Literal, type NumericField } from '../../../src/base/predicate.ts';
import { type Answer, ConditionTable, fieldBit, UNLISTED } from '../../../src/classify/conditions.ts';
import type { Condition } from '../../../src/classify/decision-list.ts';
import { ALWAYS } from '../../../src/classify/vectors.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { ALL_FIELDS, DEVICE_NAMES, isNumeric, meets, randomCondition, valueAt } from '../../harness/list-conditions.ts';

/** What literals of one field ask together. */
function joined(table: ConditionTable, literals: readonly Literal[]): Answer {
  return literals.reduce<Answer>((all, literal) => {
    const next = table.condition(literal);
    if (all === true || next === false) return next;
    return all === false || next === true ? all : table.and(all, next);
  }, true);
}

function device(name: string, prefix: boolean, negated: boolean): Literal {
  return { predicate: { kind: 'device', field: 'inDevice', name, prefix }, negated };
}

describe('ConditionTable', () => {
  it('joins the literals of a field to one condition that holds where all of them do', () => {
    const table = new ConditionTable();
    let constant = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const choice = seededChoice(seed, 0);
        const field = choice.pick(ALL_FIELDS);
        const asked = Array.from({ length: choice.integer(1, 3) }, () => {
          const around = isNumeric(field)
            ? choice.integer(0, 20)
            : field.endsWith('6')
              ? 5n
              : choice.pick(DEVICE_NAMES);
          return randomCondition(choice, field, around);
        });
        const literals = asked.flatMap((condition) => condition.literals);
        const answer = joined(table, literals);
        if (typeof answer === 'boolean') constant++;
        for (let i = 0; i < 10; i++) {
          const value = valueAt(choice, choice.pick(asked));
          const fields = { [field]: value } as unknown as FieldValues;
          const wanted = literals.every(({ predicate, negated }) => evaluatePredicate(predicate, fields) !== negated);
          expect(typeof answer === 'boolean' ? answer : meets(answer, fields)).toBe(wanted);
          if (typeof answer !== 'boolean' && answer.set) expect(contains(answer.set, value as number)).toBe(wanted);
        }
      }),
      { numRuns: 2000 },
    );
    expect(constant).toBeGreaterThan(20);
  });

  it('makes one condition of equal questions', () => {
    const table = new ConditionTable();
    const set = (low: number, high: number, negated = false): Answer =>
      table.condition({ predicate: { kind: 'in', field: 'dport', set: interval(low, high) }, negated });
    expect(set(80, 80)).toBe(set(80, 80));
    expect(set(0, 79)).toBe(set(80, 65535, true));
    expect(table.and(set(0, 100) as Condition, set(50, 200) as Condition)).toBe(set(50, 100));
    const masked = {
      predicate: { kind: 'masked', field: 'dport', mask: 0xff00, value: 0x100 },
      negated: false,
    } as const;
    expect(table.condition(masked)).toBe(set(256, 511));
    expect(joined(table, [device('eth', true, false), device('eth0', false, true)])).toBe(
      joined(table, [
        device('eth0', false, true),
        device('lo', false, true),
        device('e', true, false),
        device('eth', true, false),
      ]),
    );
  });

  it('knows what always and what never holds', () => {
    const table = new ConditionTable();
    const set = (low: number, high: number, negated = false): Answer =>
      table.condition({ predicate: { kind: 'in', field: 'dport', set: interval(low, high) }, negated });
    expect([set(0, 65535), set(0, 65535, true), set(1, 0), set(1, 0, true)]).toEqual([true, false, false, true]);
    expect(table.and(set(0, 9) as Condition, set(10, 19) as Condition)).toBe(false);
    for (const [literals, answer] of [
      [[device('', true, false)], true],
      [[device('', true, true)], false],
      [[device('eth0', false, false), device('eth1', false, false)], false],
      [[device('eth0', false, false), device('eth', true, true)], false],
      [[device('eth', true, false), device('lo', true, false)], false],
      [[device('eth', true, true), device('eth0', true, false)], false],
    ] as const) {
      expect(joined(table, literals)).toBe(answer);
    }
  });

  it('finds vectors by what they ask, in any order', () => {
    const table = new ConditionTable();
    const ask = (field: NumericField, low: number, high = low): Condition =>
      table.condition({ predicate: { kind: 'in', field, set: interval(low, high) }, negated: false }) as Condition;
    const [tcp, ssh, net, host] = [ask('protocol', 6), ask('dport', 22), ask('src', 0, 255), ask('src', 7)];
    const both = table.vector([tcp, ssh]);
    expect(table.vector([ssh, tcp])).toBe(both);
    expect(table.fieldsOf(both)).toBe(fieldBit('protocol') | fieldBit('dport'));
    expect(table.find([net, tcp])).toBeUndefined();
    const narrowed = table.both(table.vector([net, tcp]), table.vector([host, ssh]));
    expect(narrowed).toBe(table.vector([tcp, ssh, host]));
    expect(table.find([host, ssh, tcp])).toBe(narrowed);
    expect(table.both(narrowed!, table.vector([ask('src', 8)]))).toBeUndefined();
    expect(table.without(narrowed!, fieldBit('src'))).toBe(both);
    expect(table.both(ALWAYS, both)).toBe(both);
    for (let port = 0; port < 5000; port++) table.vector([ask('sport', port), tcp]);
    expect(table.vector([tcp, ssh])).toBe(both);
    expect(table.vectorCount).toBe(5000 + 6);
  });

  it('says of a mask that is too many intervals that no table can be made of it', () => {
    const table = new ConditionTable();
    const masked = (mask: number): Condition =>
      table.condition({ predicate: { kind: 'masked', field: 'src', mask, value: 0 }, negated: false }) as Condition;
    expect(masked(0xff00ff00).set).toHaveLength(256);
    expect(masked(0xf0f0ff00).set).toHaveLength(256);
    expect(table.fieldsOf(table.vector([masked(0xff00ff00)])) & UNLISTED).toBe(0);
    const unlisted = masked(0xf0f0f0f0);
    expect(unlisted.set).toBeUndefined();
    expect(table.fieldsOf(table.vector([unlisted])) & UNLISTED).toBe(UNLISTED);
    const host = { predicate: { kind: 'in', field: 'src', set: interval(0x0f000f00) }, negated: false } as const;
    expect(table.and(unlisted, table.condition(host) as Condition)).toBe(table.condition(host));
    expect(table.and(unlisted, masked(0xff00ff00))).toBe(table.and(masked(0xff00ff00), unlisted));
  });
});
