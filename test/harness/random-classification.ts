// Random classifications, made by hand as no builder would: for what the code generator does with tables and exits.

import { FILTER_CHAINS, type FilterChain } from '../../src/base/hooks.ts';
import type { NumericField } from '../../src/base/predicate.ts';
import { FIELD_MAXIMUM } from '../../src/base/predicate.ts';
import type {
  ActionList,
  Classification,
  Edge,
  LinearSegment,
  Lookup,
  Segment,
  TableSegment,
} from '../../src/classify/classification.ts';
import type { ExitName } from '../../src/classify/decision-list.ts';
import { OutcomeWords } from '../../src/classify/outcomes.ts';
import { TablePool } from '../../src/classify/tables.ts';
import type { Choice } from './random.ts';

const FIELDS: readonly NumericField[] = ['protocol', 'tcpFlags', 'sport', 'dport', 'transportLength'];
const EXITS: readonly ExitName[] = ['next', 'call', 'return'];

export interface RandomClassificationOptions {
  /** Number of counters. */
  readonly slots: number;
  readonly segments: number;
  /** Most counters of one list. */
  readonly longest: number;
  /** Whether some table segments ask for `state` late. */
  readonly late: boolean;
  /** Whether some segments are linear; they are if absent. */
  readonly linear?: boolean;
  /** Whether some lists are undecided; they are if absent. */
  readonly undecided?: boolean;
}

/** Segments lead to later ones, the last to none; each hook enters at one of them. */
export function randomClassification(choice: Choice, options: RandomClassificationOptions): Classification {
  const pool = new TablePool();
  const words = new OutcomeWords();
  const lists: ActionList[] = [];
  const unplaced: { segment: Omit<TableSegment, 'outcomes'>; number: number }[] = [];
  const segments: Segment[] = [];
  for (let number = 0; number < options.segments; number++) {
    const exits = randomExits(choice, number, options.segments);
    const own = Array.from({ length: choice.integer(1, 12) }, () => {
      return lists.push(randomList(choice, options, Object.keys(exits) as ExitName[])) - 1;
    });
    if (options.linear !== false && choice.chance(0.25)) {
      segments.push({ ...linearSegment(choice, number, own, lists), exits });
    } else {
      const segment = { ...tableSegment(choice, own, pool, options.late), exits };
      unplaced.push({ segment, number });
      segments.push(undefined as never);
    }
  }
  for (const { segment, number } of unplaced) {
    const numbers = Uint32Array.from(segment.lists, (list) => words.word(lists[list]!));
    segments[number] = { ...segment, outcomes: pool.put('outcomes', numbers) };
  }
  const counterPool = pool.put('counter lists', words.finish());
  const entries = Object.fromEntries(
    FILTER_CHAINS.map((chain) => [chain, choice.integer(0, Math.min(1, options.segments - 1))]),
  ) as Record<FilterChain, number>;
  return { segments, lists, entries, counterPool, tables: pool.finish() };
}

function randomExits(choice: Choice, number: number, count: number): Partial<Record<ExitName, number>> {
  if (number === count - 1) return {};
  const names = EXITS.filter(() => choice.chance(0.5));
  return Object.fromEntries(names.map((name) => [name, choice.integer(number + 1, count - 1)]));
}

function randomList(
  choice: Choice,
  { slots, longest, undecided = true }: RandomClassificationOptions,
  exits: readonly ExitName[],
): ActionList {
  const length = choice.weighted([
    [5, 1],
    [2, 0],
    [2, 2],
    [1, longest],
  ]);
  const counters = Array.from({ length }, () => choice.integer(0, slots - 1));
  const then: ActionList['then'] =
    exits.length > 0 && choice.chance(0.4)
      ? { kind: 'exit', exit: choice.pick(exits) }
      : { kind: choice.pick(['accept', 'drop', 'accept', 'drop', undecided ? 'undecided' : 'drop'] as const) };
  return { counters, then };
}

/** Tests of single values, in a row or skipping some; lists that count and go on are its own. */
function linearSegment(choice: Choice, number: number, own: readonly number[], lists: ActionList[]): LinearSegment {
  const count = choice.integer(1, 6);
  const edge = (test: number): Edge => {
    if (test + 1 >= count || choice.chance(0.4)) return { kind: 'list', list: choice.pick(own) };
    const next = choice.integer(test + 1, count - 1);
    if (choice.chance(0.6)) return { kind: 'test', test: next };
    const then = { kind: 'segment' as const, segment: number, test: next };
    return { kind: 'list', list: lists.push({ counters: [0], then }) - 1 };
  };
  const tests = Array.from({ length: count }, (_, test) => {
    const field = choice.pick(FIELDS);
    const middle = choice.integer(0, FIELD_MAXIMUM[field] - 1);
    const predicate = { kind: 'in' as const, field, set: [{ low: 0, high: middle }] };
    return { predicate, yes: edge(test), no: edge(test) };
  });
  return { finish: 'linear', tests, entry: { kind: 'test', test: 0 } };
}

function tableSegment(
  choice: Choice,
  own: readonly number[],
  pool: TablePool,
  mayBeLate: boolean,
): Omit<TableSegment, 'outcomes'> {
  const lookups: Lookup[] = [];
  const counts: number[] = [];
  const add = (lookup: Lookup, classes: number): void => {
    lookups.push(lookup);
    counts.push(classes);
  };
  for (const field of FIELDS.filter(() => choice.chance(0.6))) {
    const classes = choice.pick([1, 3, 10, 300]);
    const numbers = randomNumbers(choice, FIELD_MAXIMUM[field] + 1, classes);
    const table = pool.putNumbers(`${field} classes`, numbers, classes - 1);
    add({ kind: 'index', index: { kind: 'direct', field, table }, into: lookups.length }, classes);
  }
  // All variables are combined, in any order, until one is left.
  const left = lookups.map(({ into }) => into);
  const take = (): number => left.splice(choice.integer(0, left.length - 1), 1)[0]!;
  while (left.length > 1) {
    const [rows, columns] = [take(), take()];
    const columnCount = counts[columns]!;
    const cells = counts[rows]! * columnCount;
    const classes = left.length === 0 ? own.length : choice.pick([2, 7]);
    const table = pool.putNumbers('cross', randomNumbers(choice, cells, classes), classes - 1);
    const into = lookups.length;
    add({ kind: 'cross', rows, columns, rowCount: counts[rows]!, columnCount, table, into }, classes);
    left.push(into);
  }
  const cell = left[0];
  if (cell === undefined || counts[cell]! > own.length) return tableSegment(choice, own, pool, mayBeLate);
  if (!mayBeLate || choice.chance(0.5))
    return { finish: 'tables', lookups, result: { kind: 'dense', cell }, lists: own };
  const from = choice.integer(0, counts[cell]! - 1);
  const table = pool.putNumbers('state classes', randomNumbers(choice, 256, 4), 3);
  const late = {
    index: { kind: 'direct' as const, field: 'state' as const, table },
    from,
    columnCount: 4,
    table: pool.putNumbers('late', randomNumbers(choice, (counts[cell]! - from) * 4, own.length), own.length - 1),
  };
  return { finish: 'tables', lookups, result: { kind: 'dense', cell, late }, lists: own };
}

/** Numbers below `bound`, in runs. */
function randomNumbers(choice: Choice, length: number, bound: number): Uint32Array {
  const numbers = new Uint32Array(length);
  const run = Math.max(1, Math.floor(length / 64));
  for (let start = 0; start < length; start += run) numbers.fill(choice.integer(0, bound - 1), start, start + run);
  return numbers;
}
