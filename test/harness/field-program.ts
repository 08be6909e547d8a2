// Programs that are given field values in place of packets: any list can be run so, whatever it asks for, IPv6 addresses,
// names of devices and connection states included, and any combination of values.
//
// A frame holds the values as they stand in the key: 32 bits for each number, 16 bytes for each wide field.

import type { Features } from '../../src/base/features.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Field, FieldValues, NumericField } from '../../src/base/predicate.ts';
import { Assembler } from '../../src/bpf/assembler.ts';
import { R1, R2, R3, R4, R5, R6, R8 } from '../../src/bpf/instruction.ts';
import type { Classification } from '../../src/classify/classification.ts';
import { emitCounterArea } from '../../src/codegen/actions.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { type FlowCacheChoice, flowCachesOf, flowMap } from '../../src/codegen/flow-cache.ts';
import { closeSlots, copyWide, storeField } from '../../src/codegen/key.ts';
import { areaSize } from '../../src/codegen/manifest.ts';
import { emitSegments, fieldsOf, segmentOrder } from '../../src/codegen/segments.ts';
import { directAccess, TABLE_MAP } from '../../src/codegen/table-access.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { nameBytes } from './index-program.ts';
import { DEVICE_FIELDS, NUMERIC_FIELDS, PACKET_WIDE_FIELDS } from './list-conditions.ts';

/** Those that the key is written in first come first; the ICMP field is where the source port is. */
const FIRST: readonly NumericField[] = ['src', 'transportLength', 'sport'];
const NUMBERS = [...FIRST, ...NUMERIC_FIELDS.filter((field) => field !== 'icmp' && !FIRST.includes(field))];
const WIDE = [...PACKET_WIDE_FIELDS, ...DEVICE_FIELDS];
const WIDE_START = 4 * NUMBERS.length;
const FRAME_SIZE = WIDE_START + 16 * WIDE.length;

const COUNTERS = 'counters';

export interface FieldProgramOptions {
  /** Of all segments; one more counts what is undecided. */
  readonly slots: number;
  readonly features: Features;
  readonly flowCache?: FlowCacheChoice;
}

/** An image of one XDP program, which packets enter where INPUT does; each is counted as `FRAME_SIZE` bytes. */
export function fieldImage(classification: Classification, options: FieldProgramOptions): Image {
  const { slots, features, flowCache = 'off' } = options;
  const order = segmentOrder(classification, [classification.entries.INPUT!]);
  const flowCaches = flowCachesOf(classification, order, flowCache, features.possibleCpus);
  const { possibleCpus } = features;
  const a = new Assembler();
  const undecided = a.label('undecided');
  a.from({ file: 'test', line: 1, column: 1, text: 'fields' });
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS, possibleCpus, slots);
  a.mov(R8, FRAME_SIZE);
  a.load(4, R4, R6, 0).load(4, R3, R6, 4);
  a.mov(R1, R4).alu('add', R1, FRAME_SIZE).jump('gt', R1, R3, undecided);
  emitKey(a, fieldsOf(classification, order));
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  emitSegments(a, order, labels, undecided, {
    ...{
      classification,
      abi: XDP_ABI,
      undecidedSlot: slots,
      features,
      access: directAccess(classification.tables.length),
      flowCaches,
      mark: () => {},
    },
    fetchLate,
  });
  const array = { type: 'array', maxEntries: 1, mmapable: true } as const;
  const { tables } = classification;
  return {
    programs: [{ point: 'XDP', program: { name: 'fields', type: 'xdp', ...a.finish(), lines: [] } }],
    maps: [
      { ...array, name: COUNTERS, valueSize: areaSize(slots) * possibleCpus },
      ...(tables.length === 0 ? [] : [{ ...array, name: TABLE_MAP, valueSize: tables.length, contents: tables }]),
      ...(flowCaches === undefined ? [] : [flowMap(flowCaches)]),
    ],
    manifest: {
      ...{ placement: 'xdp', capacity: slots, possibleCpus, heads: true, banks: [{ type: 'xdp', map: COUNTERS }] },
      ...{ tests: 0, lists: 0 },
    },
  };
}

/** What is asked for, from the frame at R4 into the key. Clobbers R1 and R5. */
function emitKey(a: Assembler, asked: ReadonlySet<Field>): void {
  for (const [place, field] of NUMBERS.entries()) {
    if (!asked.has(field) && !(field === 'sport' && asked.has('icmp'))) continue;
    a.load(4, R1, R4, 4 * place);
    storeField(a, field, R1);
  }
  closeSlots(a, asked);
  for (const [place, field] of WIDE.entries()) {
    if (asked.has(field)) copyWide(a, field, WIDE_START + 16 * place);
  }
}

function fetchLate(a: Assembler, field: Field): void {
  const short = a.label('no frame');
  const late = field as NumericField;
  a.load(4, R2, R6, 0).load(4, R3, R6, 4).mov(R5, 0);
  a.mov(R1, R2).alu('add', R1, FRAME_SIZE).jump('gt', R1, R3, short);
  a.load(4, R5, R2, 4 * NUMBERS.indexOf(late)).bind(short);
  storeField(a, late, R5);
}

/** Values that a key can hold: ICMP is where the source port is. */
export function keyValues(fields: FieldValues): FieldValues {
  return { ...fields, icmp: fields.sport };
}

/** The frame of some values, as what the program's runner takes. */
export function fieldPacket(fields: FieldValues): HookPacket {
  const bytes = new Uint8Array(FRAME_SIZE);
  bytes.set(new Uint8Array(Uint32Array.from(NUMBERS, (field) => fields[field]).buffer));
  for (const [place, field] of WIDE.entries()) bytes.set(wideBytes(fields[field]), WIDE_START + 16 * place);
  return { hook: 'INPUT', inDevice: 'lo', outDevice: '', bytes };
}

function wideBytes(value: bigint | string): Uint8Array {
  if (typeof value === 'string') return nameBytes(value);
  return Uint8Array.from({ length: 16 }, (_, byte) => Number((value >> BigInt(120 - 8 * byte)) & 0xffn));
}
