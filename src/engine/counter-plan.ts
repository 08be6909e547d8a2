// Which counters the rules of a change will have: where they can, those that they have now.

import type { PerRule } from '../ruleset/per-rule.ts';
import { filterTable } from './compile.ts';
import type { CounterPlan, EnforceRequest } from './generation-row.ts';
import type { InForce } from './in-force.ts';
import type { Installation } from './installation.ts';
import type { Descriptor, Kernel } from './kernel.ts';
import { extendPlan, inheritSlots, roomyPlan } from './slots.ts';
import type { Current } from './types.ts';

/** What is in force before a change. */
export interface InForceBefore {
  readonly found: InForce;
  readonly before: Current;
  readonly installation: Installation | undefined;
}

/**
 * `lines` are those of the family's rules, `placement` is what they are compiled for; without `had`, all begin anew. Who asks
 * closes the maps that are shared.
 */
export function planCounters(
  kernel: Kernel,
  request: EnforceRequest,
  lines: PerRule<string>,
  had: InForceBefore | undefined,
): CounterPlan {
  const table = filterTable(request.ruleset);
  const none = new Map<string, Descriptor>();
  if (had === undefined) return { plan: roomyPlan(table), shared: none };
  const { found, before } = had;
  if (before.generation !== found.id) throw new Error('engine: the ruleset was made from one that is not in force');
  const slotted = { table: filterTable(before.ruleset), plan: found.plan };
  const texts = request.counters === 'kept' ? undefined : { before: lines.of(slotted.table), after: lines.of(table) };
  const inherited = inheritSlots(slotted, table, texts);
  const { counterMap, layout } = found;
  const isAlike =
    found.manifest.placement === request.placement &&
    layout.possibleCpus === kernel.features().possibleCpus &&
    layout.heads === true;
  const plan = isAlike ? extendPlan(inherited, table, found.plan) : undefined;
  const shared = plan && openCounters(kernel, had);
  return plan !== undefined && shared !== undefined
    ? { plan, inherited, from: counterMap, shared }
    : { plan: roomyPlan(table), inherited, from: counterMap, shared: none };
}

/** The banks of the counter map in use; `undefined` where the kernel has lost one. */
function openCounters(
  kernel: Kernel,
  { installation, found: { family, counterMap, layout } }: InForceBefore,
): Map<string, Descriptor> | undefined {
  const { banks } = layout;
  const open = new Map<string, Descriptor>();
  for (const { map } of banks) {
    const descriptor = installation?.openCounters(family, counterMap, map);
    if (descriptor !== undefined) open.set(map, descriptor);
  }
  if (open.size === banks.length) return open;
  for (const descriptor of open.values()) kernel.close(descriptor);
  return undefined;
}
