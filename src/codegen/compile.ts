// From a classification to a program image: one program per point that the placement uses.

import type { Features, HostFacts } from '../base/features.ts';
import type { EnforcingPlacement, FilterChain } from '../base/hooks.ts';
import { FILTER_CHAINS } from '../base/hooks.ts';
import type { Field } from '../base/predicate.ts';
import { Assembler } from '../bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import { R1, R6 } from '../bpf/instruction.ts';
import type { Classification, LinearSegment } from '../classify/classification.ts';
import type { Slot, SlotOwner } from '../graph/graph.ts';
import { emitCounterArea, type HookAbi } from './actions.ts';
import type { DispatchPoint } from './dispatcher.ts';
import { emitLinear, type LinearContext } from './linear.ts';
import { areaSize, type Manifest } from './manifest.ts';
import { emitNetfilterPrologue, NETFILTER_ABI } from './netfilter.ts';
import { emitXdpPrologue, xdpAbi } from './xdp.ts';

export interface Image {
  readonly programs: readonly { readonly point: DispatchPoint; readonly program: Program }[];
  readonly maps: readonly MapDefinition[];
  readonly manifest: Manifest;
}

export interface CompileRequest {
  readonly classification: Classification;
  readonly slots: readonly SlotOwner[];
  readonly placement: EnforcingPlacement;
  readonly features: Features;
  /** Only for placement `xdp`. */
  readonly facts: HostFacts;
  /** Name of the ruleset's text, for line info. */
  readonly file: string;
}

const COUNTERS: Readonly<Record<ProgramType, string>> = { netfilter: 'cnt_nf', xdp: 'cnt_xdp' };

/** Generates the image. The same request gives the same image. */
export function compileImage(request: CompileRequest): Image {
  const { classification, slots, placement, features } = request;
  const type: ProgramType = placement;
  const programs =
    placement === 'xdp'
      ? [{ point: 'XDP' as const, program: xdpProgram(request) }]
      : FILTER_CHAINS.map((chain) => ({ point: chain, program: netfilterProgram(request, chain) }));
  const counters: MapDefinition = {
    name: COUNTERS[type],
    type: 'array',
    valueSize: areaSize(slots.length) * features.possibleCpus,
    maxEntries: 1,
    mmapable: true,
  };
  const manifest: Manifest = {
    placement,
    slots,
    ...(request.facts.addressGeneration === undefined ? {} : { addressGeneration: request.facts.addressGeneration }),
    possibleCpus: features.possibleCpus,
    banks: [{ type, map: counters.name }],
    tests: classification.segments.reduce((sum, s) => sum + (s.finish === 'linear' ? s.tests.length : 0), 0),
    lists: classification.lists.length,
  };
  return { programs, maps: [counters], manifest };
}

function netfilterProgram(request: CompileRequest, chain: FilterChain): Program {
  const { classification, slots, features } = request;
  const entry = entryOf(classification, chain);
  const a = new Assembler();
  const context = contextOf(a, request, NETFILTER_ABI);
  context.mark(`prologue ${chain}`);
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS.netfilter, features.possibleCpus, slots.length);
  emitNetfilterPrologue(a, features, fieldsOf(classification, [entry]));
  emitLinear(a, linearSegment(classification, entry), context);
  return { name: `r_${chain.toLowerCase()}`, type: 'netfilter', ...a.finish() };
}

function xdpProgram(request: CompileRequest): Program {
  const { classification, slots, features, facts } = request;
  const input = entryOf(classification, 'INPUT');
  const forward = entryOf(classification, 'FORWARD');
  const a = new Assembler();
  const context = contextOf(a, request, xdpAbi(features));
  const entries = { input: a.label('INPUT'), forward: a.label('FORWARD') };
  context.mark('prologue XDP');
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS.xdp, features.possibleCpus, slots.length);
  emitXdpPrologue(a, features, facts, fieldsOf(classification, [input, forward]), entries, slots.length);
  a.bind(entries.input);
  emitLinear(a, linearSegment(classification, input), context);
  a.bind(entries.forward);
  emitLinear(a, linearSegment(classification, forward), context);
  return { name: 'r_xdp', type: 'xdp', ...a.finish() };
}

function linearSegment(classification: Classification, number: number): LinearSegment {
  const segment = classification.segments[number]!;
  if (segment.finish !== 'linear') throw new Error('codegen: table segments are not emitted');
  return segment;
}

function entryOf(classification: Classification, chain: FilterChain): number {
  const entry = classification.entries[chain];
  if (entry === undefined) throw new Error(`codegen: the classification has no entry for ${chain}`);
  return entry;
}

/** The fields that some test of these segments asks for. */
function fieldsOf(classification: Classification, segments: readonly number[]): ReadonlySet<Field> {
  return new Set(segments.flatMap((s) => linearSegment(classification, s).tests.map((test) => test.predicate.field)));
}

function contextOf(a: Assembler, { classification, slots, file }: CompileRequest, abi: HookAbi): LinearContext {
  const mark = (owner: Slot | string): void => {
    if (typeof owner === 'string') {
      a.from({ file: 'bpfilter', line: 1, column: 1, text: owner });
      return;
    }
    const slot = slots[owner]!;
    const text = slot.kind === 'rule' ? slot.text : `policy of ${slot.chain}`;
    a.from({ file, line: slot.line, column: 1, text });
  };
  return { abi, lists: classification.lists, undecidedSlot: slots.length, mark };
}
