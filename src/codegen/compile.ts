// From a classification to a program image: one program per point that the placement uses.

import type { Family } from '../base/family.ts';
import type { Features, HostFacts } from '../base/features.ts';
import type { EnforcingPlacement, FilterChain } from '../base/hooks.ts';
import { FILTER_CHAINS } from '../base/hooks.ts';
import { CONNECTION_FIELDS } from '../base/predicate.ts';
import { Assembler, type Label } from '../bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import { R1, R6 } from '../bpf/instruction.ts';
import type { Classification, Segment } from '../classify/classification.ts';
import type { Slot, SlotOwner } from '../graph/graph.ts';
import { emitCounterArea, type HookAbi } from './actions.ts';
import { emitConnection } from './connection.ts';
import { lateField } from './deferral.ts';
import type { DispatchPoint } from './dispatcher.ts';
import { type FlowCacheChoice, type FlowCaches, flowCachesOf, flowMap } from './flow-cache.ts';
import { areaSize, type Manifest } from './manifest.ts';
import { emitNetfilterPrologue, NETFILTER_ABI } from './netfilter.ts';
import { emitNetfilterIpv6Prologue } from './netfilter-ipv6.ts';
import { emitSegments, fieldsOf, type SegmentOptions, segmentOrder } from './segments.ts';
import { directAccess, TABLE_MAP } from './table-access.ts';
import { entriesOfWhole } from './whole-packets.ts';
import { emitXdpPrologue, xdpAbi } from './xdp.ts';
import { EARLY_TABLES, type EarlyVerdicts, earlyProgram } from './xdp-early.ts';
import { emitXdpIpv6Prologue } from './xdp-ipv6.ts';

export interface Image {
  readonly programs: readonly { readonly point: DispatchPoint; readonly program: Program }[];
  readonly maps: readonly MapDefinition[];
  readonly manifest: Manifest;
}

export interface CompileRequest {
  /** Whose packets the programs are shown. */
  readonly family: Family;
  readonly classification: Classification;
  /** Number of counters that there is room for (`SlotPlan.capacity`). */
  readonly capacity: number;
  /** Who has a counter, for line info; asked for those alone that have instructions of their own. */
  ownerOf(slot: Slot): SlotOwner;
  readonly placement: EnforcingPlacement;
  readonly features: Features;
  /** Only for placement `xdp`. */
  readonly facts: HostFacts;
  /** Only for placement `exact`: the lists of early verdicts, where there are any. */
  readonly early?: EarlyVerdicts;
  /** Name of the ruleset's text, for line info. */
  readonly file: string;
  /** Whether XDP programs remember the outcomes of the packets that came last; `auto` if absent. */
  readonly flowCache?: FlowCacheChoice;
}

const COUNTERS: Readonly<Record<ProgramType, string>> = { netfilter: 'cnt_nf', xdp: 'cnt_xdp' };

/** The types of a placement's programs. */
const TYPES: Readonly<Record<EnforcingPlacement, readonly ProgramType[]>> = {
  netfilter: ['netfilter'],
  exact: ['netfilter', 'xdp'],
  xdp: ['xdp'],
};

/** Generates the image. The same request gives the same image. */
export function compileImage(request: CompileRequest): Image {
  const { classification, capacity, placement, features, early } = request;
  const programs: { point: DispatchPoint; program: Program }[] = [];
  if (placement === 'xdp') programs.push({ point: 'XDP', program: xdpProgram(request) });
  else programs.push(...FILTER_CHAINS.map((point) => ({ point, program: netfilterProgram(request, point) })));
  if (early !== undefined) programs.push({ point: 'XDP', program: earlyXdpProgram(request, early) });
  const counters = TYPES[placement].map(
    (type): MapDefinition => ({
      name: COUNTERS[type],
      type: 'array',
      valueSize: areaSize(capacity) * features.possibleCpus,
      maxEntries: 1,
      mmapable: true,
    }),
  );
  const { tables } = classification;
  const flows = placement === 'xdp' ? xdpFlowCaches(request) : undefined;
  const maps = [
    ...counters,
    ...tableMap(TABLE_MAP, tables),
    ...(early === undefined ? [] : tableMap(EARLY_TABLES, early.classification.tables)),
    ...(flows === undefined ? [] : [flowMap(flows)]),
  ];
  const manifest: Manifest = {
    placement,
    capacity,
    ...(request.facts.addressGeneration === undefined ? {} : { addressGeneration: request.facts.addressGeneration }),
    ...(readsConnections(classification) && { connections: true }),
    possibleCpus: features.possibleCpus,
    heads: true,
    banks: TYPES[placement].map((type) => ({ type, map: COUNTERS[type] })),
    tests: classification.segments.reduce((sum, s) => sum + (s.finish === 'linear' ? s.tests.length : 0), 0),
    lists: classification.lists.length,
  };
  return { programs, maps, manifest };
}

