// Connections of random packets, and random rules about them.

import { type Address, formatAny } from '../../src/base/address.ts';
import type { ConnectionEnds, PacketConnection, TrackedConnection } from '../../src/base/connection.ts';
import type { Family } from '../../src/base/family.ts';
import { parseAddress6 } from '../../src/base/ipv6.ts';
import type { Choice } from './random.ts';

const ADDRESSES: Readonly<Record<Family, readonly Address[]>> = {
  ipv4: [0, 0x0a000001, 0x0a000002, 0x0a0000fe, 0x0b000001, 0x0b010203, 0xc0a80101, 0xffffffff],
  ipv6: [
    '::',
    'fd00::1',
    'fd00::2',
    'fd00::1:0:0:2',
    '2001:db8::1',
    '2001:db8:c000::1',
    '2001:db8:8000::1',
    'ff::ff',
  ].map((text) => parseAddress6(text)!),
};
/** Lengths of prefixes. */
const LENGTHS: Readonly<Record<Family, readonly number[]>> = {
  ipv4: [0, 8, 16, 30, 32],
  ipv6: [0, 16, 33, 64, 80, 126, 128],
};
const PORTS = [0, 1, 22, 53, 80, 1024, 2048, 65535];
const PROTOCOLS = [1, 6, 17, 47];
const SECONDS = [0, 1, 29, 30, 120, 432000];
const STATUSES = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED'] as const;
const STATES = ['NEW', 'ESTABLISHED', 'RELATED'] as const;

/** Absent for a packet of no connection. */
export function randomConnection(choice: Choice, family: Family = 'ipv4'): PacketConnection | undefined {
  if (choice.chance(0.12)) return undefined;
  if (choice.chance(0.08)) return 'untracked';
  const status: TrackedConnection['status'][number][] = STATUSES.filter(() => choice.chance(0.5));
  if (choice.chance(0.2)) status.push('SNAT');
  if (choice.chance(0.2)) status.push('DNAT');
  const ends = (): ConnectionEnds => ({
    source: choice.pick(ADDRESSES[family]),
    destination: choice.pick(ADDRESSES[family]),
    sourcePort: choice.pick(PORTS),
    destinationPort: choice.pick(PORTS),
  });
  return {
    state: choice.pick(STATES),
    direction: choice.pick(['ORIGINAL', 'REPLY']),
    status,
    protocol: choice.pick(PROTOCOLS),
    original: ends(),
    reply: ends(),
    expires: choice.pick(SECONDS),
  };
}

/** The words of a match that can be enforced. `real`: about connections that the kernel tracks, in which time passes. */
export function randomConnectionMatch(choice: Choice, real: boolean, family: Family): string {
  const not = (): string => (choice.chance(0.25) ? '! ' : '');
  if (choice.chance(0.3)) return `-m state ${not()}--state ${someOf(choice, TRACKED_OR_NOT).join()}`;
  const words: string[] = [];
  // With more than states, of packets that have a connection alone.
  const hasFurther = choice.chance(0.4);
  if (!hasFurther || choice.chance(0.5)) {
    const states = hasFurther ? STATES : [...TRACKED_OR_NOT, 'SNAT', 'DNAT'];
    words.push(`${hasFurther ? '' : not()}--ctstate ${someOf(choice, states).join()}`);
  }
  if (choice.chance(0.25)) words.push(`${not()}--ctstatus ${choice.chance(0.1) ? 'NONE' : someOf(choice, STATUSES)}`);
  if (choice.chance(0.25)) words.push(`--ctdir ${choice.pick(['ORIGINAL', 'REPLY'])}`);
  if (hasFurther) words.push(...furtherOf(choice).map((further) => not() + further(choice, real, family)));
  return `-m conntrack ${words.join(' ')}`;
}

const TRACKED_OR_NOT = ['INVALID', 'UNTRACKED', ...STATES] as const;

const FURTHER: readonly ((choice: Choice, real: boolean, family: Family) => string)[] = [
  (choice) => `--ctproto ${choice.pick(PROTOCOLS)}`,
  ...['orig', 'repl'].flatMap((direction) =>
    ['src', 'dst'].flatMap((end) => [
      (choice: Choice, _: boolean, family: Family) =>
        `--ct${direction}${end} ${formatAny(choice.pick(ADDRESSES[family]))}/${choice.pick(LENGTHS[family])}`,
      (choice: Choice) => `--ct${direction}${end}port ${range(choice, PORTS)}`,
    ]),
  ),
  // Seconds that pass while packets are sent must not matter.
  expiry,
];

function expiry(choice: Choice, real: boolean): string {
  return `--ctexpire ${real ? choice.pick(['0:1000000', '200000:500000', '0:50000']) : range(choice, SECONDS)}`;
}

/** One or two of them: more would hardly ever be met. */
function furtherOf(choice: Choice): readonly (typeof FURTHER)[number][] {
  const [one, other] = [choice.pick(FURTHER), choice.pick(FURTHER)];
  return one === other || choice.chance(0.7) ? [one] : [one, other];
}

function range(choice: Choice, pool: readonly number[]): string {
  const [low, high] = [choice.pick(pool), choice.pick(pool)];
  return choice.chance(0.5) ? `${low}` : `${Math.min(low, high)}:${Math.max(low, high)}`;
}

/** One of them or more. */
function someOf<T>(choice: Choice, pool: readonly T[]): T[] {
  const one = choice.pick(pool);
  return pool.filter((each) => each === one || choice.chance(0.2));
}
