// Whether early verdicts have any ground in a namespace, and which: who hooks into packets' way, and where they go.
//
// Whoever sees packets before the filter table might count them, change them or take them away, so there may be nobody
// but connection tracking. It is known by its priorities, which the kernel fixes (`enum nf_ip_hook_priorities`,
// include/uapi/linux/netfilter_ipv4.h; IPv6 has the same). NAT may change packets: `early-nat.ts`. A packet without a
// connection is NEW, unless someone has told tracking to expect it: that takes a helper, and rules that assign it, of
// nftables or of the table raw.
//
// Where a namespace has ever had a bridge, the bridge's own hook stays first at PREROUTING. It lets packets go on but those
// that a bridge has shown to these hooks before, for which PREROUTING ends there (`ip_sabotage_in`,
// net/bridge/br_netfilter_hooks.c): nobody sees or changes what comes in by other devices, and members of bridges give no
// early verdicts. Others like to be first too, so it is known by its function.

import type { EarlyFacts } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { canLookUpConnections } from '../codegen/early-connection.ts';
import { guardMap } from '../codegen/guards.ts';
import { NAT } from '../codegen/nat-words.ts';
import type { Hook, Surroundings, WatchedHook } from '../codegen/surroundings.ts';
import { natNotes, type SeenNat, whyNotBesideNat } from './early-nat.ts';

/** What early verdicts may rest on. */
export interface EarlyGround {
  readonly facts: EarlyFacts;
  /** Whether connection tracking runs in the namespace. */
  readonly tracked: boolean;
  /** Whether packets without a connection can only be NEW or INVALID. */
  readonly unexpected: boolean;
}

/** `hook_ops_type` */
const [MODULE, NFTABLES, BPF] = [0, 1, 2];
/** NF_IP_PRI_CONNTRACK_DEFRAG, NF_IP_PRI_CONNTRACK, NF_IP_PRI_RAW; NF_IP_PRI_FILTER is 0. */
const [DEFRAG, CONNTRACK, RAW] = [-400, -200, -300];
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
  return waiting === undefined ? natNotes(used.facts.nat) : [`early verdicts wait, because ${waiting}`];
}

/**
 * What early verdicts may rest on, or why there are none, in words that follow "because". `isFunctionAt` says whether a
 * function of the kernel is at an address.
 */
export function findGround(
  hooks: Surroundings['hooks'],
  facts: EarlyFacts | undefined,
  seen?: SeenNat,
  isFunctionAt: (address: bigint, name: string) => boolean = () => false,
): GroundOrWhy {
  const lists = new Map<WatchedHook, readonly Hook[]>();
  for (const [hook, list] of Object.entries(hooks)) {
    if (list === undefined) return { why: `too many hook into ${hook} to look at them` };
    lists.set(hook as WatchedHook, list);
  }
  const hasNat = seen !== undefined && facts?.nat !== undefined && lists.get('PREROUTING')!.some(isNat);
  const isOfBridges = ({ kind, priority, address }: Hook) =>
    kind === MODULE && priority === FIRST && isFunctionAt(address, BRIDGE_FUNCTION);
  const before = lists
    .get('PREROUTING')!
    .find((hook) => !isTracking(hook) && !(hasNat && isNat(hook)) && !isOfBridges(hook));
  if (before !== undefined) return { why: `${describe(before)} sees packets first, at PREROUTING` };
  for (const chain of ['INPUT', 'FORWARD'] as const) {
    const [first, second] = lists.get(chain)!.filter(({ priority }) => priority < 0);
    if (first !== undefined && first.kind !== BPF) return { why: `${describe(first)} sees packets first, at ${chain}` };
    if (second !== undefined) return { why: `${describe(second)} sees packets beside us, at ${chain}` };
  }
  if (facts === undefined)
    return { why: 'routing rules ask for more than the destination, or there are too many routes' };
  const all = [...lists.values()].flat();
  const assigns = ({ kind, priority }: Hook) => kind === NFTABLES || (kind === MODULE && priority === RAW);
  const unexpected = !all.some(assigns);
  const why = hasNat ? whyNotBesideNat(facts.nat!, seen, unexpected) : undefined;
  return why === undefined ? { facts, tracked: all.some(isTracking), unexpected } : { why };
}

function isTracking({ kind, priority }: Hook): boolean {
  return kind === MODULE && (priority === DEFRAG || priority === CONNTRACK);
}

function isNat({ kind, priority }: Hook): boolean {
  return kind === NAT.kind && priority === NAT.priority;
}

function describe({ kind, priority }: Hook): string {
  const who = kind === NFTABLES ? 'a chain of nftables' : kind === BPF ? 'a BPF program' : 'a table of the kernel';
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
