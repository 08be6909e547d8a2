// From a ruleset to a program image: every pure step in a row. No root, no running kernel.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { Features, HostFacts } from '../base/features.ts';
import { type EnforcingPlacement, FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { type Clause, CONNECTION_FIELDS, type Field } from '../base/predicate.ts';
import { type Budget, DEFAULT_BUDGET, OverBudgetError } from '../classify/budget.ts';
import type { Classification } from '../classify/classification.ts';
import { classifyLists } from '../classify/classify-lists.ts';
import type { HookLists } from '../classify/decision-list.ts';
import { Flattener } from '../classify/flatten.ts';
import { joinClassifications } from '../classify/join.ts';
import { classify } from '../classify/linear.ts';
import type { FinishName } from '../classify/make-finish.ts';
import { compileImage, type Image } from '../codegen/compile.ts';
import type { FlowCacheChoice } from '../codegen/flow-cache.ts';
import type { EarlyVerdicts } from '../codegen/xdp-early.ts';
import { graphOf } from '../graph/build.ts';
import { type Chains, chainsFrom, Meanings } from '../graph/chains.ts';
import type { Graph, Slot, SlotOwner } from '../graph/graph.ts';
import { ownerFinder, type SlotPlan, sequentialSlots } from '../graph/slots.ts';
import { TooLargeError } from '../passes/pass.ts';
import { type PassOptions, runPasses } from '../passes/pipeline.ts';
import type { Ruleset, Table } from '../ruleset/model.ts';
import { emptyTable } from '../ruleset/tables.ts';
import { EarlyCompiler } from './early.ts';
import type { EarlyGround } from './early-ground.ts';
import { checkEnforceable, type UnsupportedParts, unsupportedParts } from './enforceable.ts';
import { checkPlacement, hiddenFields } from './placement.ts';
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
  /** What a classifier may use. */
  readonly budget?: Budget;
  /** The finish that every list of decisions gets that can have it, those of early verdicts too; chosen for each if absent. */
  readonly finish?: FinishName;
  /** Only for placement `exact`: what early verdicts may rest on; there are none if absent. */
  readonly early?: EarlyGround | undefined;
  /** Whether early verdicts are to be such that nothing could tell them from netfilter's. */
  readonly strict?: boolean;
  /** Whether flow caches stand in front of tables; where they pay if absent. */
  readonly flowCache?: FlowCacheChoice;
}

