// What the `xdp` placement cannot see, and whether a ruleset needs it.
//
// XDP is shown neither what the host sends, nor loopback traffic, nor the device a forwarded packet will leave by. A
// ruleset that asks about these is refused, unless the administrator has named the loss. Of connections it knows nothing:
// a ruleset whose verdicts depend on them would drop nearly everything, so no such loss can be named.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { EnforcingPlacement, FilterChain } from '../base/hooks.ts';
import {
  CONNECTION_FIELDS,
  type DeviceField,
  evaluatePredicate,
  type Field,
  type FieldValues,
} from '../base/predicate.ts';
import { type Condition, type DecisionList, END, type ExitName, type HookLists } from '../classify/decision-list.ts';
import type { Slot, SlotOwner } from '../graph/graph.ts';
import type { Inexact } from './types.ts';

/** The fields that the placement's hooks cannot see. */
export function hiddenFields(placement: EnforcingPlacement): Partial<Record<FilterChain, readonly Field[]>> {
  return placement === 'xdp' ? { INPUT: CONNECTION_FIELDS, FORWARD: ['outDevice', ...CONNECTION_FIELDS] } : {};
}

/**
 * What makes a ruleset unfit for the placement `xdp`. `lists` are those of all hooks, made with the fields hidden that
 * the placement hides. `asksConnection` says where some rule asks about connections, `hasNetfilter` whether the kernel can
 * have them at placement `netfilter`.
 */
export function checkPlacement(
  lists: Readonly<Partial<Record<FilterChain, HookLists>>>,
  ownerOf: (slot: Slot) => SlotOwner,
  allowed: readonly Inexact[],
  file: string,
  asksConnection: (hook: FilterChain) => boolean,
  hasNetfilter = true,
): Diagnostic[] {
  const met = (hook: FilterChain, devices: Devices = {}): Met => meet(lists[hook], devices);
  // Rules are asked only where something is undecided.
  const undecided = new Map((['INPUT', 'FORWARD'] as const).map((hook) => [hook, [...met(hook).undecided]]));
  const byConnections = [...undecided].filter(([hook, slots]) => slots.length > 0 && asksConnection(hook));
  const losses: { inexact?: Inexact; slots: () => readonly Slot[]; what: string; hint?: string }[] = [
    {
      slots: () => byConnections.flatMap(([, slots]) => slots),
      what: 'XDP does not know connections, which -m conntrack and -m state ask for',
    },
    {
      inexact: 'output',
      slots: () => enforcing(met('OUTPUT'), ownerOf),
      what: 'XDP does not see what this host sends, so OUTPUT would not be enforced',
      hint: 'leaves OUTPUT open',
    },
    {
      inexact: 'loopback',
      slots: () => enforcing(met('INPUT', { inDevice: 'lo', outDevice: '' }), ownerOf),
      what: 'XDP does not see loopback traffic, which this can match',
      hint: 'leaves loopback traffic unfiltered and uncounted',
    },
    {
      inexact: 'out-device',
      slots: () => (byConnections.some(([hook]) => hook === 'FORWARD') ? [] : undecided.get('FORWARD')!),
      what: 'XDP does not know the device a forwarded packet will leave by, which -o asks for',
      hint: 'drops and counts as undecided the packets whose verdict depends on it',
    },
  ];
  return losses
    .filter(({ inexact }) => inexact === undefined || !allowed.includes(inexact))
    .flatMap(({ inexact, slots, what, hint }) => {
      const [first, ...others] = slots();
      if (first === undefined) return [];
      const owner = ownerOf(first);
      const more = others.length === 0 ? '' : `; so it is with ${others.length} more`;
      const subject = owner.kind === 'rule' ? owner.text : `the policy of ${owner.chain}`;
      return {
        code: 'not-at-placement' as const,
        file,
        span: { line: owner.line, column: 1, length: 1 },
        message: `${what}: ${subject}${more}`,
        hint: hintOf(inexact === undefined ? [] : [`--allow-inexact ${inexact}, which ${hint}`], hasNetfilter),
      };
    });
}

