// What the compiler decides about a ruleset, as plain data: how each hook's packets find their rules, rules that no packet
// meets, what is dropped before netfilter, and what the passes did to hooks that are asked test by test.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { Features } from '../base/features.ts';
import { type EarlyChoice, type EnforcingPlacement, FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { DEFAULT_BUDGET, OverBudgetError } from '../classify/budget.ts';
import { classifyLists } from '../classify/classify-lists.ts';
import { END, type HookLists } from '../classify/decision-list.ts';
import type { Finding } from '../classify/findings.ts';
import { Flattener } from '../classify/flatten.ts';
import type { FinishName } from '../classify/make-finish.ts';
import type { SegmentPlan } from '../classify/plan.ts';
import { type Chains, chainsFrom, Meanings } from '../graph/chains.ts';
import type { Graph, Slot, SlotOwner } from '../graph/graph.ts';
import { reachable } from '../graph/reach.ts';
import { ownerFinder, sequentialSlots } from '../graph/slots.ts';
import { TooLargeError } from '../passes/pass.ts';
import { PASSES, runPasses } from '../passes/pipeline.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { assumedGround } from './assumed-ground.ts';
import { filterTable, smallGraph, smallHooks } from './compile.ts';
import { type GroundOrWhy, OFF } from './early-ground.ts';
import { checkEnforceable } from './enforceable.ts';
import { type EarlyPlaces, explainEarly, type KnownGround, type LateReason } from './explain-early.ts';
import { hiddenFields } from './placement.ts';

export interface ExplainOptions {
  readonly placement: EnforcingPlacement;
  /** Only for placement `exact`: `fast` if absent. */
  readonly early?: EarlyChoice | undefined;
  /** What the kernel can do: asked at placement `exact` alone. */
  readonly features: () => Features;
  /** Only for placement `exact`: what early verdicts may rest on; of an assumed host (`assumed-ground.ts`) if absent. */
  readonly ground?: GroundOrWhy | undefined;
  /** Name of the ruleset's text. */
  readonly file: string;
  /** The finish that every list gets that can have it; chosen for each if absent. */
  readonly finish?: FinishName | undefined;
}

export interface Explanation {
  readonly hooks: readonly HookExplanation[];
  /** Bytes of the table map. */
  readonly tableBytes: number;
  readonly unmet: readonly UnmetRule[];
  /** What each pass did to hooks that are asked test by test; only passes that did something. */
  readonly passes: readonly PassEffect[];
  /** At placement `exact`. */
  readonly early?: EarlyExplanation;
}

export interface HookExplanation {
  readonly hook: FilterChain;
  /** Where its packets are judged; empty where nobody does. */
  readonly at: readonly ('xdp' | 'netfilter')[];
  /** Rules that its packets may meet. */
  readonly rules: number;
  /** Its segments, numbered as in the classification; empty where it is asked test by test from the graph. */
  readonly segments: readonly ExplainedSegment[];
  /** Tests, where it is asked test by test from the graph. */
  readonly tests?: number;
}

export type ExplainedSegment = SegmentPlan & { readonly segment: number; readonly bytes: number };

/** What is dropped before netfilter. */
export interface EarlyExplanation {
  /** Whether it is so for the network namespace of the process. */
  readonly isHere: boolean;
  /** Why nothing is, in words that follow "because"; absent where something is. */
  readonly none?: string;
  /** Whether packets of connections are left to netfilter. */
  readonly tracked: boolean;
  /** Which packets are left to it for rules of others. */
  readonly notes: readonly string[];
  readonly segments: readonly ExplainedSegment[];
  /** Bytes of its table map. */
  readonly tableBytes: number;
  /** Each rule and policy, in the order of the table. */
  readonly rules: readonly ExplainedRule[];
}

export interface ExplainedRule {
  readonly rule: string;
  readonly line: number;
  readonly chain: string;
  /** Why packets that meet it are left to netfilter; absent where some are dropped, and counted, at XDP. */
  readonly late?: LateReason;
  /** The rule that leaves them undecided, where that is why and it is known. */
  readonly by?: RuleName;
  /** Whether it asks for the connection state, which is looked up at XDP. */
  readonly asksState?: boolean;
}

interface RuleName {
  readonly rule: string;
  readonly line: number;
}

/** A rule that no packet meets. */
export interface UnmetRule {
  /** `unreachable` is a rule that no hook's packets come to, or only those that it does not ask for. */
  readonly kind: Finding['kind'] | 'unreachable';
  readonly rule: string;
  readonly line: number;
  /** The rule that takes its packets. */
  readonly by?: RuleName;
}

export interface PassEffect {
  readonly pass: string;
  readonly about: string;
  readonly testsBefore: number;
  readonly testsAfter: number;
  /** The rules whose number of tests changed. */
  readonly rules: readonly { readonly rule: string; readonly testsBefore: number; readonly testsAfter: number }[];
}

/** Explains the filter table of a ruleset, or says why it cannot be compiled. */
export function explainRuleset(ruleset: Ruleset, options: ExplainOptions): Explanation | readonly Diagnostic[] {
  const { file } = options;
  const unsupported = checkEnforceable(ruleset, file);
  if (unsupported.length > 0) return unsupported;
  try {
    return explain(ruleset, options);
  } catch (error) {
    if (!(error instanceof TooLargeError || error instanceof OverBudgetError)) throw error;
    return [{ code: 'too-large', message: error.message, file, span: filterTable(ruleset).span }];
  }
}

function explain(
  ruleset: Ruleset,
  { placement, early: choice, features, ground, finish }: ExplainOptions,
): Explanation {
  const table = filterTable(ruleset);
  const plan = sequentialSlots(table);
  const ownerOf = ownerFinder(table, plan, ruleset.family);
  const chains = new Meanings(ruleset.family).chains(table, plan);
  const hidden = hiddenFields(placement);
  const flattener = new Flattener();
  const lists = flattener.flatten(chains, { budget: DEFAULT_BUDGET, hidden });
  const small = smallHooks(chains, DEFAULT_BUDGET, finish);
  const large = Object.fromEntries(Object.entries(lists).filter(([hook]) => !small.includes(hook as FilterChain)));
  const force = finish === undefined ? {} : { force: finish };
  const { plans, tables } = classifyLists(large, { budget: DEFAULT_BUDGET, ...force });
  const graph = smallGraph(chains, small, ownerOf);
  const effects = new PassEffects(graph, ownerOf);
  const optimized = runPasses(graph, { hidden, onPass: (name, after) => effects.add(name, after) });
  const found = choice === 'off' ? OFF : (ground ?? assumedGround(chains, ruleset.family));
  const early =
    placement === 'exact'
      ? explainEarly(chains, lists, flattener, withFeatures(found, features), choice === 'strict')
      : undefined;
  const hooks = FILTER_CHAINS.filter((hook) => chains.has(hook)).map((hook): HookExplanation => {
    const rules = chainsFrom(chains, hook).reduce((sum, chain) => sum + chain.rules.length, 0);
    const root = optimized.roots[hook];
    const tests = root === undefined ? {} : { tests: sum(testsByRule({ ...optimized, roots: { [hook]: root } })) };
    return { hook, at: judges(placement, hook, early), rules, segments: segmentsOf(hook, plans), ...tests };
  });
  return {
    hooks,
    tableBytes: tables.length,
    unmet: unmetRules(chains, lists, flattener, ownerOf),
    passes: effects.all,
    ...(early && { early: { isHere: ground !== undefined, ...earlyExplanation(early, ownerOf) } }),
  };
}

/** A kernel that cannot be asked gives no early verdicts. */
function withFeatures(ground: GroundOrWhy, features: () => Features): KnownGround {
  if ('why' in ground) return ground;
  try {
    return { ground, features: features() };
  } catch (error) {
    if (error instanceof UnsupportedError) return { why: error.message };
    throw error;
  }
}

/** Where packets of a hook are judged. */
function judges(placement: EnforcingPlacement, hook: FilterChain, early: EarlyPlaces | undefined) {
  if (placement === 'xdp') return hook === 'OUTPUT' ? [] : ['xdp' as const];
  return early?.hooks.includes(hook) ? ['xdp' as const, 'netfilter' as const] : ['netfilter' as const];
}

function earlyExplanation(
  { none, tracked, notes, plans, tableBytes, places }: EarlyPlaces,
  ownerOf: (slot: Slot) => SlotOwner,
): Omit<EarlyExplanation, 'isHere'> {
  const rules = places.map((place): ExplainedRule => {
    const owner = ownerOf(place.slot);
    const named = { ...ruleOf(owner), chain: owner.chain };
    if (place.early) return { ...named, ...(place.asksState && { asksState: true }) };
    return { ...named, late: place.reason, ...(place.by !== undefined && { by: ruleOf(ownerOf(place.by)) }) };
  });
  const segments = segmentsOf('INPUT', plans);
  return { ...(none !== undefined && { none }), tracked, notes, segments, tableBytes, rules };
}

function segmentsOf(hook: FilterChain, plans: readonly SegmentPlan[]): ExplainedSegment[] {
  return plans
    .map((plan, segment) => ({
      ...plan,
      segment,
      bytes: new Map(plan.tables.map(({ offset, width, length }) => [offset, width * length])),
    }))
    .filter((segment) => segment.hook === hook)
    .map(({ bytes, ...segment }) => ({ ...segment, bytes: [...bytes.values()].reduce((a, b) => a + b, 0) }));
}

/** In the order of the table. */
function unmetRules(
  chains: Chains,
  lists: Readonly<Partial<Record<FilterChain, HookLists>>>,
  flattener: Flattener,
  ownerOf: (slot: Slot) => SlotOwner,
): UnmetRule[] {
  const found = new Map(flattener.unmet(chains).map((finding) => [finding.slot, finding]));
  const met = new Set<Slot>();
  for (const { segments, walked } of Object.values(lists)) {
    const parts = (walked?.chains ?? []).flatMap((chain) => chain.parts);
    for (const segment of [...segments, ...parts]) {
      if (!('list' in segment)) continue;
      const { slots, then, owners = slots } = segment.list;
      for (const slot of slots) met.add(slot);
      for (let i = 0; i < then.length; i++) if (then[i] === END.undecided) met.add(owners[i]!);
    }
    for (const slot of walked?.policy.slots ?? []) met.add(slot);
  }
  const unmet: UnmetRule[] = [];
  for (const { slots } of chains.values()) {
    for (const slot of slots) {
      const finding = found.get(slot);
      if (finding === undefined && met.has(slot)) continue;
      const { kind, by } = finding ?? { kind: 'unreachable' as const };
      unmet.push({ kind, ...ruleOf(ownerOf(slot)), ...(by !== undefined && { by: ruleOf(ownerOf(by)) }) });
    }
  }
  return unmet;
}

function ruleOf(owner: SlotOwner): RuleName {
  return { rule: owner.kind === 'rule' ? owner.text : `the policy of ${owner.chain}`, line: owner.line };
}

/** Compares the tests of each rule before and after each pass. */
class PassEffects {
  readonly all: PassEffect[] = [];
  private before: ReadonlyMap<Slot, number>;
  private readonly ownerOf: (slot: Slot) => SlotOwner;

  constructor(graph: Graph, ownerOf: (slot: Slot) => SlotOwner) {
    this.before = testsByRule(graph);
    this.ownerOf = ownerOf;
  }

  add(pass: string, graph: Graph): void {
    const after = testsByRule(graph);
    const slots = [...new Set([...this.before.keys(), ...after.keys()])].sort((a, b) => a - b);
    const rules = slots
      .map((slot) => ({
        rule: ruleOf(this.ownerOf(slot)).rule,
        testsBefore: this.before.get(slot) ?? 0,
        testsAfter: after.get(slot) ?? 0,
      }))
      .filter(({ testsBefore, testsAfter }) => testsBefore !== testsAfter);
    const { about } = PASSES.find(({ name }) => name === pass)!;
    const [testsBefore, testsAfter] = [sum(this.before), sum(after)];
    if (rules.length > 0) this.all.push({ pass, about, testsBefore, testsAfter, rules });
    this.before = after;
  }
}

function sum(tests: ReadonlyMap<Slot, number>): number {
  return [...tests.values()].reduce((a, b) => a + b, 0);
}

/** How many tests were made for each rule that packets can come to. */
function testsByRule(graph: Graph): Map<Slot, number> {
  const reached = reachable(graph);
  const tests = new Map<Slot, number>();
  graph.nodes.forEach((node, id) => {
    if (node.kind !== 'match' || reached[id] === 0 || node.owner === undefined) return;
    tests.set(node.owner, (tests.get(node.owner) ?? 0) + 1);
  });
  return tests;
}
