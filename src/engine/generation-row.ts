// What the store is told of a new generation: its row, and where its rules begin to count.

import { ZERO } from '../base/counters.ts';
import type { EnforcingPlacement } from '../base/hooks.ts';
import type { Image } from '../codegen/compile.ts';
import type { ChainSlots, SlotPlan } from '../graph/slots.ts';
import { type PrintOptions, printLines } from '../ruleset/print.ts';
import type { Store } from '../store/store.ts';
import { filterTable } from './compile.ts';
import { type CounterLayout, emptyBase, setBase } from './counters.ts';
import type { ChosenDevices } from './devices.ts';
import type { FlipPlan, StoredRequest } from './flip.ts';
import type { StoredManifest } from './in-force.ts';
import type { Descriptor } from './kernel.ts';
import { carriedSlots, eachNew, storePlan } from './slots.ts';
import type { ApplyRequest } from './types.ts';

export type EnforceRequest = ApplyRequest & { readonly placement: EnforcingPlacement };

/** Which counters the rules of a generation will have. */
export interface CounterPlan {
  readonly plan: SlotPlan;
  /** The slots that they have had so far, in the counter map `from`. */
  readonly inherited?: readonly ChainSlots[];
  readonly from?: number;
  /** The banks of that map, if they go on counting in it; empty if there is to be a new one. */
  readonly shared: ReadonlyMap<string, Descriptor>;
}

export function rowFor(
  request: EnforceRequest,
  { chosen, left }: Pick<ChosenDevices, 'chosen' | 'left'>,
  image: Image,
  plan: SlotPlan,
  early: string | undefined,
  known: PrintOptions['known'],
): FlipPlan['row'] {
  const { ruleset, source, placement, mode, early: choice, allowInexact } = request;
  const devices = chosen.map(({ device }) => device.name);
  const ifindexes = chosen.map(({ device }) => device.ifindex);
  const leftOut = left.map(({ name }) => name);
  const stored: StoredRequest = {
    ...{ placement, devices, ifindexes, mode, allowInexact },
    ...(choice !== undefined && { early: choice }),
    ...(leftOut.length > 0 && { leftOut }),
  };
  const { capacity: _, possibleCpus: __, heads: ___, banks: ____, ...described } = image.manifest;
  const { owners, slots } = storePlan(plan);
  const manifest: StoredManifest = { ...described, ...owners, ...(early !== undefined && { early }) };
  const lines = printLines(ruleset, { counters: false, ...(known && { known }) });
  return { sourceFile: source.file, lines, request: stored, manifest, slots };
}

export function countersFor(
  { ruleset }: EnforceRequest,
  layout: CounterLayout,
  { plan, inherited, from, shared }: CounterPlan,
  store: Store,
): FlipPlan['counters'] {
  const table = filterTable(ruleset);
  if (from !== undefined && shared.size > 0) {
    const base = store.counterMap(from)!.base;
    let isChanged = false;
    eachNew(table, plan, inherited, (slot, written) => {
      if (setBase(base, slot, ZERO, written)) isChanged = true;
    });
    return { kind: 'shared', id: from, ...(isChanged ? { base } : {}) };
  }
  const base = emptyBase(plan.capacity);
  eachNew(table, plan, inherited, (slot, written) => {
    if (written !== ZERO) setBase(base, slot, ZERO, written);
  });
  const { capacity, possibleCpus, heads, banks } = layout;
  const map = { kind: 'new' as const, layout: { capacity, possibleCpus, ...(heads && { heads }), banks }, base };
  if (inherited === undefined || from === undefined) return map;
  return { ...map, carry: { from, slots: carriedSlots(plan, inherited) } };
}
