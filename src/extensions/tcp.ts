// `-m tcp`: ports and flags. Kernel: net/netfilter/xt_tcpudp.c, tcp_mt.

import { parseValue } from '../../grammar/parse.ts';
import type { Family } from '../base/family.ts';
import { interval } from '../base/intervals.ts';
import type { PacketView } from '../base/packet.ts';
import type { Clause } from '../base/predicate.ts';
import {
  ExtensionError,
  type MatchExtension,
  type MatchResult,
  type OptionUse,
  ValueError,
  type ValueType,
} from './extension.ts';
import { buildPorts, listPorts, type PortData, portClauses, portOptions, printPorts } from './ports.ts';
import { useOf } from './uses.ts';
import { portRange } from './values/port.ts';

interface FlagCondition {
  /** Bits of the TCP flag byte that are looked at, and those of them that must be set. */
  readonly mask: number;
  readonly set: number;
  readonly negated: boolean;
}

export interface TcpData extends PortData {
  readonly flags?: FlagCondition;
  readonly option?: { readonly number: number; readonly negated: boolean };
}

/** The flags that iptables has names for, in the order in which it prints them, with their bits (RFC 9293). */
const TCP_FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['FIN', 0x01],
  ['SYN', 0x02],
  ['RST', 0x04],
  ['PSH', 0x08],
  ['ACK', 0x10],
  ['URG', 0x20],
];

/** `--syn`: FIN, SYN, RST and ACK are looked at, SYN alone is set. */
const SYN = { mask: 0x17, set: 0x02 };

/** Smallest TCP header, in bytes (RFC 9293). */
const HEADER = 20;

const flags: ValueType<number> = {
  placeholder: 'flags',
  parse(text) {
    const parsed = parseValue('words', text);
    const given = (parsed.ok ? parsed.node : [text]).filter((name) => name !== '');
    return given.reduce((bits, name) => bits | flagBit(name), 0);
  },
};

function flagBit(name: string): number {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return TCP_FLAGS.reduce((bits, [, bit]) => bits | bit, 0);
  if (upper === 'NONE') return 0;
  const flag = TCP_FLAGS.find(([known]) => known === upper);
  if (flag === undefined) throw new ValueError(`Unknown TCP flag \`${name}'`);
  return flag[1];
}

const isFlagsOption = ({ name }: OptionUse): boolean => name === '--tcp-flags' || name === '--syn';

const ONE_OF_FLAGS = "Only one of `--syn' or `--tcp-flags'  allowed";

function flagsOnce(use: OptionUse, earlier: readonly OptionUse[]): void {
  if (earlier.some(isFlagsOption)) throw new ExtensionError('repeated-option', ONE_OF_FLAGS, use.name);
}

const option: ValueType<number> = {
  placeholder: 'number',
  parse(text) {
    const parsed = parseValue('integer', text);
    if (parsed.ok && 1n <= parsed.node && parsed.node <= 255n) return Number(parsed.node);
    throw new ValueError(`Bad TCP option "${text}"`);
  },
};

