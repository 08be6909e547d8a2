// What the `xdp` placement cannot see, and whether a ruleset needs it.
//
// XDP is shown neither what the host sends, nor loopback traffic, nor the device a forwarded packet will leave by. A
// ruleset that asks about these is refused, unless the administrator has named the loss.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { EnforcingPlacement, FilterChain } from '../base/hooks.ts';
import type { DeviceField, Field } from '../base/predicate.ts';
import { evaluatePredicate, type FieldValues } from '../base/predicate.ts';
import type { Graph, NodeId, Slot } from '../graph/graph.ts';
import { reachableUndecided } from '../graph/reach.ts';
import type { Table } from '../ruleset/model.ts';
import type { Inexact } from './types.ts';

/** The fields that the placement's hooks cannot see, for the pass `quantify`. */
export function hiddenFields(placement: EnforcingPlacement): Partial<Record<FilterChain, readonly Field[]>> {
  return placement === 'xdp' ? { FORWARD: ['outDevice'] } : {};
}

/** What makes a ruleset unfit for the placement. `graph` is the optimized one, its chains resolved. */
export function checkPlacement(
  table: Table,
  graph: Graph,
  placement: EnforcingPlacement,
  allowed: readonly Inexact[],
  file: string,
): Diagnostic[] {
  if (placement === 'netfilter') return [];
  const losses: { inexact: Inexact; slots: readonly Slot[]; what: string; hint: string }[] = [
    {
      inexact: 'output',
      slots: outputSlots(table, graph),
      what: 'XDP does not see what this host sends, so OUTPUT would not be enforced',
      hint: 'leaves OUTPUT open',
    },
    {
      inexact: 'loopback',
      slots: loopbackSlots(graph),
      what: 'XDP does not see loopback traffic, which this can match',
      hint: 'leaves loopback traffic unfiltered and uncounted',
    },
    {
      inexact: 'out-device',
      slots: reachableUndecided(graph).flatMap(({ slots }) => slots),
      what: 'XDP does not know the device a forwarded packet will leave by, which -o asks for',
      hint: 'drops and counts as undecided the packets whose verdict depends on it',
    },
  ];
  return losses
    .filter(({ inexact, slots }) => slots.length > 0 && !allowed.includes(inexact))
    .map(({ inexact, slots, what, hint }) => {
      const owner = graph.slots[slots[0]!]!;
      const others = slots.length === 1 ? '' : `; so it is with ${slots.length - 1} more`;
      const subject = owner.kind === 'rule' ? owner.text : `the policy of ${owner.chain}`;
      return {
        code: 'not-at-placement' as const,
        file,
        span: { line: owner.line, column: 1, length: 1 },
        message: `${what}: ${subject}${others}`,
        hint: `use placement netfilter, or --allow-inexact ${inexact}, which ${hint}`,
      };
    });
}

/** The rules of OUTPUT that a packet can meet, and its policy if that is DROP. */
function outputSlots(table: Table, graph: Graph): Slot[] {
  const policy = table.chains.find((chain) => chain.name === 'OUTPUT')?.policy;
  return walk(graph, 'OUTPUT', {}).filter((slot) => graph.slots[slot]!.kind === 'rule' || policy === 'DROP');
}

/** The rules of INPUT that a packet from the loopback device can meet, and the policy if it would drop it. */
function loopbackSlots(graph: Graph): Slot[] {
  const slots = walk(graph, 'INPUT', { inDevice: 'lo', outDevice: '' });
  return slots.filter((slot) => graph.slots[slot]!.kind === 'rule' || endsInDrop(graph, slot));
}

function endsInDrop(graph: Graph, policy: Slot): boolean {
  return graph.nodes.some(
    (node) => node.kind === 'count' && node.slot === policy && graph.nodes[node.next]!.kind === 'drop',
  );
}

/** The counters that packets of these devices may reach from a hook, in ascending order. */
function walk(graph: Graph, hook: FilterChain, devices: Partial<Record<DeviceField, string>>): Slot[] {
  const root = graph.roots[hook];
  if (root === undefined) return [];
  const seen = new Set<NodeId>([root]);
  const slots = new Set<Slot>();
  for (const id of seen) {
    const node = graph.nodes[id]!;
    if (node.kind === 'count') {
      slots.add(node.slot);
      seen.add(node.next);
    } else if (node.kind === 'match') {
      const { predicate } = node;
      if (predicate.kind === 'device' && devices[predicate.field] !== undefined) {
        seen.add(evaluatePredicate(predicate, devices as FieldValues) ? node.yes : node.no);
      } else {
        seen.add(node.yes).add(node.no);
      }
    }
  }
  return [...slots].sort((a, b) => a - b);
}