function hintOf(named: readonly string[], hasNetfilter: boolean): string {
  if (hasNetfilter) return ['use placement netfilter', ...named].join(', or ');
  return [...named.map((each) => `use ${each}`), 'placement netfilter, which does, needs Linux 6.4 or later'].join(
    '; ',
  );
}

/** Names of devices, where they are known. */
type Devices = Partial<Record<DeviceField, string>>;

/** What packets may meet, in the order of the lists. */
interface Met {
  /** Rules and policies that count them, each with whether it drops them. */
  readonly counted: ReadonlyMap<Slot, boolean>;
  /** Rules that ask what cannot be seen. */
  readonly undecided: ReadonlySet<Slot>;
}

/** The rules among what is met, and the policy if it drops. */
function enforcing({ counted }: Met, ownerOf: (slot: Slot) => SlotOwner): Slot[] {
  return [...counted].filter(([slot, drops]) => drops || ownerOf(slot).kind === 'rule').map(([slot]) => slot);
}

/** What packets of these devices may meet at a hook. */
function meet(lists: HookLists | undefined, devices: Devices): Met {
  const counted = new Map<Slot, boolean>();
  const undecided = new Set<Slot>();
  if (lists === undefined) return { counted, undecided };
  const look = (list: DecisionList): Set<number> => {
    const { slots, then, owners = slots } = list;
    const ends = new Set<number>();
    for (const decision of appliable(list, devices)) {
      if (decision === list.length) {
        ends.add(END.next);
        continue;
      }
      const [slot, end] = [slots[decision]!, then[decision]!];
      if (slot >= 0) counted.set(slot, end === END.drop);
      if (end === END.undecided) undecided.add(owners[decision]!);
      ends.add(end);
    }
    return ends;
  };
  if (lists.walked !== undefined) {
    // Any call may come back, and so may what its caller comes to.
    const { chains, policy } = lists.walked;
    const walked = new Set([0]);
    for (const number of walked) {
      for (const { list, call } of chains[number]!.parts) {
        if (look(list).has(END.call)) walked.add(call!.chain);
      }
    }
    look(policy);
    return { counted, undecided };
  }
  const entered = new Set([lists.entry]);
  for (const number of entered) {
    const segment = lists.segments[number]!;
    if (!('list' in segment)) {
      entered.add(segment.main).add(segment.odd);
      continue;
    }
    const ends = look(segment.list);
    for (const [exit, to] of Object.entries(segment.exits)) if (ends.has(END[exit as ExitName])) entered.add(to);
  }
  return { counted, undecided };
}

/** The decisions that may apply to packets of these devices; the list's length where some come to its end. */
function appliable({ length, conditions, then }: DecisionList, devices: Devices): number[] {
  const reached = new Uint8Array(length + 1);
  reached[0] = 1;
  const found: number[] = [];
  for (let i = 0; i < length; i++) {
    if (reached[i] === 0) continue;
    let [mayApply, mayPass] = [true, false];
    for (const condition of conditions[i]!) {
      const answer = answerOf(condition, devices);
      if (answer === false) mayApply = false;
      if (answer !== true) mayPass = true;
    }
    if (mayApply) {
      found.push(i);
      if (then[i]! >= 0) reached[then[i]!] = 1;
    }
    if (mayPass) reached[i + 1] = 1;
  }
  if (reached[length] === 1) found.push(length);
  return found;
}

/** Whether packets of these devices meet a condition; nothing where some may and others may not. */
function answerOf(condition: Condition, devices: Devices): boolean | undefined {
  const { field } = condition;
  if ((field !== 'inDevice' && field !== 'outDevice') || devices[field] === undefined) return undefined;
  const values = devices as FieldValues;
  return condition.literals.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated);
}