function readsConnections(classification: Classification): boolean {
  const { segments } = classification;
  const asked = fieldsOf(classification, [...segments.keys()]);
  const isLate = (segment: Segment): boolean => segment.finish === 'tables' && lateField(segment) !== undefined;
  return CONNECTION_FIELDS.some((field) => asked.has(field)) || segments.some(isLate);
}

/** What can be memory-mapped begins at a page, so that cache lines of tables are cache lines: else a header is in front. */
function tableMap(name: string, contents: Uint8Array): MapDefinition[] {
  if (contents.length === 0) return [];
  const valueSize = contents.length;
  return [{ name, type: 'array', valueSize, maxEntries: 1, mmapable: true, readOnly: true, contents }];
}

function netfilterProgram(request: CompileRequest, chain: FilterChain): Program {
  const { family, classification, capacity, features } = request;
  const a = new Assembler();
  const mark = marker(a, request);
  const order = segmentOrder(classification, [entryOf(classification, chain)]);
  mark(`prologue ${chain}`);
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS.netfilter, features.possibleCpus, capacity);
  const emitPrologue = family === 'ipv4' ? emitNetfilterPrologue : emitNetfilterIpv6Prologue;
  emitPrologue(a, features, fieldsOf(classification, order));
  emitSegments(a, order, labelsOf(a, order), a.label('undecided'), {
    ...optionsFor(request, NETFILTER_ABI, mark),
    fetchLate: (_, field) => emitConnection(a, features, new Set([field])),
  });
  return { name: `r_${chain.toLowerCase()}`, type: 'netfilter', ...a.finish() };
}

function xdpProgram(request: CompileRequest): Program {
  const { family, classification, capacity, features, facts } = request;
  const a = new Assembler();
  const mark = marker(a, request);
  const [input, forward] = [entryOf(classification, 'INPUT'), entryOf(classification, 'FORWARD')];
  const order = segmentOrder(classification, [input, forward]);
  const labels = labelsOf(a, order);
  const undecided = a.label('undecided');
  mark('prologue XDP');
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS.xdp, features.possibleCpus, capacity);
  const [wholeInput, wholeForward] = entriesOfWhole(classification, [input, forward]) ?? [];
  const whole =
    wholeInput === undefined ? undefined : { input: labels.get(wholeInput)!, forward: labels.get(wholeForward!)! };
  const ways = { input: labels.get(input)!, forward: labels.get(forward)!, undecided, whole };
  const emitPrologue = family === 'ipv4' ? emitXdpPrologue : emitXdpIpv6Prologue;
  emitPrologue(a, features, facts, fieldsOf(classification, order), ways);
  const options = optionsFor(request, xdpAbi(features), mark);
  emitSegments(a, order, labels, undecided, { ...options, flowCaches: xdpFlowCaches(request) });
  return { name: 'r_xdp', type: 'xdp', ...a.finish() };
}

function earlyXdpProgram(request: CompileRequest, early: EarlyVerdicts): Program {
  const { family, features, capacity } = request;
  const mark = (a: Assembler) => marker(a, request);
  return earlyProgram({ ...early, family, features, capacity, counters: COUNTERS.xdp, mark });
}

function xdpFlowCaches({ classification, features, flowCache = 'auto' }: CompileRequest): FlowCaches | undefined {
  if (features.preemptRt) return undefined;
  const order = segmentOrder(classification, [entryOf(classification, 'INPUT'), entryOf(classification, 'FORWARD')]);
  return flowCachesOf(classification, order, flowCache, features.possibleCpus);
}

function labelsOf(a: Assembler, order: readonly number[]): Map<number, Label> {
  return new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
}

function optionsFor(
  { classification, capacity, features }: CompileRequest,
  abi: HookAbi,
  mark: SegmentOptions['mark'],
) {
  const access = directAccess(classification.tables.length);
  return { classification, abi, undecidedSlot: capacity, access, features, mark };
}

function entryOf(classification: Classification, chain: FilterChain): number {
  const entry = classification.entries[chain];
  if (entry === undefined) throw new Error(`codegen: the classification has no entry for ${chain}`);
  return entry;
}

/** Says whose the instructions are that follow. */
export function marker(
  a: Assembler,
  { ownerOf, file }: Pick<CompileRequest, 'ownerOf' | 'file'>,
): SegmentOptions['mark'] {
  return (owner) => {
    if (typeof owner === 'string') {
      a.from({ file: 'bpfilter', line: 1, column: 1, text: owner });
      return;
    }
    const slot = ownerOf(owner);
    const text = slot.kind === 'rule' ? slot.text : `policy of ${slot.chain}`;
    a.from({ file, line: slot.line, column: 1, text });
  };
}
