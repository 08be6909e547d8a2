// The XDP program of early verdicts: what is certain to be dropped, is dropped and counted here; all else goes on.
//
// It looks only at whole packets without options, tags or anything else that is odd, to the device's own MAC address; of
// IPv6, `xdp-early-ipv6.ts` has what differs.
// A packet that its rules drop is dropped once nothing speaks against it: the guards hold (`guards.ts`), and where
// connections are tracked, it belongs to none. What goes on has been counted nowhere, so netfilter judges it from the start.
//
// A packet that a router would throw away or answer before FORWARD is asked, is not *forwardable*: its time to live has
// run out, or it might be too long for where it goes (`ip_forward`, net/ipv4/ip_forward.c). No IPv4 device takes less
// than 68 bytes (RFC 791).

import type { Family } from '../base/family.ts';
import type { Features } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import { Assembler, type Label } from '../bpf/assembler.ts';
import type { Program } from '../bpf/image.ts';
import { R1, R2, R3, R6, R8, R9, R10 } from '../bpf/instruction.ts';
import type { Classification, Segment } from '../classify/classification.ts';
import { emitCount, emitCounterArea, type HookAbi } from './actions.ts';
import type { NamedDevice } from './device-names.ts';
import { emitEarlyState, emitLookup, LOOKUP_OFFSET, STATE_ASKS } from './early-connection.ts';
import { emitWhole, STRICT_ASKS } from './early-strict.ts';
import { emitGuards } from './guards.ts';
import { clearFields, loadField, storeField } from './key.ts';
import { emitSegments, fieldsOf, type SegmentOptions, segmentOrder } from './segments.ts';
import { directAccess, TABLE_MAP } from './table-access.ts';
import { emitFields, emitIpHeader, emitPlainFrame, xdpAbi } from './xdp.ts';
import { emitEarlyIpv6Prologue } from './xdp-early-ipv6.ts';
import { DATA, DATA_END, ETHERNET, ETHERTYPE_IPV4, emitDevicePointer, emitOwnFrame } from './xdp-frame.ts';

export const EARLY_PROGRAM = 'r_early';

/** The table map of early programs; that of netfilter's is another. */
export const EARLY_TABLES = 'tables_xdp';

const IPV4_HEADER = 20;
const PLAIN_HEADER = 0x45;
/** Bits of the fragment word, as a little-endian load of its first byte has them. */
const [MORE_FRAGMENTS, DONT_FRAGMENT] = [0x20, 0x40];
const SMALLEST_MTU = 68;
/** Of lists that are asked rule by rule, together: each of their drops has guards of its own, which the verifier goes through. */
const MOST_TESTS = 64;
/** Whether it is certain that the packet may be dropped. */
const CERTAIN = LOOKUP_OFFSET - 8;

/** What early verdicts are made of. */
export interface EarlyVerdicts {
  /** Of the lists of `src/classify/early.ts`, entered at INPUT. */
  readonly classification: Classification;
  /** Whether connection tracking runs in the namespace. */
  readonly tracked: boolean;
  /** Whether nothing may be able to tell them from netfilter's: see `early-strict.ts`. */
  readonly strict: boolean;
  /** The devices that they are for, by the names that rules and facts know them by; as they may be called if absent. */
  readonly devices?: readonly NamedDevice[];
}

export interface EarlyRequest extends EarlyVerdicts {
  readonly family: Family;
  readonly features: Features;
  readonly capacity: number;
  readonly counters: string;
  readonly mark: (a: Assembler) => SegmentOptions['mark'];
}

export function earlyProgram(request: EarlyRequest): Program {
  const { family, classification, tracked, strict, features, capacity, counters, mark } = request;
  const abi: HookAbi = { ...xdpAbi(features), undecided: 'defer' };
  const a = new Assembler();
  const stage = mark(a);
  const entry = classification.entries.INPUT!;
  const order = segmentOrder(classification, [entry]);
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  const undecided = a.label('undecided');
  const fields = new Set<Field>([...fieldsOf(classification, order), ...(tracked ? STATE_ASKS[family] : [])]);
  if (tracked) fields.add('state');
  if (strict) for (const field of STRICT_ASKS) fields.add(field);
  const asked = segmentsWithin(MOST_TESTS, classification, order);
  stage('prologue XDP, early verdicts');
  a.mov(R6, R1).store(8, R10, CERTAIN, 0);
  emitCounterArea(a, counters, features.possibleCpus, capacity);
  const emitPrologue = family === 'ipv4' ? emitEarlyPrologue : emitEarlyIpv6Prologue;
  emitPrologue(a, features, fields, labels.get(entry)!, undecided);
  emitSegments(a, order, labels, undecided, {
    classification,
    abi,
    undecidedSlot: capacity,
    access: directAccess(classification.tables.length),
    features,
    mark: stage,
    ...(tracked && {
      fetchLate: () => emitState(a, request, undecided),
      beforeSegment: (number) => {
        if (fieldsOf(classification, [number]).has('state')) emitState(a, request, undecided);
      },
    }),
    ability: { segment: (segment) => segment.finish === 'tables' || asked.has(segment) },
    beforeEnd: () => emitCertainty(a, request, abi, undecided),
  });
  const { instructions, lines } = a.finish();
  return {
    name: EARLY_PROGRAM,
    type: 'xdp',
    instructions: instructions.map((each) => (each.map === TABLE_MAP ? { ...each, map: EARLY_TABLES } : each)),
    lines,
  };
}

