// The dense finish: the last table has an outcome for each pair of classes, or, for a list that asks one field only, the
// field's index has them in place of its classes.
//
// What holds in a cell is walked as the list would be. A late field takes no part in the tables: where the outcome of a
// cell depends on it, the cell has a row of outcomes, one for each class of that field.

import type { Budget } from '../budget.ts';
import type { ClassSets } from '../classes.ts';
import type { DenseFinish, Lookup } from '../classification.ts';
import { type CellMaker, type CellParts, cellsOverflow, crossCells, pairsOf } from '../combine.ts';
import type { NumberLists } from '../components.ts';
import { fieldOf, makeIndex, makeLookups, type Part, withClasses } from '../parts.ts';
import type { Reach } from '../reach.ts';
import { CellOutcomes, LATE } from './cell-outcomes.ts';
import type { Making, Outcomes, Overflow } from './finish.ts';
import { slotOutcomes, widthOf } from './slot-outcomes.ts';

export interface Dense {
  readonly lookups: readonly Lookup[];
  readonly result: DenseFinish;
}

/** What the finish is made of: one part, a field, or two; and a field to look up last, if any. */
export interface DenseInput {
  readonly reach: Reach;
  readonly parts: readonly [Part] | readonly [rows: Part, columns: Part];
  readonly late: Part | undefined;
  readonly outcomes: Outcomes;
  readonly making: Making;
}

export function buildDense(input: DenseInput): Dense | Overflow {
  const { reach, parts, late, outcomes, making } = input;
  const { budget } = making;
  const [rows, columns] = parts;
  const lateField = late === undefined ? undefined : { ...late.sets, ofDecision: late.ofDecision };
  const cells = new CellOutcomes(reach, outcomes, lateField, budget);
  const contents = columns === undefined ? classContents(rows, cells) : cellContents(rows, columns, cells, budget);
  if ('overflow' in contents) return contents;

  const from = outcomes.count;
  const slots = late === undefined ? slotOutcomes(outcomes, budget) : undefined;
  const numbers =
    slots !== undefined
      ? contents.map((outcome) => slots.values[outcome]!)
      : late === undefined
        ? contents
        : numberLate(contents, from);
  const count = slots?.count ?? from + (late === undefined ? 0 : cells.lateCells.length / late.sets.classCount);
  const bytes = contents.length * widthOf(count) + crossBytes(parts);
  if (columns !== undefined && bytes > budget.denseBytes) {
    return { overflow: `${bytes} bytes, ${budget.denseBytes} at most` };
  }

  const more = {
    ...(slots !== undefined && { bySlot: slots.bySlot }),
    ...(late !== undefined && cells.lateCells.length > 0 && { late: makeLate(late, cells, from, input) }),
  };
  if (columns === undefined) {
    const index = makeIndex(withClasses(fieldOf(rows), numbers, count), making);
    return { lookups: [{ kind: 'index', index, into: 0 }], result: { kind: 'dense', cell: 0, ...more } };
  }
  const last: Part = {
    name: nameOf(parts),
    sets: { ...columns.sets, classCount: count },
    ofDecision: columns.ofDecision,
    source: { kind: 'cross', rows, columns, cells: numbers },
  };
  const lookups = makeLookups([last], making, last);
  return { lookups, result: { kind: 'dense', cell: lookups.length - 1, ...more } };
}

function makeLate(
  late: Part,
  { lateCells }: CellOutcomes,
  from: number,
  { making }: DenseInput,
): NonNullable<DenseFinish['late']> {
  const table = making.pool.putNumbers(`late ${late.name}`, Uint32Array.from(lateCells), from - 1);
  return { index: makeIndex(fieldOf(late), making), from, columnCount: late.sets.classCount, table };
}

/** Rows of the late table are numbered behind the outcomes. */
function numberLate(contents: Uint32Array, from: number): Uint32Array {
  for (let i = 0; i < contents.length; i++) if (contents[i]! >= LATE) contents[i]! += from - LATE;
  return contents;
}

function cellContents(rows: Part, columns: Part, cells: CellOutcomes, budget: Budget): Uint32Array | Overflow {
  const name = nameOf([rows, columns]);
  const tooMany = cellsOverflow(name, rows.sets, columns.sets, budget.denseCells);
  if (tooMany !== undefined) return tooMany;
  const pairs = pairsOf(rows.ofDecision, columns.ofDecision);
  const decisions = decisionsBy(pairs.ofDecision, pairs.count, cells);
  return crossCells(rows.sets, columns.sets, pairs, (parts) => cellMaker(parts, decisions, cells));
}