export const tcp: MatchExtension<TcpData> = {
  kind: 'match',
  name: 'tcp',
  about: 'ports and flags of TCP',
  protocols: [6],
  options: [
    ...portOptions([portRange('tcp')], (option) => `Only one \`${option}' allowed`),
    {
      name: '--tcp-flags',
      values: [flags, flags],
      negatable: true,
      messages: { missing: '--tcp-flags requires two args.', repeated: ONE_OF_FLAGS },
      atOnce: flagsOnce,
      about: 'of the flags in the first list, just those in the second are set',
    },
    {
      ...{ name: '--syn', values: [], negatable: true, messages: { repeated: ONE_OF_FLAGS }, atOnce: flagsOnce },
      about: 'SYN is set, and FIN, RST and ACK are not',
    },
    {
      name: '--tcp-option',
      values: [option],
      negatable: true,
      messages: { repeated: "Only one `--tcp-option' allowed" },
      about: 'the option of that number is there',
    },
  ],

  build(options) {
    const flags = buildFlags(options);
    const use = useOf(options, '--tcp-option');
    const option = use && { number: use.values[0] as number, negated: use.negated };
    const ports = buildPorts(options);
    return flags || option ? { ...ports, ...(flags && { flags }), ...(option && { option }) } : ports;
  },

  print(data) {
    const words = printPorts(data);
    if (data.option?.negated) words.push('!');
    if (data.option) words.push('--tcp-option', `${data.option.number}`);
    if (data.flags?.negated) words.push('!');
    if (data.flags) words.push('--tcp-flags', flagNames(data.flags.mask), flagNames(data.flags.set));
    return words;
  },

  list(data, context) {
    const option = data.option && ` option=${data.option.negated ? '!' : ''}${data.option.number}`;
    const ports = `${listPorts(data, 'tcp', context)}${option ?? ''}`;
    if (data.flags === undefined) return ports;
    const { mask, set, negated } = data.flags;
    const show = context.numeric ? flagBits : flagNames;
    return `${ports} flags:${negated ? '!' : ''}${show(mask)}/${show(set)}`;
  },

  meaning: {
    clauses: tcpClauses,
    matches: matchTcp,
    unsupported: ({ option }) => option && '--tcp-option',
  },
};

/** Made once: large rulesets have very many of them. */
const DROP_OVERWRITING: Clause = {
  ...{ kind: 'dropIf', predicate: { kind: 'in', field: 'fragment', set: interval(1) }, negated: false },
};
const HEADER_CLAUSES: readonly Clause[] = [
  { kind: 'require', predicate: { kind: 'in', field: 'fragment', set: interval(0) }, negated: false },
  { kind: 'dropIf', predicate: { kind: 'in', field: 'transportLength', set: interval(0, HEADER - 1) }, negated: false },
];

/** The kernel drops fragments at "offset 1", which IPv4 counts in units of 8 bytes and IPv6 in bytes: there is none. */
function tcpClauses(data: TcpData, family: Family): Clause[] {
  const clauses: Clause[] = family === 'ipv4' ? [DROP_OVERWRITING] : [];
  clauses.push(...HEADER_CLAUSES, ...portClauses(data));
  if (data.flags) {
    const { mask, set, negated } = data.flags;
    clauses.push({ kind: 'require', predicate: { kind: 'masked', field: 'tcpFlags', mask, value: set }, negated });
  }
  return clauses;
}

function buildFlags(options: readonly OptionUse[]): FlagCondition | undefined {
  const use = options.find(isFlagsOption);
  if (use === undefined) return undefined;
  if (use.name === '--syn') return { ...SYN, negated: use.negated };
  const [mask, set] = use.values as [number, number];
  return mask === 0 && set === 0 && !use.negated ? undefined : { mask, set, negated: use.negated };
}

function flagBits(bits: number): string {
  return `0x${bits.toString(16).toUpperCase().padStart(2, '0')}`;
}

function flagNames(bits: number): string {
  const names = TCP_FLAGS.filter(([, bit]) => bits & bit).map(([name]) => name);
  return names.length === 0 ? 'NONE' : names.join(',');
}

/**
 * A fragment of IPv4 at offset 1 could overwrite the flags and is dropped; later ones have no TCP header and do not match;
 * a header that is cut off makes the packet dropped.
 */
function matchTcp(data: TcpData, packet: PacketView): MatchResult {
  if (packet.fragmentOffset === 1 && packet.family === 'ipv4') return 'drop';
  if (packet.fragmentOffset !== 0) return false;
  const header = packet.transport(20);
  if (header === undefined) return 'drop';
  const { source, destination, flags } = data;
  if (source) {
    const port = header.getUint16(0);
    const inside = source.low <= port && port <= source.high;
    if (inside === source.negated) return false;
  }
  if (destination) {
    const port = header.getUint16(2);
    const inside = destination.low <= port && port <= destination.high;
    if (inside === destination.negated) return false;
  }
  if (flags) {
    const asWanted = (header.getUint8(13) & flags.mask) === flags.set;
    if (asWanted === flags.negated) return false;
  }
  return true;
}