/**
 * Segments that are asked test by test, those that packets meet first before others, as far as there is room for all their
 * tests; packets of the others are netfilter's.
 */
function segmentsWithin(room: number, { segments }: Classification, order: readonly number[]): Set<Segment> {
  const within = new Set<Segment>();
  let left = room;
  for (const number of order) {
    const segment = segments[number]!;
    if (segment.finish === 'tables' || segment.tests.length > left) continue;
    left -= segment.tests.length;
    within.add(segment);
  }
  return within;
}

/** Leaves the key, and R8 bytes to count; goes on at `enter`, or to `pass` with packets that this is not for. */
function emitEarlyPrologue(
  a: Assembler,
  features: Features,
  fields: ReadonlySet<Field>,
  enter: Label,
  pass: Label,
): void {
  const other = a.label('not a plain frame');
  const read = a.label('key complete');
  clearFields(a, fields, ['state', 'outDevice', 'forwardable']);
  emitPlainFrame(a, features, fields, other, pass);
  a.goto(read);

  // The same once more for those that lack a header which is asked for.
  a.bind(other);
  emitDevicePointer(a, features, R9);
  emitOwnFrame(a, features, R9, IPV4_HEADER, pass);
  a.load(2, R1, R2, ETHERNET - 2).jump('ne', R1, ETHERTYPE_IPV4, pass);
  a.load(1, R1, R2, ETHERNET).jump('ne', R1, PLAIN_HEADER, pass);
  a.alu('add', R2, ETHERNET);
  // Without a total length: TCP in one piece, or what the stack throws away.
  a.load(2, R1, R2, 2).jump('eq', R1, 0, pass);
  emitIpHeader(a, pass, pass);
  emitFields(a, fields, pass, pass);
  a.jump('ne', R9, 0, pass);

  a.bind(read);
  a.load(4, R2, R6, DATA).load(4, R3, R6, DATA_END);
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + IPV4_HEADER)
    .jump('gt', R1, R3, pass);
  a.load(1, R1, R2, ETHERNET + 6).jump('set', R1, MORE_FRAGMENTS, pass);
  if (fields.has('forwardable')) {
    const fits = a.label('fits any device');
    a.load(1, R3, R2, ETHERNET + 8).jump('le', R3, 1, enter);
    a.jump('le', R8, SMALLEST_MTU, fits).jump('set', R1, DONT_FRAGMENT, enter);
    a.bind(fits);
    storeField(a, 'forwardable', 1);
  }
  a.goto(enter);
}

/** Puts the connection state into the key, unless it is there. */
function emitState(a: Assembler, { features, family, strict }: EarlyRequest, undecided: Label): void {
  const known = a.label('state is there');
  loadField(a, R1, 'state');
  a.jump('ne', R1, 0, known);
  emitEarlyState(a, features, family, strict, undecided);
  a.bind(known);
}

/**
 * Goes to `undecided` where anything speaks against dropping the packet now, else counts it as one that was decided early:
 * once, however often it is asked. Keeps R6–R9.
 */
function emitCertainty(
  a: Assembler,
  { family, tracked, strict, devices, features, capacity }: EarlyRequest,
  abi: HookAbi,
  undecided: Label,
): void {
  const certain = a.label('certain');
  a.load(8, R1, R10, CERTAIN).jump('ne', R1, 0, certain);
  emitGuards(a, features, family, undecided, devices);
  if (strict) emitWhole(a, features, undecided);
  if (tracked) {
    // States that were found are not 0, and the packet belongs to no connection.
    const known = a.label('no connection');
    loadField(a, R1, 'state');
    a.jump('ne', R1, 0, known);
    emitLookup(a, features, family, undecided, known);
    a.bind(known);
  }
  emitCount(a, abi, capacity);
  a.store(8, R10, CERTAIN, 1).bind(certain);
}
