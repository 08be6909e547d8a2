// The segments of a program, from those that its hooks enter at to the last that an exit leads to.
//
// Each stands behind all that lead to it, so exits are jumps forward, to a place known when the program is made. Behind
// the last one stands the end of packets that nobody can decide, which all share.

import type { Features } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import type { ActionList, Classification, Edge, Segment } from '../classify/classification.ts';
import { indexedField } from '../classify/indexes/field-index.ts';
import type { Slot } from '../graph/graph.ts';
import { emitUndecided, type HookAbi } from './actions.ts';
import { type Ability, type Deferral, findDeferrals, NEVER_DEFERRED } from './deferral.ts';
import { finishFields } from './finishes/emit-finish.ts';
import type { FlowCaches } from './flow-cache.ts';
import { emitLinear } from './linear.ts';
import type { TableAccess } from './table-access.ts';
import { emitTableSegment } from './table-segment.ts';

/** What a program's segments are emitted for. */
export interface SegmentOptions {
  readonly classification: Classification;
  readonly abi: HookAbi;
  /** The slot that counts packets nobody could decide: the number of all other slots. */
  readonly undecidedSlot: Slot;
  readonly access: TableAccess;
  /** What the kernel can do; absent where code cannot loop. */
  readonly features?: Features;
  /** Flow caches in front of some of the segments. */
  readonly flowCaches?: FlowCaches | undefined;
  /** Puts a field that prologues leave out into the key, where a finish asks for one. Keeps R6–R8 and the key. */
  readonly fetchLate?: (a: Assembler, field: Field) => void;
  /** Emitted where packets enter a segment, for fields that it asks for and prologues leave out. Keeps R6–R8 and the key. */
  readonly beforeSegment?: (segment: number) => void;
  /** What else the hook cannot do, and defers; only for hooks that defer. */
  readonly ability?: Omit<Ability, 'late'>;
  /**
   * Emitted before a packet that is sure to be decided is counted, or dropped without: may still send it to where undecided
   * ones go. Keeps R6–R9.
   */
  readonly beforeEnd?: () => void;
  /** Marks the following instructions as those of a rule, or of this stage of the program. */
  readonly mark: (owner: Slot | string) => void;
}

export interface SegmentContext extends SegmentOptions {
  /** Where each segment begins. */
  readonly labels: ReadonlyMap<number, Label>;
  /** Where packets go that this hook cannot decide, before they are counted as that. */
  readonly undecided: Label;
  readonly deferral: Deferral;
}

/** The segments that packets entering at `entries` may come to, each before those that it leads to. */
export function segmentOrder(classification: Classification, entries: readonly number[]): number[] {
  const done = new Set<number>();
  const open = new Set<number>();
  const order: number[] = [];
  const stack = [...entries].reverse();
  for (let number = stack.at(-1); number !== undefined; number = stack.at(-1)) {
    const waiting = done.has(number) ? [] : successors(classification, number).filter((next) => !done.has(next));
    if (open.has(number) || waiting.length === 0) {
      stack.pop();
      if (!done.has(number)) order.push(number);
      done.add(number);
      continue;
    }
    open.add(number);
    if (waiting.some((next) => open.has(next))) throw new Error(`codegen: segment ${number} leads back`);
    stack.push(...waiting);
  }
  return order.reverse();
}

/** The fields that prologues must put into the key for these segments. */
export function fieldsOf({ segments }: Classification, order: readonly number[]): ReadonlySet<Field> {
  const fields = new Set<Field>();
  for (const number of order) {
    const segment = segments[number]!;
    if (segment.finish === 'linear') {
      for (const { predicate } of segment.tests) fields.add(predicate.field);
      continue;
    }
    for (const lookup of segment.lookups) if (lookup.kind === 'index') fields.add(indexedField(lookup.index));
    for (const field of finishFields(segment.result)) fields.add(field);
  }
  return fields;
}

/** Emits the segments of `order`. The first is entered where it is emitted, all of them at their labels. */
export function emitSegments(
  a: Assembler,
  order: readonly number[],
  labels: ReadonlyMap<number, Label>,
  undecided: Label,
  options: SegmentOptions,
): void {
  const { classification, abi, ability, fetchLate, mark } = options;
  const deferral =
    abi.undecided === 'defer'
      ? findDeferrals(classification, order, {
          ...ability,
          late: fetchLate !== undefined,
        })
      : NEVER_DEFERRED;
  const context: SegmentContext = { ...options, labels, undecided, deferral };
  for (const [position, number] of order.entries()) {
    const label = labels.get(number)!;
    if (position > 0 && !label.isUsed) continue;
    a.bind(label);
    const segment = classification.segments[number]!;
    if (deferral.whole(number)) {
      a.goto(undecided);
      continue;
    }
    options.beforeSegment?.(number);
    if (segment.finish === 'linear') emitLinear(a, number, segment, context);
    else emitTableSegment(a, number, segment, context);
  }
  if (!undecided.isUsed) return;
  mark('undecided');
  a.bind(undecided);
  emitUndecided(a, abi, options.undecidedSlot);
}

/** The segments that lists of a segment lead to, itself left out. */
function successors({ segments, lists }: Classification, number: number): number[] {
  const segment: Segment = segments[number]!;
  const used = segment.finish === 'tables' ? segment.lists : linearLists(segment);
  const next = new Set<number>();
  let last: ActionList['then'] | undefined;
  for (let i = 0; i < used.length; i++) {
    const { then } = lists[used[i]!]!;
    // Ends are shared, and thousands of lists in a row have the same.
    if (then === last) continue;
    last = then;
    if (then.kind === 'segment' && then.segment !== number) next.add(then.segment);
    if (then.kind !== 'exit') continue;
    const target = segment.exits?.[then.exit];
    if (target === undefined) throw new Error(`codegen: segment ${number} has no exit ${then.exit}`);
    next.add(target);
  }
  return [...next];
}

function linearLists({ entry, tests }: Extract<Segment, { finish: 'linear' }>): number[] {
  const edges: readonly Edge[] = [entry, ...tests.flatMap(({ yes, no }) => [yes, no])];
  return edges.flatMap((edge) => (edge.kind === 'list' ? [edge.list] : []));
}
