// What `-m conntrack` and `-m state` mean, for the compiler.
//
// State, direction and status are one field, so whatever is asked of them is one set of its values. What else is asked is a
// clause of its own, with one difficulty: of a packet without an entry, the kernel's match asks nothing but its state, and
// matches if that is one of those given (`conntrack_mt`, net/netfilter/xt_conntrack.c). Where such packets match and
// others too, the further conditions would be "or", which a conjunction of clauses cannot say.

import {
  CLASS_SHIFT,
  classNumber,
  hasEntry,
  REPLY_BIT,
  STATE_CLASSES,
  STATUS_BITS,
  type StateClass,
} from '../../base/connection-state.ts';
import { type Interval, type IntervalSet, interval, normalize } from '../../base/intervals.ts';
import { prefixMask } from '../../base/ipv4.ts';
import { type Clause, type ConnectionField, FIELD_MAXIMUM, type Predicate } from '../../base/predicate.ts';
import { WIDE_MAXIMUM } from '../../base/wide-intervals.ts';
import type { HostPrefix } from '../values/host-prefix.ts';
import type { ConnectionState } from './connection-states.ts';
import type { Condition, ConntrackData } from './conntrack.ts';
import type { StateData } from './state.ts';

export function stateClauses({ states, negated }: StateData): readonly Clause[] {
  return conntrackClauses({ state: { value: states, negated } });
}

export function conntrackClauses(data: ConntrackData): readonly Clause[] {
  const [state, further] = [requireState(data), furtherClauses(data)];
  // Where only packets without an entry match, nothing further is asked.
  return further.length > 0 && matches(data).some(hasEntry) ? [state, ...further] : [state];
}

/** The option that cannot be said in clauses. */
export function conntrackUnsupported(data: ConntrackData): string | undefined {
  const further = furtherConditions(data);
  const found = matches(data);
  const isMixed = found.some(hasEntry) && found.some((each) => !hasEntry(each));
  if (further.length === 0 || !isMixed) return undefined;
  return `${further[0]![0]}, beside states of packets with and without a connection,`;
}

type FurtherCondition = readonly [option: string, field: ConnectionField, condition: Condition<unknown>];
/** Each has another name where it holds an address of IPv6. */
type AddressField = 'ctOrigSrc' | 'ctOrigDst' | 'ctReplySrc' | 'ctReplyDst';

/** What is asked beside state, direction and status. */
function furtherConditions(data: ConntrackData): readonly FurtherCondition[] {
  return FURTHER.flatMap(([option, key, field]) => {
    const condition = data[key];
    return condition === undefined ? [] : [[option, field, condition] as const];
  });
}

const FURTHER: readonly (readonly [option: string, key: keyof ConntrackData, field: ConnectionField])[] = [
  ['--ctproto', 'protocol', 'ctProtocol'],
  ['--ctorigsrc', 'originalSource', 'ctOrigSrc'],
  ['--ctorigdst', 'originalDestination', 'ctOrigDst'],
  ['--ctreplsrc', 'replySource', 'ctReplySrc'],
  ['--ctrepldst', 'replyDestination', 'ctReplyDst'],
  ['--ctorigsrcport', 'originalSourcePort', 'ctOrigSport'],
  ['--ctorigdstport', 'originalDestinationPort', 'ctOrigDport'],
  ['--ctreplsrcport', 'replySourcePort', 'ctReplySport'],
  ['--ctrepldstport', 'replyDestinationPort', 'ctReplyDport'],
  ['--ctexpire', 'expires', 'ctExpires'],
];

function furtherClauses(data: ConntrackData): Clause[] {
  return furtherConditions(data).map(([, field, { value, negated }]) => {
    const asked = value as number | Interval | HostPrefix;
    const predicate: Predicate =
      typeof asked === 'object' && 'address' in asked
        ? inPrefix(field as AddressField, asked)
        : { kind: 'in', field, set: valuesOf(asked) };
    return { kind: 'require', predicate, negated };
  });
}

/** A number, or all between two ends (none where they are the wrong way round). */
function valuesOf(value: number | Interval): IntervalSet {
  return typeof value === 'number' ? interval(value) : interval(value.low, value.high);
}

/** All addresses of a prefix. */
function inPrefix(field: AddressField, { address, length }: HostPrefix): Predicate {
  if (typeof address === 'bigint') {
    const host = WIDE_MAXIMUM >> BigInt(length);
    return { kind: 'wide', field: `${field}6`, set: [{ low: address - (address & host), high: address | host }] };
  }
  const mask = prefixMask(length);
  const low = (address & mask) >>> 0;
  return { kind: 'in', field, set: interval(low, (low | ~mask) >>> 0) };
}

/** The classes of which some packets have the state, direction and status that are asked for. */
function matches(data: ConntrackData): number[] {
  const set = stateSet(data);
  return STATE_CLASSES.map((_, number) => number).filter((number) =>
    set.some(({ low, high }) => low >> CLASS_SHIFT <= number && number <= high >> CLASS_SHIFT),
  );
}

function requireState(data: ConntrackData): Clause {
  return { kind: 'require', predicate: { kind: 'in', field: 'state', set: stateSet(data) }, negated: false };
}

interface StateConditions {
  readonly state: ConntrackData['state'];
  readonly status: ConntrackData['status'];
  readonly direction: ConntrackData['direction'];
}

/** By what is asked: large files ask for the same few states again and again. */
const known = new Map<string, IntervalSet>();

function stateSet({ state, status, direction }: ConntrackData): IntervalSet {
  const key = JSON.stringify([state, status, direction]);
  let set = known.get(key);
  if (set === undefined) {
    const values = Array.from({ length: FIELD_MAXIMUM.state + 1 }, (_, value) => value);
    set = normalize(values.filter((value) => isMet(value, { state, status, direction })).flatMap((v) => interval(v)));
    known.set(key, set);
  }
  return set;
}

/** Whether a value of the field has the state, the status and the direction. */
function isMet(value: number, { state, status, direction }: StateConditions): boolean {
  const number = value >> CLASS_SHIFT;
  const name: StateClass | undefined = STATE_CLASSES[number];
  if (name === undefined) return false;
  const has = (bit: keyof typeof STATUS_BITS): boolean => (value & STATUS_BITS[bit]) !== 0;
  const isTracked = hasEntry(number);
  if (state !== undefined) {
    const isState = (each: ConnectionState): boolean =>
      each === 'SNAT' || each === 'DNAT' ? isTracked && has(each) : number === classNumber(each);
    if (state.value.some(isState) === state.negated) return false;
  }
  if (!isTracked) return state !== undefined;
  if (direction !== undefined && (direction.value === 'REPLY') !== ((value & REPLY_BIT) !== 0)) return false;
  return status === undefined || status.value.some(has) !== status.negated;
}
