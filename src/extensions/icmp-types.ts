// The names of ICMP types and codes that iptables knows (`iptables -m icmp -h`), with their numbers (RFC 792, RFC 1812).

import { parseValue } from '../../grammar/parse.ts';
import { ValueError, type ValueType } from './extension.ts';

/** What a value of `--icmp-type` means. */
export interface IcmpType {
  readonly type: number;
  /** Absent for any code. */
  readonly code?: number;
}

const ICMP_TYPE_NAMES: readonly (readonly [name: string, type: number, code?: number])[] = [
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

/** All names that begin so, in any case of letters: one is meant by it, more make it ambiguous. */
function icmpTypesNamed(beginning: string): readonly { readonly name: string; readonly value: IcmpType }[] {
  const lower = beginning.toLowerCase();
  return ICMP_TYPE_NAMES.filter(([name]) => name.toLowerCase().startsWith(lower)).map(([name, type, code]) => ({
    name,
    value: code === undefined ? { type } : { type, code },
  }));
}

/** The name that iptables shows for a type, or for a type with a code. */
export function icmpTypeName(of: IcmpType): string | undefined {
  return ICMP_TYPE_NAMES.find(([, type, code]) => type === of.type && code === of.code)?.[0];
}

/** `8`, `3/1`, `echo-request` or an unambiguous beginning of a name. */
export const icmpType: ValueType<IcmpType> = {
  placeholder: 'type[/code]|name',
  parse(text) {
    const parsed = parseValue('icmpType', text);
    if (!parsed.ok) throw new ValueError(`Unknown ICMP type \`${text}'`);
    const { type, code } = parsed.node;
    if ('name' in type) return typeNamed(type.name);
    if (type.number > 255) throw new ValueError(`Unknown ICMP type \`${text}'`);
    if (code !== undefined && code > 255) throw new ValueError(`Unknown ICMP code \`${text}'`);
    return code === undefined ? { type: type.number } : { type: type.number, code };
  },
};

function typeNamed(name: string): IcmpType {
  const [first, second] = icmpTypesNamed(name);
  if (first === undefined) throw new ValueError(`Invalid ICMP type \`${name}'`);
  if (second === undefined) return first.value;
  const exact = icmpTypesNamed(name).find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (exact !== undefined) return exact.value;
  throw new ValueError(`Ambiguous ICMP type \`${name}': \`${first.name}' or \`${second.name}'?`);
}
