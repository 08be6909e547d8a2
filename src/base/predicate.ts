// What rules ask of a packet: fields, predicates over them, and a match's meaning as clauses.
//
// Extensions produce these, the graph is made of them, the classifier collects them. A field is a number that every
// packet has at a hook; where a packet lacks it (ports of a later fragment, an address of a device that is not there)
// the number is 0, and the clauses in front of it keep it from being asked.

import { complement, contains, formatSet, type IntervalSet } from './intervals.ts';
import { formatAddress } from './ipv4.ts';
import { formatAddress6 } from './ipv6.ts';
import { complementWide, containsWide, type WideIntervalSet } from './wide-intervals.ts';

/** A numeric packet field. */
export type NumericField =
  | 'src' // IPv4 source address, host order
  | 'dst' // IPv4 destination address, host order
  | 'protocol' // IPv4 protocol number; in IPv6 what the chain of extension headers ends in
  | 'fragment' // fragment offset in units of 8 bytes; 0 for a whole packet and for a first fragment
  | 'transportLength' // bytes after the IPv4 header, or the last extension header, that are really there, 0–65535
  | 'sport' // first two bytes of the transport header
  | 'dport' // its third and fourth byte
  | 'tcpFlags' // byte 13 of the transport header
  | 'icmp' // ICMP type * 256 + code: the first two bytes of the transport header
  | 'malformed' // 1 where the chain of IPv6 extension headers cannot be walked to its end, else 0
  | 'forwardable' // at XDP: 1 where no router would throw the packet away, or answer it, before FORWARD is asked; else 0
  | ConnectionField;

/** What connection tracking knows of a packet; 0 where it knows nothing, but for `state`. */
export type ConnectionField =
  | 'state' // state, direction and status (connection-state.ts); asked last
  | 'ctProtocol' // protocol of the connection
  | 'ctOrigSrc' // addresses of its first packet, IPv4, host order
  | 'ctOrigDst'
  | 'ctReplySrc' // addresses of the answers
  | 'ctReplyDst'
  | 'ctOrigSport' // ports of its first packet; for ICMP the identifier, and type * 256 + code
  | 'ctOrigDport'
  | 'ctReplySport' // ports of the answers
  | 'ctReplyDport'
  | 'ctExpires'; // seconds until it is forgotten

/** A field of 128 bits. */
export type WideField =
  | 'src6' // IPv6 source address
  | 'dst6' // IPv6 destination address
  | WideConnectionField;

/** Addresses of an IPv6 packet's connection; 0 where there is none. */
export type WideConnectionField =
  | 'ctOrigSrc6' // of its first packet
  | 'ctOrigDst6'
  | 'ctReplySrc6' // of the answers
  | 'ctReplyDst6';

/** A field that holds a device name; the empty name where the hook has no such device. */
export type DeviceField = 'inDevice' | 'outDevice';

export type Field = NumericField | WideField | DeviceField;

const WIDE_CONNECTION_FIELDS: readonly WideConnectionField[] = [
  'ctOrigSrc6',
  'ctOrigDst6',
  'ctReplySrc6',
  'ctReplyDst6',
];

export const WIDE_FIELDS: readonly WideField[] = ['src6', 'dst6', ...WIDE_CONNECTION_FIELDS];

/** What connection tracking knows of a packet of either family. */
export const CONNECTION_FIELDS: readonly (ConnectionField | WideConnectionField)[] = [
  'state',
  'ctProtocol',
  'ctOrigSrc',
  'ctOrigDst',
  'ctReplySrc',
  'ctReplyDst',
  'ctOrigSport',
  'ctOrigDport',
  'ctReplySport',
  'ctReplyDport',
  'ctExpires',
  ...WIDE_CONNECTION_FIELDS,
];

/** The largest value of each numeric field. */
export const FIELD_MAXIMUM: Readonly<Record<NumericField, number>> = {
  src: 0xffffffff,
  dst: 0xffffffff,
  protocol: 0xff,
  fragment: 0x1fff,
  transportLength: 0xffff,
  sport: 0xffff,
  dport: 0xffff,
  tcpFlags: 0xff,
  icmp: 0xffff,
  malformed: 1,
  forwardable: 1,
  state: 0x3ff,
  ctProtocol: 0xff,
  ctOrigSrc: 0xffffffff,
  ctOrigDst: 0xffffffff,
  ctReplySrc: 0xffffffff,
  ctReplyDst: 0xffffffff,
  ctOrigSport: 0xffff,
  ctOrigDport: 0xffff,
  ctReplySport: 0xffff,
  ctReplyDport: 0xffff,
  ctExpires: 0xffffffff,
};

/** Numeric fields that are IPv4 addresses. */
const ADDRESS_FIELDS: readonly NumericField[] = ['src', 'dst', 'ctOrigSrc', 'ctOrigDst', 'ctReplySrc', 'ctReplyDst'];

