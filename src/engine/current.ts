// What there is of a family: its ruleset in force, or the one that is kept, and its counters.

import type { Counters } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';
import { countersOf, withCounters } from '../ruleset/edit.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import type { InForce } from './in-force.ts';
import { readKept } from './kept.ts';
import type { NamespaceState } from './namespace-state.ts';
import { perChain } from './slots.ts';
import { StoredTextError } from './stored-text.ts';
import type { Current, TableCounters } from './types.ts';

/** Whether what the store has lost, or cannot be read, is an error or as if there were nothing. */
type IfLost = 'throw' | 'nothing';

/** The ruleset of what is in force; `shown` reads its counters of this moment. */
type ReadRuleset = (found: InForce, shown: () => readonly Counters[]) => Ruleset;

/** See `Engine.current`. */
export function readCurrent(state: NamespaceState, family: Family, ifLost: IfLost = 'throw'): Current | undefined {
  return look(state, family, ifLost, (found, shown) => {
    const ruleset = found.ruleset(state.store()!);
    return withCounters(ruleset, ENFORCED_TABLE, perChain(found.plan, shown()));
  });
}

/** See `Engine.basis`. */
export function readBasis(
  state: NamespaceState,
  family: Family,
  ifLost: IfLost = 'throw',
  replaced: ReadonlySet<TableName> = new Set(),
): Current | undefined {
  return look(state, family, ifLost, (found) => found.outline(state.store()!, replaced), replaced);
}

/** See `Engine.counters`. */
export function readCounters(state: NamespaceState, family: Family): TableCounters {
  const enforced = state.inForce(family, (found, shown) => perChain(found.plan, shown()));
  if (enforced !== undefined) return enforced;
  const kept = state.store()?.kept(family);
  const filter = kept && readKept(kept, family).tables.find(({ name }) => name === ENFORCED_TABLE);
  return filter === undefined ? new Map() : countersOf(filter);
}

function look(
  state: NamespaceState,
  family: Family,
  ifLost: IfLost,
  read: ReadRuleset,
  replaced?: ReadonlySet<TableName>,
): Current | undefined {
  if (ifLost === 'nothing' && state.lost(family) !== undefined) return undefined;
  try {
    for (;;) {
      const found = enforcedNow(state, family, read) ?? keptNow(state, family, replaced);
      // What was kept may have been brought into force in between.
      if (found !== undefined || !state.isEnforced(family)) return found;
    }
  } catch (error) {
    if (error instanceof StoredTextError && ifLost === 'nothing') return undefined;
    throw error;
  }
}

function enforcedNow(state: NamespaceState, family: Family, read: ReadRuleset): Current | undefined {
  return state.inForce(family, (found, shown) => {
    const { placement, ifindexes, leftOut = [], mode, early, allowInexact } = found.request;
    // By what they are called now, those that are still there.
    const present = ifindexes.length === 0 ? [] : state.kernel.devices();
    const served = present.flatMap(({ ifindex, name }) => (ifindexes.includes(ifindex) ? [name] : []));
    const where = { placement, devices: [...served, ...leftOut], mode, early, allowInexact };
    return { generation: found.id, ruleset: read(found, shown), ...where };
  });
}

function keptNow(state: NamespaceState, family: Family, replaced?: ReadonlySet<TableName>): Current | undefined {
  const kept = state.store()?.kept(family);
  if (kept === undefined) return undefined;
  const ruleset = readKept(kept, family, replaced);
  return { generation: 0, ruleset, placement: 'none', devices: [], mode: 'auto', allowInexact: [] };
}
