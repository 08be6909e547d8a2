// The offload form: the dense finish for a network card that runs XDP programs itself.
//
// Such a card has array maps with small elements, look-ups in them, atomic additions, and little room for code
// (`offload-limits.ts`). Whatever cannot be done with these is deferred: the packet passes on, counted nowhere, and the
// host's program judges it from the start. So this form never has to be complete, only right: it leaves alone tagged
// frames, IPv4 options, fragments and frames to groups, segments of another finish, and the largest segments where a
// program would be too long.
//
// The card is known when the program is made: name and address of its device are constants. So are the local
// destinations; nothing tells the card that they have changed, so whoever manages it must give it another program then.
//
// All tables are one map of 32-bit words, as they lie behind each other: what is narrower is shifted out of its word. One
// map for each table would need no shifts, but as many maps as there are tables, and four bytes for each one-byte class.
//
//   R6 context, R7 constants on their way to memory, R8 bytes to count; the key as everywhere (key.ts)

import { bytesOfName } from '../base/device-name.ts';
import type { HostFacts } from '../base/features.ts';
import { normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES } from '../base/ipv4.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import { Assembler, type Label } from '../bpf/assembler.ts';
import type { MapDefinition, Program } from '../bpf/image.ts';
import { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import type { Segment } from '../classify/classification.ts';
import { emitLookUp, type HookAbi, SLOT_COUNTERS } from './actions.ts';
import { type CompileRequest, type Image, marker } from './compile.ts';
import { clearFields, closeSlots, storeField, WIDE_OFFSET } from './key.ts';
import { SLOT_SIZE, slotsSize } from './manifest.ts';
import { MOST_INSTRUCTIONS, offloadViolations } from './offload-limits.ts';
import { emitSegments, fieldsOf, segmentOrder } from './segments.ts';
import type { TableAccess } from './table-access.ts';
import { emitMember } from './tests.ts';
import { asksTransport, emitTransportFields, frameTransport } from './transport-fields.ts';
import { XDP_ABI } from './xdp.ts';

export interface OffloadRequest extends Omit<CompileRequest, 'family' | 'placement' | 'features' | 'facts'> {
  readonly device: {
    readonly name: string /** 6 bytes. */;
    readonly mac: Uint8Array;
  };
  readonly localDestinations: HostFacts['localDestinations'];
}

const OFFLOAD_ABI: HookAbi = {
  ...XDP_ABI,
  counting: 'looked-up',
  undecided: 'defer',
};
const TABLE_WORDS = 'tables';
const WORD = 4;
/** Counters of one packet in one segment; there is code for each. */
const MOST_COUNTERS = 8;

const ETHERNET = 14;
const IPV4_HEADER = 20;
const ETHERTYPE_IPV4 = 0x0008;
const PLAIN_HEADER = 0x45;
/** More fragments, or an offset. */
const ANY_FRAGMENT = 0x3fff;

/** Makes the program for one card; of the largest segments as many as need be are left to the host. */
export function offloadImage(request: OffloadRequest): Image {
  const maps = offloadMaps(request);
  const left = new Set<Segment>();
  for (;;) {
    const { program, largest } = offloadProgram(request, left);
    if (program.instructions.length > MOST_INSTRUCTIONS && largest !== undefined) {
      left.add(largest);
      continue;
    }
    const violations = offloadViolations(program, maps);
    if (violations.length > 0) throw new Error(`codegen: no program to offload: ${violations.slice(0, 3).join('; ')}`);
    return {
      programs: [{ point: 'XDP', program }],
      maps,
      manifest: manifestOf(request),
    };
  }
}

function offloadMaps({ classification, capacity }: OffloadRequest): MapDefinition[] {
  const { tables } = classification;
  const counters: MapDefinition = {
    name: SLOT_COUNTERS,
    type: 'array',
    valueSize: SLOT_SIZE,
    maxEntries: slotsSize(capacity) / SLOT_SIZE,
    mmapable: false,
  };
  if (tables.length === 0) return [counters];
  const maxEntries = Math.ceil(tables.length / WORD);
  return [
    counters,
    {
      name: TABLE_WORDS,
      type: 'array',
      valueSize: WORD,
      maxEntries,
      mmapable: false,
      contents: tables,
    },
  ];
}

/** One area of counters, as if there were one CPU. */
function manifestOf({ classification, capacity }: OffloadRequest): Image['manifest'] {
  return {
    placement: 'xdp',
    capacity,
    possibleCpus: 1,
    banks: [{ type: 'xdp', map: SLOT_COUNTERS }],
    tests: classification.segments.reduce((sum, s) => sum + (s.finish === 'linear' ? s.tests.length : 0), 0),
    lists: classification.lists.length,
  };
}

/** The program that defers the segments in `left`, and the largest of the others. */
function offloadProgram(
  request: OffloadRequest,
  left: ReadonlySet<Segment>,
): { readonly program: Program; readonly largest: Segment | undefined } {
  const { classification, capacity } = request;
  const { segments, entries } = classification;
  const { INPUT: input, FORWARD: forward } = entries;
  if (input === undefined || forward === undefined) throw new Error('codegen: XDP judges INPUT and FORWARD');
  const a = new Assembler({ storeConstantsBy: R7 });
  const mark = marker(a, request);
  const order = segmentOrder(classification, [input, forward]);
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  const undecided = a.label('undecided');
  mark('prologue offload');
  emitPrologue(a, request, fieldsOf(classification, order), undecided);
  emitMember(a, DST, normalize(request.localDestinations), labels.get(input)!);
  a.goto(labels.get(forward)!);
  emitSegments(a, order, labels, undecided, {
    classification,
    abi: OFFLOAD_ABI,
    undecidedSlot: capacity,
    access: wordAccess,
    ability: {
      segment: (segment) => !left.has(segment) && isExpressible(segment),
      counters: MOST_COUNTERS,
    },
    mark,
  });
  const emitted = order.filter((number) => labels.get(number)!.position !== undefined);
  const starts = [...emitted.map((number) => labels.get(number)!.position!), undecided.position!];
  const sizes = emitted.map((_, place) => starts[place + 1]! - starts[place]!);
  const largest = segments[emitted[sizes.indexOf(Math.max(...sizes))]!]!;
  return {
    program: { name: 'r_offload', type: 'xdp', ...a.finish() },
    largest: left.has(largest) ? undefined : largest,
  };
}

/** Whether there is a form of the segment without addresses of tables and without effects before the outcome. */
function isExpressible(segment: Segment): boolean {
  if (segment.finish === 'linear')
    return segment.tests.every(({ predicate }) => !['wide', 'maskedWide'].includes(predicate.kind));
  return (
    segment.result.kind === 'dense' &&
    segment.lookups.every((lookup) => lookup.kind === 'cross' || !['nodes', 'wide'].includes(lookup.index.kind))
  );
}

const DST = R5;

/** Reads the header of plain frames for the device, others go to `undecided`. Leaves R8 and DST. */
function emitPrologue(a: Assembler, { device }: OffloadRequest, fields: ReadonlySet<Field>, undecided: Label): void {
  const store = (field: NumericField, value: Register): void => {
    if (fields.has(field)) storeField(a, field, value);
  };
  a.mov(R6, R1);
  clearFields(a, fields, ['state', 'outDevice']);
  if (fields.has('inDevice')) emitName(a, device.name);
  a.load(4, R2, R6, 0).load(4, R3, R6, 4); // data and data_end of `struct xdp_md`
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + IPV4_HEADER)
    .jump('gt', R1, R3, undecided);
  a.load(4, R1, R2, 0).load(2, R4, R2, 4).alu('lsh', R4, 32).alu('or', R1, R4);
  a.loadConstant(R4, addressWord(device.mac)).jump('ne', R1, R4, undecided);
  a.load(2, R1, R2, 12).jump('ne', R1, ETHERTYPE_IPV4, undecided);
  a.alu('add', R2, ETHERNET);
  a.load(1, R1, R2, 0).jump('ne', R1, PLAIN_HEADER, undecided);
  // Older verifiers forget how large swapped bytes can be.
  a.load(2, R8, R2, 2).bigEndian(R8, 16).alu('and', R8, 0xffff).jump('lt', R8, IPV4_HEADER, undecided);
  a.mov(R1, R2).alu('add', R1, R8).jump('gt', R1, R3, undecided);
  a.load(2, R9, R2, 6).bigEndian(R9, 16).alu('and', R9, ANY_FRAGMENT).jump('ne', R9, 0, undecided);
  emitChecksum(a, undecided);

  a.mov(R1, R8).alu('sub', R1, IPV4_HEADER);
  store('transportLength', R1);
  store('fragment', R9);
  a.load(4, R4, R2, 12).bigEndian(R4, 32);
  store('src', R4);
  a.load(4, DST, R2, 16).bigEndian(DST, 32);
  store('dst', DST);
  a.load(1, R0, R2, 9);
  store('protocol', R0);
  a.mov(R0, R2).alu('add', R0, IPV4_HEADER);
  if (asksTransport(fields)) {
    emitTransportFields(a, fields, frameTransport(a, R9, undecided));
  }
  closeSlots(a, fields);
  emitMember(a, R4, GROUP_ADDRESSES, undecided);
}

