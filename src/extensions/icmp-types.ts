// The names of ICMP types and codes that iptables knows (`iptables -m icmp -h`), with their numbers (RFC 792, RFC 1812,
// RFC 4443, RFC 4861), and values that are made of them.
//
// Read by hand, not by the grammar: iptables names the character at which it gives up.

import { ValueError, type ValueType } from './extension.ts';
import { scanNumber } from './values/scan.ts';

/** What a value of `--icmp-type` means. */
export interface IcmpType {
  readonly type: number;
  /** Absent for any code. */
  readonly code?: number;
  /** The last of a range of codes that begins with `code`; it may be smaller, then no code is meant. */
  readonly lastCode?: number;
}

type NamedType = readonly [name: string, type: number, code?: number];

const ICMP_NAMES: readonly NamedType[] = [
  ['any', 255],
  ['echo-reply', 0],
  ['pong', 0],
  ['destination-unreachable', 3],
  ['network-unreachable', 3, 0],
  ['host-unreachable', 3, 1],
  ['protocol-unreachable', 3, 2],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['source-route-failed', 3, 5],
  ['network-unknown', 3, 6],
  ['host-unknown', 3, 7],
  ['network-prohibited', 3, 9],
  ['host-prohibited', 3, 10],
  ['TOS-network-unreachable', 3, 11],
  ['TOS-host-unreachable', 3, 12],
  ['communication-prohibited', 3, 13],
  ['host-precedence-violation', 3, 14],
  ['precedence-cutoff', 3, 15],
  ['source-quench', 4],
  ['redirect', 5],
  ['network-redirect', 5, 0],
  ['host-redirect', 5, 1],
  ['TOS-network-redirect', 5, 2],
  ['TOS-host-redirect', 5, 3],
  ['echo-request', 8],
  ['ping', 8],
  ['router-advertisement', 9],
  ['router-solicitation', 10],
  ['time-exceeded', 11],
  ['ttl-exceeded', 11],
  ['ttl-zero-during-transit', 11, 0],
  ['ttl-zero-during-reassembly', 11, 1],
  ['parameter-problem', 12],
  ['ip-header-bad', 12, 0],
  ['required-option-missing', 12, 1],
  ['timestamp-request', 13],
  ['timestamp-reply', 14],
  ['address-mask-request', 17],
  ['address-mask-reply', 18],
];

const ICMPV6_NAMES: readonly NamedType[] = [
  ['destination-unreachable', 1],
  ['no-route', 1, 0],
  ['communication-prohibited', 1, 1],
  ['beyond-scope', 1, 2],
  ['address-unreachable', 1, 3],
  ['port-unreachable', 1, 4],
  ['failed-policy', 1, 5],
  ['reject-route', 1, 6],
  ['packet-too-big', 2],
  ['time-exceeded', 3],
  ['ttl-exceeded', 3],
  ['ttl-zero-during-transit', 3, 0],
  ['ttl-zero-during-reassembly', 3, 1],
  ['parameter-problem', 4],
  ['bad-header', 4, 0],
  ['unknown-header-type', 4, 1],
  ['unknown-option', 4, 2],
  ['echo-request', 128],
  ['ping', 128],
  ['echo-reply', 129],
  ['pong', 129],
  ['router-solicitation', 133],
  ['router-advertisement', 134],
  ['neighbour-solicitation', 135],
  ['neighbor-solicitation', 135],
  ['neighbour-advertisement', 136],
  ['neighbor-advertisement', 136],
  ['redirect', 137],
];

/** `8`, `3/1`, `3/1:4`, `echo-request` or an unambiguous beginning of a name. */
export const icmpType = icmpTypeOf('ICMP', ICMP_NAMES);
export const icmpv6Type = icmpTypeOf('ICMPv6', ICMPV6_NAMES);

function icmpTypeOf(protocol: string, named: readonly NamedType[]): ValueType<IcmpType> {
  return {
    placeholder: 'type[/code]|name',
    parse(text) {
      const lower = text.toLowerCase();
      const [first, second] = named.filter(([name]) => name.toLowerCase().startsWith(lower));
      if (second) throw new ValueError(`Ambiguous ${protocol} type \`${text}': \`${first![0]}' or \`${second[0]}'?`);
      if (first) {
        const [, type, code] = first;
        return code === undefined ? { type } : { type, code };
      }
      return typeNumbers(text, protocol);
    },
  };
}

function typeNumbers(text: string, protocol: string): IcmpType {
  const types = scanRange(text);
  if (types === undefined) throw new ValueError(`Unknown ${protocol} type \`${text}'`);
  let codes: ScannedRange = { low: 0, high: 255, rest: types.rest };
  if (types.rest.startsWith('/')) {
    const scanned = scanRange(types.rest.slice(1));
    if (scanned === undefined) throw new ValueError(`Unknown ${protocol} code \`${text}'`);
    codes = scanned;
  }
  if (codes.rest !== '') throw new ValueError(`unknown character ${codes.rest[0]}`);
  if (types.low !== types.high) throw new ValueError(`${protocol} type range not supported`);
  const type = types.low;
  const { low: code, high: lastCode } = codes;
  if (code === 0 && lastCode === 255) return { type };
  return code === lastCode ? { type, code } : { type, code, lastCode };
}

interface ScannedRange {
  readonly low: number;
  readonly high: number;
  readonly rest: string;
}

/** `8` or `8:10` in front of a text. */
function scanRange(text: string): ScannedRange | undefined {
  const first = scanNumber(text, 0n, 255n);
  if (first === undefined) return undefined;
  const low = Number(first.value);
  if (!first.rest.startsWith(':')) return { low, high: low, rest: first.rest };
  const last = scanNumber(first.rest.slice(1), 0n, 255n);
  return last && { low, high: Number(last.value), rest: last.rest };
}

/** The names that iptables shows for a type, or for a type with a code. */
export const icmpTypeName = (of: IcmpType): string | undefined => nameOf(of, ICMP_NAMES);
export const icmpv6TypeName = (of: IcmpType): string | undefined => nameOf(of, ICMPV6_NAMES);

function nameOf(of: IcmpType, named: readonly NamedType[]): string | undefined {
  if (of.lastCode !== undefined) return undefined;
  return named.find(([, type, code]) => type === of.type && code === of.code)?.[0];
}

/** `8`, `3/1`. iptables-save leaves the end of a range of codes out; here it stays, so that nothing is lost. */
export function icmpTypeText({ type, code, lastCode }: IcmpType): string {
  if (code === undefined) return `${type}`;
  return lastCode === undefined ? `${type}/${code}` : `${type}/${code}:${lastCode}`;
}

/** `type 3 code 1`, as -L shows what has no name. */
export function icmpTypeWords({ type, code, lastCode }: IcmpType): string {
  if (code === undefined) return `type ${type}`;
  return lastCode === undefined ? `type ${type} code ${code}` : `type ${type} codes ${code}-${lastCode}`;
}

/** The names with their numbers, for help and manual. */
export const icmpNotes = (): string[] => ['Valid ICMP Types:', ...namedTypes(ICMP_NAMES)];
export const icmpv6Notes = (): string[] => ['Valid ICMPv6 Types:', ...namedTypes(ICMPV6_NAMES)];

function namedTypes(named: readonly NamedType[]): string[] {
  return named.map(([name, type, code]) => `${name} (${code === undefined ? type : `${type}/${code}`})`);
}
