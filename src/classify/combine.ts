// Two components looked up together: a table of rows and columns with a class for each pair of classes.
//
// The predicates of the combination are the pairs of predicates that some decision asks for. They are sorted, so that
// those which ask nothing of the rows come first. What holds in a cell then has three parts: pairs that ask columns alone,
// which a column has in all rows; pairs that ask rows alone; and pairs that ask both, of which most cells have none. Only
// the cells that have some are visited, all others of a row are filled in.

import type { Budget } from './budget.ts';
import { type ClassSets, overlapLimit } from './classes.ts';
import type { NumberLists } from './components.ts';
import type { Overflow } from './finishes/finish.ts';
import { IntPairs } from './int-pairs.ts';
import { NumberSets } from './number-sets.ts';
import { type Pruner, prune } from './prune.ts';
import { sortedOrder } from './radix.ts';

/** Pairs of predicates that decisions ask for, ascending by row, then by column; the first is 1, 0 is (0, 0). */
export interface Pairs {
  readonly count: number;
  /** Predicates of each, at its number. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly ofDecision: Int32Array;
}

/** The pairs of two components' predicates, by decision. */
export function pairsOf(rows: Int32Array, columns: Int32Array): Pairs {
  const length = rows.length;
  const order = sortedOrder([columns, rows], length);
  const ofDecision = new Int32Array(length);
  const rowOf = new Int32Array(length + 1);
  const columnOf = new Int32Array(length + 1);
  let count = 0;
  for (let i = 0; i < length; i++) {
    const decision = order[i]!;
    const row = rows[decision]!;
    const column = columns[decision]!;
    if (rowOf[count] !== row || columnOf[count] !== column) {
      rowOf[++count] = row;
      columnOf[count] = column;
    }
    ofDecision[decision] = count;
  }
  return { count, rows: rowOf.slice(0, count + 1), columns: columnOf.slice(0, count + 1), ofDecision };
}

/** What cells are made of. */
export interface CellParts {
  /** Sets of pairs that ask columns alone. */
  readonly columnSets: NumberLists;
  /** Sets of pairs that ask rows alone. */
  readonly rowSets: NumberLists;
  /** Sets of pairs that ask both: set `n + 1` is the set and the larger pair that are pair `n`; 0 is the empty set. */
  readonly jointSets: IntPairs;
}

/** The content of a cell with these sets, not negative, or an overflow. Asked once for equal cells. */
export type CellMaker = (columnSet: number, rowSet: number, jointSet: number) => number | Overflow;

/** Pairs that ask both and hold in a cell, on average, at most. */
const MOST_VISITS = 8;
/** Small tables may have more: a table of so many cells is made at once. */
const SPARE_CELLS = 1 << 16;

/** All cells, row by row. */
export function crossCells(
  rows: ClassSets,
  columns: ClassSets,
  pairs: Pairs,
  makerFor: (parts: CellParts) => CellMaker,
): Uint32Array | Overflow {
  const width = columns.classCount;
  const { firstOf, columnsOf, alone } = jointPairs(pairs, rows, columns);
  if (visits(rows, pairs, columnsOf) > MOST_VISITS * (rows.classCount * width + SPARE_CELLS)) {
    return { overflow: 'a table: conditions overlap too much' };
  }
  const cells = new Uint32Array(rows.classCount * width);
  const columnSetOf = new Uint32Array(width);
  const columnSets = setsOf(columns, alone.columns, columnSetOf);
  const rowSetOf = new Uint32Array(rows.classCount);
  const rowSets = setsOf(rows, alone.rows, rowSetOf);
  const jointSets = new IntPairs();
  const make = makerFor({ columnSets: columnSets.finish(), rowSets: rowSets.finish(), jointSets });

  // Cells by their sets: bases are a column set and a row set.
  const bases = new IntPairs(Math.max(columnSets.count, rowSets.count));
  const known = new IntPairs(rows.classCount + width);
  const contents: number[] = [];
  let overflow: Overflow | undefined;
  const contentOf = (columnSet: number, rowSet: number, jointSet: number): number => {
    if (overflow !== undefined) return 0;
    const number = known.number(bases.number(columnSet, rowSet), jointSet);
    if (number < contents.length) return contents[number]!;
    const made = make(columnSet, rowSet, jointSet);
    if (typeof made === 'number') {
      contents.push(made);
      return made;
    }
    overflow = made;
    return 0;
  };

  const jointOf = new Int32Array(width);
  const touched = new Uint32Array(width);
  // By column set: its columns, those of them that the row has visited, and the content of all others in rows of `plainFor`.
  const columnsIn = new Uint32Array(columnSets.count);
  for (let column = 0; column < width; column++) columnsIn[columnSetOf[column]!]!++;
  const touchedIn = new Uint32Array(columnSets.count);
  const plain = new Uint32Array(columnSets.count);
  const plainFor = new Int32Array(columnSets.count).fill(-1);
  for (let row = 0; row < rows.classCount; row++) {
    const start = row * width;
    const rowSet = rowSetOf[row]!;
    let touchedCount = 0;
    for (let i = rows.classes.offsets[row]!; i < rows.classes.offsets[row + 1]!; i++) {
      const predicate = rows.classes.items[i]!;
      for (let pair = firstOf[predicate]!; pair < firstOf[predicate + 1]!; pair++) {
        const asked = pairs.columns[pair]!;
        for (let j = columnsOf.offsets[asked]!; j < columnsOf.offsets[asked + 1]!; j++) {
          const column = columnsOf.items[j]!;
          if (jointOf[column] === 0) {
            touched[touchedCount++] = column;
            touchedIn[columnSetOf[column]!]!++;
          }
          jointOf[column] = jointSets.number(jointOf[column]!, pair) + 1;
        }
      }
    }
    for (let set = 0; set < plain.length; set++) {
      const isLeft = touchedIn[set]! < columnsIn[set]!;
      touchedIn[set] = 0;
      if (!isLeft || plainFor[set] === rowSet) continue;
      plain[set] = contentOf(set, rowSet, 0);
      plainFor[set] = rowSet;
    }
    if (plain.length === 1) cells.fill(plain[0]!, start, start + width);
    else for (let column = 0; column < width; column++) cells[start + column] = plain[columnSetOf[column]!]!;
    for (let i = 0; i < touchedCount; i++) {
      const column = touched[i]!;
      cells[start + column] = contentOf(columnSetOf[column]!, rowSet, jointOf[column]!);
      jointOf[column] = 0;
    }
    if (overflow !== undefined) return overflow;
  }
  return cells;
}

/** The combination as a component: its classes, `most` of them at most, and the table of their numbers. */
export function combine(
  name: string,
  rows: ClassSets,
  columns: ClassSets,
  pairs: Pairs,
  pruner: Pruner | undefined,
  budget: Budget,
  most: number,
): { readonly sets: ClassSets; readonly cells: Uint32Array } | Overflow {
  const limit = overlapLimit(pairs.count, budget);
  const sets = new NumberSets();
  const buffer = new Int32Array(pairs.count);
  const cells = crossCells(
    rows,
    columns,
    pairs,
    ({ columnSets, rowSets, jointSets }) =>
      (columnSet, rowSet, jointSet) => {
        let length = 0;
        for (let i = columnSets.offsets[columnSet]!; i < columnSets.offsets[columnSet + 1]!; i++) {
          buffer[length++] = columnSets.items[i]!;
        }
        // The rest from the end: both parts ascend, and so does what they make.
        let count = rowSets.offsets[rowSet + 1]! - rowSets.offsets[rowSet]!;
        for (let rest = jointSet; rest !== 0; rest = jointSets.first(rest - 1)) count++;
        let place = length + count;
        length = place;
        let joint = jointSet;
        let alone = rowSets.offsets[rowSet + 1]! - 1;
        for (; count > 0; count--) {
          const fromRow = alone >= rowSets.offsets[rowSet]! ? rowSets.items[alone]! : 0;
          const fromBoth = joint === 0 ? 0 : jointSets.second(joint - 1);
          if (fromRow > fromBoth) {
            buffer[--place] = fromRow;
            alone--;
          } else {
            buffer[--place] = fromBoth;
            joint = jointSets.first(joint - 1);
          }
        }
        const number = sets.number(buffer, pruner === undefined ? length : prune(pruner, buffer, length));
        if (number >= most) return { overflow: `${name}: more than ${most} classes` };
        return sets.total > limit ? { overflow: `${name}: conditions overlap too much` } : number;
      },
  );
  if ('overflow' in cells) return cells;
  return { sets: { classCount: sets.count, classes: sets.finish(), predicateCount: pairs.count }, cells };
}

/** Says so where a table would have too many cells. */
export function cellsOverflow(
  name: string,
  rows: Pick<ClassSets, 'classCount'>,
  columns: Pick<ClassSets, 'classCount'>,
  limit: number,
): Overflow | undefined {
  const cells = rows.classCount * columns.classCount;
  return cells <= limit ? undefined : { overflow: `${name}: ${cells} cells, ${limit} at most` };
}

/** The numbers of lists by the members they have: the lists turned around. */
function inverted({ offsets, items }: NumberLists, members: number): NumberLists {
  const starts = new Int32Array(members + 2);
  for (let i = 0; i < items.length; i++) starts[items[i]! + 1]!++;
  for (let member = 0; member <= members; member++) starts[member + 1]! += starts[member]!;
  const lists = new Int32Array(items.length);
  const next = starts.slice();
  for (let list = 0; list + 1 < offsets.length; list++) {
    for (let i = offsets[list]!; i < offsets[list + 1]!; i++) lists[next[items[i]!]!++] = list;
  }
  return { offsets: starts, items: lists };
}

/** Pairs that ask both, by row predicate: from `firstOf[predicate]` on; and pairs that ask one, by its predicate. */
function jointPairs(
  pairs: Pairs,
  rows: ClassSets,
  columns: ClassSets,
): {
  readonly firstOf: Int32Array;
  readonly columnsOf: NumberLists;
  readonly alone: { readonly rows: Int32Array; readonly columns: Int32Array };
} {
  const alone = { rows: new Int32Array(rows.predicateCount + 1), columns: new Int32Array(columns.predicateCount + 1) };
  const firstOf = new Int32Array(rows.predicateCount + 2);
  for (let pair = 1; pair <= pairs.count; pair++) {
    const row = pairs.rows[pair]!;
    const column = pairs.columns[pair]!;
    if (row === 0) alone.columns[column] = pair;
    else if (column === 0) alone.rows[row] = pair;
  }
  let pair = 1;
  for (let row = 0; row <= rows.predicateCount + 1; row++) {
    while (pair <= pairs.count && pairs.rows[pair]! < row) pair++;
    firstOf[row] = pair;
  }
  return { firstOf, columnsOf: inverted(columns.classes, columns.predicateCount), alone };
}

/** In how many cells pairs that ask both hold, all pairs together. */
function visits({ classes, predicateCount }: ClassSets, pairs: Pairs, columnsOf: NumberLists): number {
  const rowsWith = new Int32Array(predicateCount + 1);
  for (let i = 0; i < classes.items.length; i++) rowsWith[classes.items[i]!]!++;
  let sum = 0;
  for (let pair = 1; pair <= pairs.count; pair++) {
    const column = pairs.columns[pair]!;
    sum += rowsWith[pairs.rows[pair]!]! * (columnsOf.offsets[column + 1]! - columnsOf.offsets[column]!);
  }
  return sum;
}

/** The sets of pairs that classes have by themselves, and the number of each class's. */
function setsOf({ classCount, classes }: ClassSets, pairOf: Int32Array, setOf: Uint32Array): NumberSets {
  const sets = new NumberSets();
  const buffer = new Int32Array(pairOf.length);
  for (let number = 0; number < classCount; number++) {
    let length = 0;
    for (let i = classes.offsets[number]!; i < classes.offsets[number + 1]!; i++) {
      const pair = pairOf[classes.items[i]!]!;
      if (pair !== 0) buffer[length++] = pair;
    }
    setOf[number] = sets.number(buffer, length);
  }
  return sets;
}