/** Sums the 20 bytes at R2 as RFC 1071 says; the result must be all ones. Clobbers R0 and R1. */
function emitChecksum(a: Assembler, undecided: Label): void {
  a.load(4, R0, R2, 0);
  for (let offset = 4; offset < IPV4_HEADER; offset += 4) a.load(4, R1, R2, offset).alu('add', R0, R1);
  a.mov(R1, R0).alu('rsh', R1, 32).mov32(R0, R0).alu('add', R0, R1);
  for (let fold = 0; fold < 3; fold++) a.mov(R1, R0).alu('rsh', R1, 16).alu('and', R0, 0xffff).alu('add', R0, R1);
  a.jump('ne', R0, 0xffff, undecided);
}

function emitName(a: Assembler, name: string): void {
  const bytes = bytesOfName(name);
  for (const at of [0, 8]) {
    a.loadConstant(R1, bytes.readBigUInt64LE(at)).store(8, R10, WIDE_OFFSET.inDevice + at, R1);
  }
}

/** Six bytes as loads read them. */
function addressWord(mac: Uint8Array): bigint {
  const bytes = Buffer.alloc(8);
  bytes.set(mac);
  return bytes.readBigUInt64LE();
}

/** An element is part of a word, or a whole one. Clobbers R0–R5 and R7 beside what it says. */
const wordAccess: TableAccess = {
  element(a, dst, { name, offset, width, length }, index, broken) {
    if (width > WORD) throw new Error(`codegen: table ${name} has elements of ${width} bytes`);
    a.jump('ge', index, length, broken);
    a.alu('lsh', index, Math.log2(width)).alu('add', index, offset);
    a.mov(R7, index).alu('rsh', index, Math.log2(WORD));
    emitLookUp(a, TABLE_WORDS, index, broken);
    a.load(4, dst, R0, 0);
    if (width === WORD) return;
    a.alu('and', R7, WORD - 1)
      .alu('lsh', R7, 3)
      .alu('rsh', dst, R7);
    a.alu('and', dst, width === 1 ? 0xff : 0xffff);
  },
};
