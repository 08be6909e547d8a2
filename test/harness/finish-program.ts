// A finish alone as an XDP program: what it reads are the first bytes of a frame, 32 bits for each class or field, and what
// it leaves in R0 is what the program returns. Counters are one area, without CPUs.

import type { NumericField } from '../../src/base/predicate.ts';
import { Assembler, type Label } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import type { Register } from '../../src/bpf/instruction.ts';
import { R0, R1, R2, R3, R6, R7, R8 } from '../../src/bpf/instruction.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Variable } from '../../src/classify/components.ts';
import { emitCountSlot } from '../../src/codegen/actions.ts';
import { type FlowCacheChoice, flowCachesOf, flowMap } from '../../src/codegen/flow-cache.ts';
import { storeField } from '../../src/codegen/key.ts';
import { areaSize, HEAD_SIZE, SLOT_SIZE } from '../../src/codegen/manifest.ts';
import { emitSegments, segmentOrder } from '../../src/codegen/segments.ts';
import { directAccess, storeVariable, TABLE_MAP } from '../../src/codegen/table-access.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { readSlots } from '../../src/engine/counters.ts';

/** Bytes of a frame, and what each counts as. */
const FRAME_SIZE = 64;
/** What a program returns that met a broken table. */
const BROKEN = 0xdead;

const COUNTERS = 'counters';

export interface FinishProgram {
  readonly program: Program;
  readonly maps: readonly MapDefinition[];
}

export interface FinishEmission {
  readonly inR0: undefined;
  readonly scratch: Variable;
  readonly broken: Label;
  readonly count: (slot: Register) => void;
}

/**
 * The program, and its maps: tables and counters of `slots` slots. `inputs` says of each number of a frame which variable
 * or field it is.
 */
export function finishProgram(
  inputs: readonly (Variable | NumericField)[],
  slots: number,
  tables: Uint8Array,
  emit: (a: Assembler, code: FinishEmission) => void,
): FinishProgram {
  const a = new Assembler();
  const broken = a.label('broken table');
  emitInputs(a, inputs, broken);
  emit(a, {
    inR0: undefined,
    scratch: 1 + Math.max(-1, ...inputs.filter((input) => typeof input === 'number')),
    broken,
    count: (slot) => emitCountSlot(a, XDP_ABI, slot, slots, broken),
  });
  a.exit();
  a.bind(broken).mov(R0, BROKEN).exit();
  return { program: { name: 'finish', type: 'xdp', ...a.finish() }, maps: mapsOf(slots, tables) };
}

/** The same of all segments of a classification, entered at its first; the program returns verdicts. */
export function segmentsProgram(
  inputs: readonly NumericField[],
  slots: number,
  classification: Classification,
  flowCache: FlowCacheChoice,
): FinishProgram {
  const a = new Assembler();
  const undecided = a.label('undecided');
  const order = segmentOrder(classification, [0]);
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  const flowCaches = flowCachesOf(classification, order, flowCache, 2);
  emitInputs(a, inputs, undecided);
  emitSegments(a, order, labels, undecided, {
    classification,
    abi: XDP_ABI,
    undecidedSlot: slots,
    access: directAccess(classification.tables.length),
    flowCaches,
    mark: () => {},
  });
  const maps = [
    ...mapsOf(slots + 1, classification.tables),
    ...(flowCaches === undefined ? [] : [flowMap(flowCaches)]),
  ];
  return { program: { name: 'segments', type: 'xdp', ...a.finish() }, maps };
}

function emitInputs(a: Assembler, inputs: readonly (Variable | NumericField)[], broken: Label): void {
  a.from({ file: 'test', line: 1, column: 1, text: 'finish' });
  a.mov(R6, R1).mov(R8, FRAME_SIZE).loadMapValue(R7, COUNTERS);
  a.load(4, R2, R6, 0).load(4, R3, R6, 4);
  a.mov(R1, R2).alu('add', R1, FRAME_SIZE).jump('gt', R1, R3, broken);
  for (const [index, input] of inputs.entries()) {
    a.load(4, R1, R2, 4 * index);
    if (typeof input === 'number') storeVariable(a, input, R1);
    else storeField(a, input, R1);
  }
}

function mapsOf(slots: number, tables: Uint8Array): MapDefinition[] {
  return [
    { name: TABLE_MAP, type: 'array', valueSize: tables.length, maxEntries: 1, mmapable: false, contents: tables },
    { name: COUNTERS, type: 'array', valueSize: areaSize(slots), maxEntries: 1, mmapable: true },
  ];
}

/** A frame of these inputs. */
export function inputFrame(inputs: readonly number[]): Uint8Array {
  const frame = new Uint8Array(FRAME_SIZE);
  frame.set(new Uint8Array(Uint32Array.from(inputs).buffer));
  return frame;
}

/** Packets counted, by slot, where there are any. */
export function countsOf(counters: Uint8Array): ReadonlyMap<number, number> {
  const capacity = (counters.length - HEAD_SIZE) / SLOT_SIZE - 1;
  const layout = { capacity, possibleCpus: 1, heads: true, banks: [{ type: 'xdp', map: COUNTERS }] } as const;
  const counts = new Map<number, number>();
  for (const [slot, { packets }] of readSlots(0, layout, () => counters).entries()) {
    if (packets > 0n) counts.set(slot, Number(packets));
  }
  return counts;
}
