// What generators of large rulesets are made of: text of the filter table, addresses, and packets that are forwarded.

import type { HookPacket } from '../../src/base/packet.ts';
import { buildPacket } from './packet-builder.ts';

interface PacketShape {
  readonly source?: number;
  readonly destination?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly sport?: number;
  readonly dport?: number;
}

// The kernel's test runs show packets of FORWARD to no device, from none, out by the loopback device.
export function forwarded({
  source = 1,
  destination = 2,
  protocol = 'tcp',
  sport = 9,
  dport = 9,
}: PacketShape): HookPacket {
  const transport = protocol === 'tcp' ? { kind: protocol, sport, dport, flags: 2 } : { kind: protocol, sport, dport };
  return { hook: 'FORWARD', inDevice: '', outDevice: 'lo', bytes: buildPacket({ source, destination, transport }) };
}

export function filter(chains: readonly string[], rules: readonly string[]): string {
  const builtIn = ['INPUT', 'FORWARD', 'OUTPUT'].map((name) => `:${name} ACCEPT [0:0]`);
  return ['*filter', ...builtIn, ...chains.map((name) => `:${name} - [0:0]`), ...rules, 'COMMIT', ''].join('\n');
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export const address = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');

/** Spreads numbers over 32 bits, each to another one. */
export const spread = (number: number): number => Math.imul(number + 1, 0x9e3779b1) >>> 0;
