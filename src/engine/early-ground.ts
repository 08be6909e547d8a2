// Whether early verdicts have any ground in a namespace, and which: who hooks into packets' way, and where they go.
//
// Whoever sees packets before the filter table might count them, change them or take them away, so there may be nobody
// but connection tracking. It is known by its priorities, which the kernel fixes (`enum nf_ip_hook_priorities`,
// include/uapi/linux/netfilter_ipv4.h; IPv6 has the same). NAT may change packets: `early-foreign.ts`. A packet without a
// connection is NEW, unless someone has told tracking to expect it: that takes a helper, and rules that assign it, of
// nftables or of the table raw.
//
// Where a namespace has ever had a bridge, the bridge's own hook stays first at PREROUTING. It lets packets go on but those
// that a bridge has shown to these hooks before, for which PREROUTING ends there (`ip_sabotage_in`,
// net/bridge/br_netfilter_hooks.c): nobody sees or changes what comes in by other devices, and members of bridges give no
// early verdicts. Others like to be first too, so it is known by its function.

import type { EarlyFacts, ForeignFacts } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { canLookUpConnections } from '../codegen/early-connection.ts';
import { HOOK_KIND, SUMMED, TABLE_PRIORITY } from '../codegen/foreign-words.ts';
import { guardMap } from '../codegen/guards.ts';
import type { Hook, SeenForeign, Surroundings, WatchedHook } from '../codegen/surroundings.ts';
import { type ForeignHooks, foreignNotes, ownerOf, whyNotBeside } from './early-foreign.ts';

/** What early verdicts may rest on. */
export interface EarlyGround {
  readonly facts: EarlyFacts;
  /** Whether connection tracking runs in the namespace. */
  readonly tracked: boolean;
  /** Whether packets without a connection can only be NEW or INVALID. */
  readonly unexpected: boolean;
}

/** NF_IP_PRI_CONNTRACK_DEFRAG, NF_IP_PRI_CONNTRACK; NF_IP_PRI_FILTER is 0. */
const [DEFRAG, CONNTRACK] = [-400, -200];
/** NF_IP_PRI_FIRST, and the function of bridges. */
const [FIRST, BRIDGE_FUNCTION] = [-0x80000000, 'ip_sabotage_in'];

export type GroundOrWhy = EarlyGround | { readonly why: string };

/** Why this kernel has no early verdicts where connections are tracked: no drop is certain unless the packet's can be looked up. */
export function whyUntold({ tracked }: Pick<EarlyGround, 'tracked'>, features: Features): string | undefined {
  if (!tracked || canLookUpConnections(features)) return undefined;
  return 'connections are tracked, and this kernel does not let XDP look them up';
}

/** Where early verdicts were not asked for. */
export const OFF: GroundOrWhy = { why: 'they are off' };

/**
 * What to say of early verdicts that were asked for: `found` is what they might rest on, `used` what those rest on that there
 * are, `waiting` why they have not begun.
 */
export function earlyNotes(found: GroundOrWhy | undefined, used: EarlyGround | undefined, waiting?: string): string[] {
  if (found === undefined) return [];
  if ('why' in found) return [`no early verdicts, because ${found.why}`];
  if (used === undefined) return ['no early verdicts: before netfilter, no drop is certain'];
  return waiting === undefined ? foreignNotes(used.facts.foreign) : [`early verdicts wait, because ${waiting}`];
}

/**
 * What early verdicts may rest on, or why there are none, in words that follow "because". `isFunctionAt` says whether a
 * function of the kernel is at an address.
 */
