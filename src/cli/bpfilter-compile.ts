// `bpfilter compile FILE --dump=STAGE`: what the compiler makes of a ruleset, stage by stage. Needs no root.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { HostFacts } from '../base/features.ts';
import type { EarlyChoice, EnforcingPlacement } from '../base/hooks.ts';
import { disassemble } from '../bpf/disassemble.ts';
import type { FinishName } from '../classify/make-finish.ts';
import { printClassification } from '../classify/print.ts';
import type { Image } from '../codegen/compile.ts';
import { assumedGround } from '../engine/assumed-ground.ts';
import { type CompileResult, compileRuleset, filterTable } from '../engine/compile.ts';
import type { EarlyGround, GroundOrWhy } from '../engine/early-ground.ts';
import { checkEnforceable } from '../engine/enforceable.ts';
import { hiddenFields } from '../engine/placement.ts';
import type { Where } from '../engine/types.ts';
import { buildGraph } from '../graph/build.ts';
import { Meanings } from '../graph/chains.ts';
import { printDot } from '../graph/dot.ts';
import type { Graph } from '../graph/graph.ts';
import { printGraph } from '../graph/print.ts';
import { probeFeatures } from '../kernel/features.ts';
import { PASSES, runPasses } from '../passes/pipeline.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { printRuleset } from '../ruleset/print.ts';
import { CommandError, EXIT } from './compat.ts';

const FIXED_STAGES = ['ruleset', 'graph', 'after:all', 'dot', 'classification', 'code', 'image'] as const;

/** All values of --dump. */
export const STAGES: readonly string[] = [...FIXED_STAGES, ...PASSES.map(({ name }) => `after:${name}`)];

export interface DumpRequest {
  readonly ruleset: Ruleset;
  /** Name of the text it came from. */
  readonly file: string;
  readonly where: {
    readonly placement: EnforcingPlacement;
    readonly allowInexact: Where['allowInexact'];
    readonly early: EarlyChoice | undefined;
    readonly finish: FinishName | undefined;
  };
  /** What a network namespace knows; only asked for at placement `xdp`. */
  hostFacts(): HostFacts;
  /** Only for placement `exact`: what early verdicts may rest on; of an assumed host if absent. */
  readonly ground: GroundOrWhy | undefined;
}

/** The text of a stage, or why the ruleset cannot be compiled. */
export function dumpStage(stage: string, request: DumpRequest): string | readonly Diagnostic[] {
  const { ruleset, where } = request;
  const unsupported = stage === 'ruleset' ? [] : checkEnforceable(ruleset, request.file);
  if (unsupported.length > 0) return unsupported;
  const graph = () => buildGraph(filterTable(ruleset), ruleset.family);
  const optimized = () => runPasses(graph(), { hidden: hiddenFields(where.placement) });
  switch (stage) {
    case 'ruleset':
      return printRuleset(ruleset, { counters: true });
    case 'graph':
      return printGraph(graph());
    case 'after:all':
      return printGraph(optimized());
    case 'dot':
      return printDot(optimized());
    case 'classification':
      return ofCompiled(request, ({ classification }) => printClassification(classification));
    case 'code':
      return ofCompiled(request, ({ image }) => image.programs.map(({ program }) => disassemble(program)).join('\n'));
    case 'image':
      return ofCompiled(request, ({ image }) => printImage(image));
    default:
      return printGraph(afterPass(stage, graph(), where));
  }
}

function afterPass(stage: string, graph: Graph, where: DumpRequest['where']): Graph {
  const wanted = stage.slice('after:'.length);
  let found: Graph | undefined;
  const onPass = (name: string, after: Graph) => {
    if (name === wanted) found = after;
  };
  runPasses(graph, { hidden: hiddenFields(where.placement), onPass });
  if (!stage.startsWith('after:') || found === undefined) {
    throw new CommandError(`bpfilter: no stage ${stage}: there are ${STAGES.join(', ')}\n`, EXIT.parameter);
  }
  return found;
}

type Compiled = Extract<CompileResult, { ok: true }>;

function ofCompiled(request: DumpRequest, print: (compiled: Compiled) => string) {
  const { ruleset, file, where, hostFacts } = request;
  const facts = where.placement === 'xdp' ? hostFacts() : { localDestinations: [] };
  const { finish, early, ...options } = where;
  const kernel = { features: probeFeatures(), facts, file, early: groundOf(request), strict: early === 'strict' };
  const result = compileRuleset(ruleset, { ...options, ...kernel, ...(finish && { finish }) });
  return result.ok ? print(result) : result.diagnostics;
}

function groundOf({ ruleset, where, ground }: DumpRequest): EarlyGround | undefined {
  if (where.placement !== 'exact' || where.early === 'off' || ruleset.family === 'ipv6') return undefined;
  const found = ground ?? assumedGround(new Meanings(ruleset.family).chains(filterTable(ruleset)), ruleset.family);
  return 'why' in found ? undefined : found;
}

function printImage({ programs, maps, manifest }: Image): string {
  const summary = {
    programs: programs.map(({ point, program: { name, type, instructions, lines } }) => ({
      ...{ point, name, type },
      instructions: instructions.length,
      lines,
    })),
    maps: maps.map(({ contents, ...map }) => ({ ...map, contentBytes: contents?.length ?? 0 })),
    manifest,
  };
  return `${JSON.stringify(summary, undefined, 2)}\n`;
}
