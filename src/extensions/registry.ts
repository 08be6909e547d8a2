// All matches and targets. A further one is one file and one entry here.

import type { Family } from '../base/family.ts';
import { comment } from './comment.ts';
import type { MatchExtension, TargetExtension } from './extension.ts';
import { icmp } from './icmp.ts';
import { tcp } from './tcp.ts';
import { udp } from './udp.ts';
import { accept, drop, queue, returnTarget } from './verdicts.ts';

/** By name; where both families have an extension of one name with different options, each has its own entry. */
export const MATCHES: readonly MatchExtension[] = [comment, icmp, tcp, udp] as readonly MatchExtension[];

export const TARGETS: readonly TargetExtension[] = [accept, drop, queue, returnTarget] as readonly TargetExtension[];

function byName<E extends MatchExtension | TargetExtension>(all: readonly E[], family: Family): ReadonlyMap<string, E> {
  const own = all.filter(({ families }) => families === undefined || families.includes(family));
  return new Map(own.flatMap((each) => [each.name, ...(each.aliases ?? [])].map((name) => [name, each] as const)));
}

const matches = { ipv4: byName(MATCHES, 'ipv4'), ipv6: byName(MATCHES, 'ipv6') };
const targets = { ipv4: byName(TARGETS, 'ipv4'), ipv6: byName(TARGETS, 'ipv6') };

export function findMatch(name: string, family: Family = 'ipv4'): MatchExtension | undefined {
  return matches[family].get(name);
}

export function findTarget(name: string, family: Family = 'ipv4'): TargetExtension | undefined {
  return targets[family].get(name);
}