export function findGround(
  hooks: Surroundings['hooks'],
  facts: EarlyFacts | undefined,
  seen?: SeenForeign,
  isFunctionAt: (address: bigint, name: string) => boolean = () => false,
): GroundOrWhy {
  const lists = new Map<WatchedHook, readonly Hook[]>();
  for (const [hook, list] of Object.entries(hooks)) {
    if (list === undefined) return { why: tooMany(hook) };
    lists.set(hook as WatchedHook, list);
  }
  const inFront: Record<keyof typeof SUMMED, readonly Hook[]> = {
    PREROUTING: lists.get('PREROUTING')!,
    INPUT: lists.get('INPUT')!.filter(({ priority }) => priority < 0),
    FORWARD: lists.get('FORWARD')!.filter(({ priority }) => priority < 0),
  };
  const foreign = facts?.foreign;
  const isForeign = (hook: Hook) => foreign !== undefined && seen !== undefined && ownerOf(hook) !== undefined;
  const isOfBridges = ({ kind, priority, address }: Hook) =>
    kind === HOOK_KIND.module && priority === FIRST && isFunctionAt(address, BRIDGE_FUNCTION);
  const before = inFront.PREROUTING.find((hook) => !isTracking(hook) && !isForeign(hook) && !isOfBridges(hook));
  if (before !== undefined) return { why: `${describe(before)} sees packets first, at PREROUTING` };
  for (const chain of ['INPUT', 'FORWARD'] as const) {
    const [first, second] = inFront[chain].filter((hook) => !isForeign(hook));
    if (first !== undefined && first.kind !== HOOK_KIND.bpf)
      return { why: `${describe(first)} sees packets first, at ${chain}` };
    if (second !== undefined) return { why: `${describe(second)} sees packets beside us, at ${chain}` };
  }
  for (const [hook, most] of Object.entries(SUMMED) as [keyof typeof SUMMED, number][])
    if (inFront[hook].length > most) return { why: tooMany(hook) };
  if (facts === undefined)
    return { why: 'routing rules ask for more than the destination, or there are too many routes' };
  const all = [...lists.values()].flat();
  const known = foreign === undefined || 'why' in foreign ? undefined : foreign;
  const isKnown = (hook: Hook) =>
    known !== undefined &&
    (hook.kind === HOOK_KIND.nftables ? seen?.seesNftables : known.entered.some(({ table }) => table === 'raw'));
  const assigns = ({ kind, priority }: Hook) =>
    kind === HOOK_KIND.nftables || (kind === HOOK_KIND.module && priority === TABLE_PRIORITY.raw);
  const unexpected = known?.mayExpect !== true && !all.some((hook) => assigns(hook) && !isKnown(hook));
  const why = foreign && seen && whyNot(foreign, seen, inFront, isForeign, unexpected);
  return why === undefined ? { facts, tracked: all.some(isTracking), unexpected } : { why };
}

/** Why nothing is certain beside rules of others that packets meet first. */
function whyNot(
  foreign: ForeignFacts,
  seen: SeenForeign,
  inFront: Readonly<Record<keyof typeof SUMMED, readonly Hook[]>>,
  isForeign: (hook: Hook) => boolean,
  unexpected: boolean,
): string | undefined {
  const [PREROUTING, INPUT, FORWARD] = [inFront.PREROUTING, inFront.INPUT, inFront.FORWARD].map((hooks) =>
    hooks.filter(isForeign),
  ) as [Hook[], Hook[], Hook[]];
  const isNat = (hook: Hook) => ownerOf(hook) === 'nat';
  const hasNat = PREROUTING.some(isNat);
  if (PREROUTING.length + INPUT.length + FORWARD.length === 0) return undefined;
  if ('why' in foreign) return foreign.why;
  if (hasNat && !unexpected) return 'connections may be expected, which NAT changes';
  if (hasNat && seen.nat === undefined) return 'what does NAT cannot be seen';
  const hooks: ForeignHooks = {
    NAT: seen.nat ?? [],
    PREROUTING: PREROUTING.filter((hook) => !isNat(hook)),
    INPUT,
    FORWARD,
  };
  return whyNotBeside(foreign, hooks, seen);
}

function tooMany(hook: string): string {
  return `too many hook into ${hook} to look at them`;
}

function isTracking({ kind, priority }: Hook): boolean {
  return kind === HOOK_KIND.module && (priority === DEFRAG || priority === CONNTRACK);
}

function describe({ kind, priority }: Hook): string {
  const { nftables, bpf } = HOOK_KIND;
  const who = kind === nftables ? 'a chain of nftables' : kind === bpf ? 'a BPF program' : 'a table of the kernel';
  return `${who} at priority ${priority}`;
}

/** What tells one ground from another, in 32 digits: four hashes of its text, each by another odd number. */
export function groundDigest(ground: EarlyGround): string {
  // The words of another version, which other programs compare, are another ground.
  const { name, valueSize } = guardMap();
  const text = JSON.stringify([name, valueSize, ground], (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return FACTORS.map((factor) => {
    let hash = factor;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), factor);
      hash ^= hash >>> 15;
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }).join('');
}

const FACTORS = [0x01000193, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];