export type CompileResult =
  | {
      readonly ok: true;
      readonly classification: Classification;
      readonly image: Image;
      /** What early verdicts rest on; absent where there are none. */
      readonly ground?: EarlyGround;
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** The filter table of a ruleset; a ruleset without one enforces nothing and accepts everything. */
export function filterTable(ruleset: Ruleset): Table {
  return ruleset.tables.find((table) => table.name === 'filter') ?? EMPTY_FILTER;
}

/** Compiles rulesets of a family; of one that differs little from the one before, it looks at what is new. */
export class Compiler {
  private readonly meanings: Meanings;
  private readonly unsupported: UnsupportedParts;
  private readonly flattener = new Flattener();
  private readonly early = new EarlyCompiler(this.flattener);

  constructor(family: Family = 'ipv4') {
    this.meanings = new Meanings(family);
    this.unsupported = unsupportedParts(family);
  }

  /** Compiles the filter table of a ruleset. */
  compile(ruleset: Ruleset, options: CompileOptions): CompileResult {
    const { placement, features, facts, file } = options;
    const unsupported = checkEnforceable(ruleset, file, options.before, this.unsupported);
    if (unsupported.length > 0) return { ok: false, diagnostics: unsupported };
    const table = filterTable(ruleset);
    const { plan = sequentialSlots(table) } = options;
    const chains = this.meanings.chains(table, plan);
    const ownerOf = ownerFinder(table, plan, ruleset.family);
    const budget = fitting(options.budget, features);
    const hidden = hiddenFields(placement);
    try {
      const lists = this.flattener.flatten(chains, { budget, hidden });
      const unfit =
        placement === 'xdp'
          ? checkPlacement(
              lists,
              ownerOf,
              options.allowInexact,
              file,
              (hook) => asksConnection(chains, hook),
              features.layout.netfilterContext !== undefined,
            )
          : [];
      if (unfit.length > 0) return { ok: false, diagnostics: unfit };
      const classification = this.classify(chains, lists, ownerOf, { ...options, budget });
      const early = this.earlyVerdicts(chains, { ...options, budget });
      const image = compileImage({
        family: ruleset.family,
        classification,
        capacity: plan.capacity,
        ownerOf,
        placement,
        features,
        facts,
        file,
        ...(early && { early: early.verdicts }),
        ...(options.flowCache !== undefined && { flowCache: options.flowCache }),
      });
      return { ok: true, classification, image, ...(early && { ground: early.ground }) };
    } catch (error) {
      if (!(error instanceof TooLargeError || error instanceof OverBudgetError)) throw error;
      const span = table.chains.find((chain) => chain.name === error.chain)?.span ?? table.span;
      return { ok: false, diagnostics: [{ code: 'too-large', message: error.message, file, span }] };
    }
  }

  /** Early verdicts, with what they rest on: rules that ask for connections have them tracked. */
  private earlyVerdicts(
    chains: Chains,
    { early: found, strict = false, features, budget = DEFAULT_BUDGET, finish }: CompileOptions,
  ): { readonly verdicts: EarlyVerdicts; readonly ground: EarlyGround } | undefined {
    if (found === undefined) return undefined;
    const ground = withTracking(found, chains);
    const verdicts = this.early.compile(chains, ground, features, budget, strict, finish);
    return verdicts && { verdicts, ground };
  }

  /** Hooks whose packets meet few rules are asked test by test, others are looked up. */
  private classify(
    chains: Chains,
    lists: Lists,
    ownerOf: (slot: Slot) => SlotOwner,
    { placement, budget = DEFAULT_BUDGET, finish, passes }: CompileOptions,
  ): Classification {
    const small = smallHooks(chains, budget, finish);
    const large = Object.entries(lists).filter(([hook]) => !small.includes(hook as FilterChain));
    const force = finish === undefined ? {} : { force: finish };
    const tables = classifyLists(Object.fromEntries(large), { budget, cache: this.flattener.cache, ...force });
    if (small.length === 0) return tables;
    const graph = runPasses(smallGraph(chains, small, ownerOf), { ...passes, hidden: hiddenFields(placement) });
    return joinClassifications(tables, classify(graph));
  }
}

/** Whether some rule that a hook's packets may meet asks about connections. */
function asksConnection(chains: Chains, hook: FilterChain): boolean {
  const asks = ({ predicate }: Clause) => (CONNECTION_FIELDS as readonly Field[]).includes(predicate.field);
  return chainsFrom(chains, hook).some(({ rules }) => rules.some((rule) => rule.clauses().some(asks)));
}

/** What early verdicts rest on once rules are in force: those that ask for connections have them tracked. */
export function withTracking(ground: EarlyGround, chains: Chains): EarlyGround {
  const asks = FILTER_CHAINS.some((hook) => chains.has(hook) && asksConnection(chains, hook));
  return { ...ground, tracked: ground.tracked || asks };
}

type Lists = Readonly<Partial<Record<FilterChain, HookLists>>>;

/** The hooks whose packets may meet so few rules that they are asked test by test. */
export function smallHooks(chains: Chains, budget: Budget, finish: FinishName | undefined): FilterChain[] {
  if (finish !== undefined) return [];
  const count = (hook: FilterChain) => chainsFrom(chains, hook).reduce((sum, { rules }) => sum + rules.length, 0);
  return FILTER_CHAINS.filter((hook) => chains.has(hook) && count(hook) <= budget.linearRules);
}

/** The graph of the chains that packets of some hooks may enter. */
export function smallGraph(chains: Chains, hooks: readonly FilterChain[], ownerOf: (slot: Slot) => SlotOwner): Graph {
  const own = new Map(hooks.flatMap((hook) => chainsFrom(chains, hook)).map((chain) => [chain.name, chain]));
  const owners: SlotOwner[] = [];
  for (const { slots, policySlot } of own.values()) {
    for (const slot of slots) owners[slot] = ownerOf(slot);
    if (policySlot >= 0) owners[policySlot] = ownerOf(policySlot);
  }
  return graphOf(own, owners);
}

/** The budget, less what code needs loops for where the kernel has none. */
function fitting(budget: Budget = DEFAULT_BUDGET, { functions }: Features): Budget {
  return functions.bpf_iter_num_new === undefined ? { ...budget, codeTests: Number.POSITIVE_INFINITY } : budget;
}

/** Compiles the filter table of a ruleset, once. */
export function compileRuleset(ruleset: Ruleset, options: CompileOptions): CompileResult {
  return new Compiler(ruleset.family).compile(ruleset, options);
}

export const NOWHERE = { line: 1, column: 1, length: 1 } as const;

const EMPTY_FILTER = emptyTable('filter', NOWHERE);