/** True where the field's value lies in the set. */
export interface InSet {
  readonly kind: 'in';
  readonly field: NumericField;
  readonly set: IntervalSet;
}

/** True where `(field & mask) === value`: flags, and address masks with holes. */
export interface Masked {
  readonly kind: 'masked';
  readonly field: NumericField;
  readonly mask: number;
  readonly value: number;
}

/** True where the field's value lies in the set. */
export interface InWideSet {
  readonly kind: 'wide';
  readonly field: WideField;
  readonly set: WideIntervalSet;
}

/** True where `(field & mask) === value`: address masks with holes. */
export interface MaskedWide {
  readonly kind: 'maskedWide';
  readonly field: WideField;
  readonly mask: bigint;
  readonly value: bigint;
}

/** True where the device's name is `name`, or begins with it (`eth+`); at most 15 bytes, one character for each. */
export interface DeviceName {
  readonly kind: 'device';
  readonly field: DeviceField;
  readonly name: string;
  readonly prefix: boolean;
}

/** A pure question about one field. Negation is not part of it: a match node swaps its edges instead. */
export type Predicate = InSet | Masked | InWideSet | MaskedWide | DeviceName;

/** A predicate, or its contrary. */
export interface Literal {
  readonly predicate: Predicate;
  readonly negated: boolean;
}

/**
 * One step of a rule's conjunction, asked in order: `require` goes on if the literal holds and to the next rule if not;
 * `dropIf` drops the packet, uncounted, if it holds and goes on if not (what the kernel calls hotdrop).
 */
export type Clause = { readonly kind: 'require' | 'dropIf' } & Literal;

export type FieldValues = Readonly<
  Record<NumericField, number> & Record<WideField, bigint> & Record<DeviceField, string>
>;

/** Evaluates a predicate on the field values of one packet. */
export function evaluatePredicate(predicate: Predicate, fields: FieldValues): boolean {
  switch (predicate.kind) {
    case 'in':
      return contains(predicate.set, fields[predicate.field]);
    case 'masked':
      return (fields[predicate.field] & predicate.mask) >>> 0 === predicate.value;
    case 'wide':
      return containsWide(predicate.set, fields[predicate.field]);
    case 'maskedWide':
      return (fields[predicate.field] & predicate.mask) === predicate.value;
    case 'device': {
      const name = fields[predicate.field];
      return predicate.prefix ? name.startsWith(predicate.name) : name === predicate.name;
    }
  }
}

/** Prints a predicate in the form that dumps and the graph's text use: `dport in 22,80-90`, `tcpFlags & 0x17 == 0x2`. */
export function formatPredicate(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'in': {
      const isAddress = ADDRESS_FIELDS.includes(predicate.field);
      return `${predicate.field} in ${formatSet(predicate.set, isAddress ? formatAddress : String) || 'nothing'}`;
    }
    case 'masked':
      return `${predicate.field} & 0x${predicate.mask.toString(16)} == 0x${predicate.value.toString(16)}`;
    case 'wide':
      return `${predicate.field} in ${predicate.set.map(formatWideInterval).join(',') || 'nothing'}`;
    case 'maskedWide':
      return `${predicate.field} & ${formatAddress6(predicate.mask)} == ${formatAddress6(predicate.value)}`;
    case 'device':
      return `${predicate.field} ${predicate.prefix ? 'begins' : 'is'} ${JSON.stringify(predicate.name)}`;
  }
}

function formatWideInterval({ low, high }: WideIntervalSet[number]): string {
  return low === high ? formatAddress6(low) : `${formatAddress6(low)}-${formatAddress6(high)}`;
}

/** The canonical one of a literal and its contrary, so that equal questions are equal nodes. */
export function canonicalLiteral(literal: Literal): Literal {
  const { predicate, negated } = literal;
  if (predicate.kind === 'wide') return canonicalWide(predicate, negated);
  if (predicate.kind !== 'in') return literal;
  const other = complement(predicate.set, FIELD_MAXIMUM[predicate.field]);
  const shorter = other.length < predicate.set.length;
  const sameLength = other.length === predicate.set.length;
  if (shorter || (sameLength && contains(predicate.set, 0))) {
    return { predicate: { ...predicate, set: other }, negated: !negated };
  }
  return literal;
}

function canonicalWide(predicate: InWideSet, negated: boolean): Literal {
  const other = complementWide(predicate.set);
  const shorter = other.length < predicate.set.length;
  const sameLength = other.length === predicate.set.length;
  if (!shorter && !(sameLength && containsWide(predicate.set, 0n))) return { predicate, negated };
  return { predicate: { ...predicate, set: other }, negated: !negated };
}
