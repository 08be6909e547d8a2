// From a ruleset to a program image: every pure step in a row. No root, no running kernel.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { Features, HostFacts } from '../base/features.ts';
import type { EnforcingPlacement } from '../base/hooks.ts';
import type { Classification } from '../classify/classification.ts';
import { classify } from '../classify/linear.ts';
import { compileImage, type Image } from '../codegen/compile.ts';
import { graphOf } from '../graph/build.ts';
import { Meanings } from '../graph/chains.ts';
import type { Graph } from '../graph/graph.ts';
import { type SlotPlan, sequentialSlots, slotOwners } from '../graph/slots.ts';
import { TooLargeError } from '../passes/pass.ts';
import { type PassOptions, runPasses } from '../passes/pipeline.ts';
import type { Ruleset, Table } from '../ruleset/model.ts';
import { emptyTable } from '../ruleset/tables.ts';
import { checkEnforceable, unsupportedParts } from './enforceable.ts';
import { checkPlacement, hiddenFields } from './placement.ts';
import { checkLineBreaks } from './stored-text.ts';
import type { Inexact } from './types.ts';

export interface CompileOptions {
  readonly placement: EnforcingPlacement;
  readonly allowInexact: readonly Inexact[];
  readonly features: Features;
  readonly facts: HostFacts;
  /** Name of the ruleset's text. */
  readonly file: string;
  /** What was in force: tables and rules of it do not come from that text. */
  readonly before?: Ruleset | undefined;
  /** The counters of the filter table's rules; numbered from 0 if absent. */
  readonly plan?: SlotPlan;
  readonly passes?: PassOptions;
}

export type CompileResult =
  | { readonly ok: true; readonly graph: Graph; readonly classification: Classification; readonly image: Image }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** The filter table of a ruleset; a ruleset without one enforces nothing and accepts everything. */
export function filterTable(ruleset: Ruleset): Table {
  return ruleset.tables.find((table) => table.name === 'filter') ?? EMPTY_FILTER;
}

/** Compiles rulesets; of one that differs little from the one before, it looks at what is new. */
export class Compiler {
  private readonly meanings = new Meanings();
  private readonly unsupported = unsupportedParts();

  /** Compiles the filter table of a ruleset. */
  compile(ruleset: Ruleset, options: CompileOptions): CompileResult {
    const { placement, features, facts, file } = options;
    const unsupported = checkEnforceable(ruleset, file, options.before, this.unsupported);
    if (unsupported.length > 0) return { ok: false, diagnostics: unsupported };
    const table = filterTable(ruleset);
    const hidden = hiddenFields(placement);
    const { plan = sequentialSlots(table) } = options;
    const chains = this.meanings.chains(table, plan);
    let graph: Graph;
    try {
      graph = runPasses(graphOf(chains, slotOwners(table, plan)), { ...options.passes, hidden });
    } catch (error) {
      if (!(error instanceof TooLargeError)) throw error;
      const span = table.chains.find((chain) => chain.name === error.chain)?.span ?? table.span;
      return { ok: false, diagnostics: [{ code: 'too-large', message: error.message, file, span }] };
    }
    const isBroken = graph.slots.some((owner) => owner.kind === 'rule' && owner.text.includes('\n'));
    const diagnostics = isBroken
      ? checkLineBreaks(ruleset, file)
      : checkPlacement(table, graph, placement, options.allowInexact, file);
    if (diagnostics.length > 0) return { ok: false, diagnostics };
    const classification = classify(graph);
    const image = compileImage({
      classification,
      capacity: plan.capacity,
      ownerOf: (slot) => graph.slots[slot]!,
      placement,
      features,
      facts,
      file,
    });
    return { ok: true, graph, classification, image };
  }
}

/** Compiles the filter table of a ruleset, once. */
export function compileRuleset(ruleset: Ruleset, options: CompileOptions): CompileResult {
  return new Compiler().compile(ruleset, options);
}

const NOWHERE = { line: 1, column: 1, length: 1 } as const;

const EMPTY_FILTER = emptyTable('filter', NOWHERE);
