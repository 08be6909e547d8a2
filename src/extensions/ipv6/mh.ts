// `-m mh`: the mobility header (RFC 6275). Kernel: net/ipv6/netfilter/ip6t_mh.c.

import { parseValue } from '../../../grammar/parse.ts';
import type { Interval } from '../../base/intervals.ts';
import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { type RangeCondition, rangeText } from '../headers/range.ts';
import { negatable } from '../print-words.ts';

export interface MhData {
  /** Absent for any. */
  readonly type?: RangeCondition;
}

/** By number, the name that is shown first. */
const TYPES: readonly (readonly string[])[] = [
  ['binding-refresh-request', 'brr'],
  ['home-test-init', 'hoti'],
  ['careof-test-init', 'coti'],
  ['home-test', 'hot'],
  ['careof-test', 'cot'],
  ['binding-update', 'bu'],
  ['binding-acknowledgement', 'ba'],
  ['binding-error', 'be'],
];

const MOST = 255;

/** `type`, `type:type`, `:type`, `type:`, by number, name or the beginning of a name. */
const typeRange: ValueType<Interval> = {
  placeholder: 'type[:type]',
  parse(text) {
    const colon = text.indexOf(':');
    if (colon < 0) {
      const type = typeOf(text);
      return { low: type, high: type };
    }
    const [first, last] = [text.slice(0, colon), text.slice(colon + 1)];
    const low = first === '' ? 0 : typeOf(first);
    const high = last === '' ? MOST : typeOf(last);
    if (low > high) throw new ValueError('Invalid MH type range (min > max)');
    return { low, high };
  },
};

/** A whole name goes before those that only begin so, of which the first one counts. */
function typeOf(text: string): number {
  const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const whole = TYPES.findIndex((names) => names.includes(lower));
  const type = whole >= 0 ? whole : TYPES.findIndex((names) => names.some((name) => name.startsWith(lower)));
  if (type >= 0) return type;
  const parsed = parseValue('integer', text);
  if (parsed.ok && parsed.node <= BigInt(MOST)) return Number(parsed.node);
  throw new ValueError(`Invalid MH type \`${text}'`);
}

export const mh: MatchExtension<MhData> = {
  kind: 'match',
  name: 'mh',
  families: ['ipv6'],
  about: 'mobility header',
  protocols: [135],
  options: [{ name: '--mh-type', values: [typeRange], negatable: true, about: 'type, or a range of types' }],
  build(options) {
    const use = options[0];
    const type = use && { ...(use.values[0] as Interval), negated: use.negated };
    const isAsked = type !== undefined && (type.low !== 0 || type.high !== MOST || type.negated);
    return isAsked ? { type } : {};
  },
  print: ({ type }) => (type ? negatable(type.negated, '--mh-type', rangeText(type)) : []),
  list({ type }, { numeric }) {
    if (type === undefined) return 'mh';
    const show = (number: number) => (numeric ? undefined : TYPES[number]?.[0]) ?? `${number}`;
    const { low, high, negated } = type;
    return `mh ${negated ? '!' : ''}${low === high ? show(low) : `${show(low)}:${show(high)}`}`;
  },
};
