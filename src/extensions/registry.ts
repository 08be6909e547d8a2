// All matches and targets. A further one is one file and one entry here.

import { comment } from './comment.ts';
import type { MatchExtension, TargetExtension } from './extension.ts';
import { icmp } from './icmp.ts';
import { tcp } from './tcp.ts';
import { udp } from './udp.ts';
import { accept, drop, returnTarget } from './verdicts.ts';

export const MATCHES: readonly MatchExtension[] = [comment, icmp, tcp, udp];

export const TARGETS: readonly TargetExtension[] = [accept, drop, returnTarget];

const matches = new Map(MATCHES.map((match) => [match.name, match]));
const targets = new Map(TARGETS.map((target) => [target.name, target]));
const protocolMatches = new Map(MATCHES.flatMap((m) => (m.protocol === undefined ? [] : [[m.protocol, m] as const])));

export function findMatch(name: string): MatchExtension | undefined {
  return matches.get(name);
}

export function findTarget(name: string): TargetExtension | undefined {
  return targets.get(name);
}

/** The match that `-p` alone brings with it when one of its options is used. */
export function findProtocolMatch(protocol: number): MatchExtension | undefined {
  return protocolMatches.get(protocol);
}