function cellMaker(
  { columnSets, rowSets, jointSets }: CellParts,
  decisions: NumberLists,
  cells: CellOutcomes,
): CellMaker {
  const gathering = new Gathering(decisions, cells);
  return (columnSet, rowSet, jointSet) => {
    gathering.begin();
    gathering.add(0);
    for (let i = columnSets.offsets[columnSet]!; i < columnSets.offsets[columnSet + 1]!; i++) {
      gathering.add(columnSets.items[i]!);
    }
    for (let i = rowSets.offsets[rowSet]!; i < rowSets.offsets[rowSet + 1]!; i++) gathering.add(rowSets.items[i]!);
    for (let rest = jointSet; rest !== 0; rest = jointSets.first(rest - 1)) gathering.add(jointSets.second(rest - 1));
    return gathering.content();
  };
}

function classContents({ sets, ofDecision }: Part, cells: CellOutcomes): Uint32Array | Overflow {
  const gathering = new Gathering(decisionsBy(ofDecision, sets.predicateCount, cells), cells);
  const { classCount, classes }: ClassSets = sets;
  const contents = new Uint32Array(classCount);
  for (let number = 0; number < classCount; number++) {
    gathering.begin();
    gathering.add(0);
    for (let i = classes.offsets[number]!; i < classes.offsets[number + 1]!; i++) gathering.add(classes.items[i]!);
    const content = gathering.content();
    if (typeof content !== 'number') return content;
    contents[number] = content;
  }
  return contents;
}

/** Collects the decisions of predicates, in their order, as far as they matter. */
class Gathering {
  private readonly decisions: NumberLists;
  private readonly cells: CellOutcomes;
  private found = new Int32Array(64);
  private count = 0;
  /** No decision behind this one matters. */
  private last = 0;

  constructor(decisions: NumberLists, cells: CellOutcomes) {
    this.decisions = decisions;
    this.cells = cells;
  }

  begin(): void {
    this.count = 0;
    this.last = 0x7fffffff;
  }

  add(predicate: number): void {
    const { offsets, items } = this.decisions;
    for (let i = offsets[predicate]!; i < offsets[predicate + 1]!; i++) {
      const decision = items[i]!;
      if (decision > this.last) return;
      if (this.cells.ends(decision)) this.last = decision;
      if (this.count === this.found.length) {
        const longer = new Int32Array(this.count * 2);
        longer.set(this.found);
        this.found = longer;
      }
      this.found[this.count++] = decision;
    }
  }

  content(): number | Overflow {
    let count = 0;
    for (let i = 0; i < this.count; i++) if (this.found[i]! <= this.last) this.found[count++] = this.found[i]!;
    sortFirst(this.found, count);
    return this.cells.content(this.found, count);
  }
}

function sortFirst(numbers: Int32Array, count: number): void {
  if (count > 16) {
    numbers.subarray(0, count).sort();
    return;
  }
  for (let i = 1; i < count; i++) {
    const number = numbers[i]!;
    let place = i;
    for (; place > 0 && numbers[place - 1]! > number; place--) numbers[place] = numbers[place - 1]!;
    numbers[place] = number;
  }
}

/** The decisions of each predicate, in order, up to the first behind which nothing matters. */
function decisionsBy(ofDecision: Int32Array, predicateCount: number, cells: CellOutcomes): NumberLists {
  const ended = new Uint8Array(predicateCount + 1);
  const kept = new Int32Array(ofDecision.length);
  const offsets = new Int32Array(predicateCount + 2);
  let count = 0;
  for (let decision = 0; decision < ofDecision.length; decision++) {
    const predicate = ofDecision[decision]!;
    if (ended[predicate] === 1) continue;
    kept[count++] = decision;
    offsets[predicate + 1]!++;
    if (cells.ends(decision)) ended[predicate] = 1;
  }
  for (let predicate = 0; predicate <= predicateCount; predicate++) offsets[predicate + 1]! += offsets[predicate]!;
  const items = new Int32Array(count);
  const next = offsets.slice();
  for (let i = 0; i < count; i++) items[next[ofDecision[kept[i]!]!]!++] = kept[i]!;
  return { offsets, items };
}

function crossBytes(parts: readonly Part[]): number {
  let bytes = 0;
  for (const { source, sets } of parts) {
    if (source.kind !== 'cross') continue;
    bytes += source.cells.length * widthOf(sets.classCount) + crossBytes([source.rows, source.columns]);
  }
  return bytes;
}

function nameOf(parts: readonly Part[]): string {
  return parts.map(({ name }) => name).join(' ');
}
