// `-j CT`, `-j NOTRACK`: how connection tracking takes the packet. Kernel: net/netfilter/xt_CT.c, revision 2.

import { parseValue } from '../../../grammar/parse.ts';
import type { Family } from '../../base/family.ts';
import { type CheckContext, type OptionUse, type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { keptText } from '../values/kept-text.ts';

export interface CtData {
  readonly notrack: boolean;
  /** Empty for none, as the other text and the lists. */
  readonly helper: string;
  readonly timeout: string;
  /** In the order of `EVENTS`. */
  readonly events: readonly string[];
  readonly expectationEvents: readonly string[];
  /** Absent for zone 0, which all packets are in. */
  readonly zone?: Zone;
}

interface Zone {
  /** 1–65535, or what the packet's mark says. */
  readonly id: number | 'mark';
  /** Absent for both. */
  readonly direction?: 'orig' | 'reply';
}

/** What the kernel keeps of names, in bytes (include/uapi/linux/netfilter/xt_CT.h, less the final zero). */
const HELPER_LIMIT = 15;
const TIMEOUT_LIMIT = 31;

const EVENTS = [
  ...['new', 'related', 'destroy', 'reply', 'assured'],
  ...['protoinfo', 'helper', 'mark', 'natseqinfo', 'secmark'],
];

/** Protocols and families of the helpers that come with the kernel (net/netfilter/nf_conntrack_*.c). */
const HELPERS: ReadonlyMap<string, { readonly protocols: readonly number[]; readonly family?: Family }> = new Map([
  ['amanda', { protocols: [17] }],
  ['ftp', { protocols: [6] }],
  // Its kind is known only from within calls.
  ['H.245', { protocols: [] }],
  ['irc', { protocols: [6], family: 'ipv4' }],
  ['netbios-ns', { protocols: [17], family: 'ipv4' }],
  ['pptp', { protocols: [6], family: 'ipv4' }],
  ['Q.931', { protocols: [6] }],
  ['RAS', { protocols: [17] }],
  ['sane', { protocols: [6] }],
  ['sip', { protocols: [6, 17] }],
  ['snmp', { protocols: [17], family: 'ipv4' }],
  ['tftp', { protocols: [17] }],
]);

function events(known: readonly string[]): ValueType<readonly string[]> {
  return {
    placeholder: 'event[,event…]',
    parse(text) {
      const parsed = parseValue('words', text);
      const given = parsed.ok ? parsed.node : [text];
      const unknown = given.find((name) => !known.includes(name));
      if (unknown !== undefined) throw new ValueError(`Unknown event type "${unknown}"`);
      return known.filter((name) => given.includes(name));
    },
  };
}

const zone: ValueType<number | 'mark'> = {
  placeholder: 'number|mark',
  parse(text) {
    if (text.toLowerCase() === 'mark') return 'mark';
    const parsed = parseValue('integer', text);
    if (parsed.ok && parsed.node <= 0xffffn) return Number(parsed.node);
    throw new ValueError(`Cannot parse ${text} as a zone ID`);
  },
};

export const ct: TargetExtension<CtData> = {
  kind: 'target',
  name: 'CT',
  about: 'says how connection tracking is to take the packet',
  options: [
    { name: '--notrack', values: [], about: 'not at all' },
    { name: '--helper', values: [keptText(HELPER_LIMIT, 0, 'name')], about: 'with this helper' },
    { name: '--timeout', values: [keptText(TIMEOUT_LIMIT, 0, 'name')], about: 'with this timeout policy' },
    { name: '--ctevents', values: [events(EVENTS)], about: "reports only these of the connection's events" },
    { name: '--expevents', values: [events(['new'])], about: 'reports only these events of expectations' },
    { name: '--zone-orig', values: [zone], about: 'in this zone, in the direction of the first packet' },
    { name: '--zone-reply', values: [zone], about: 'in this zone, in the other direction' },
    { name: '--zone', values: [zone], about: 'in this zone' },
  ],
  tables: ['raw'],

  build(options) {
    const zone = zoneOf(options);
    return {
      notrack: isGiven(options, '--notrack'),
      helper: firstValue<string>(options, '--helper') ?? '',
      timeout: firstValue<string>(options, '--timeout') ?? '',
      events: firstValue<readonly string[]>(options, '--ctevents') ?? [],
      expectationEvents: firstValue<readonly string[]>(options, '--expevents') ?? [],
      ...(zone && { zone }),
    };
  },

  check({ notrack, helper, timeout }, { family, protocol, protocolNegated }: CheckContext) {
    if (notrack || (helper === '' && timeout === '')) return undefined;
    // The kernel answers ENOENT where it looks for a helper, EINVAL where it looks for a timeout policy.
    const noHelper = (message: string) => ({ message, reason: 'No chain/target/match by that name' });
    if (protocol === 0 || protocolNegated) {
      const message = `CT takes ${helper === '' ? 'a timeout policy' : 'a helper'} only where the rule names a protocol`;
      return helper === '' ? message : noHelper(message);
    }
    // A name that the kernel does not have may be that of a helper in user space.
    const known = HELPERS.get(helper);
    if (known === undefined) return undefined;
    const fits = known.protocols.includes(protocol) && (known.family ?? family) === family;
    return fits ? undefined : noHelper(`the kernel has no helper ${helper} for this protocol`);
  },

  print: (data) => wordsOf(data, '--'),
  list: (data) => ['CT', ...wordsOf(data, '')].join(' '),
};

/** iptables collects what each of the options says: the mark stays, the number is the last one. */
function zoneOf(options: readonly OptionUse[]): Zone | undefined {
  const zones = options.filter(({ name }) => name.startsWith('--zone'));
  const isMark = zones.some(({ values }) => values[0] === 'mark');
  const id = isMark ? 'mark' : ((zones.at(-1)?.values[0] as number | undefined) ?? 0);
  if (id === 0) return undefined;
  const [original, reply] = [isGiven(zones, '--zone-orig'), isGiven(zones, '--zone-reply')];
  return original === reply ? { id } : { id, direction: original ? 'orig' : 'reply' };
}

function wordsOf(data: CtData, dashes: string): string[] {
  const name = dashes === '' ? (text: string) => text : bareText;
  const words = data.notrack ? [`${dashes}notrack`] : [];
  if (data.helper !== '') words.push(`${dashes}helper`, name(data.helper));
  if (data.timeout !== '') words.push(`${dashes}timeout`, name(data.timeout));
  if (data.events.length > 0) words.push(`${dashes}ctevents`, data.events.join(','));
  if (data.expectationEvents.length > 0) words.push(`${dashes}expevents`, data.expectationEvents.join(','));
  if (data.zone !== undefined) {
    const { id, direction } = data.zone;
    words.push(`${dashes}zone${direction === undefined ? '' : `-${direction}`}`, `${id}`);
  }
  return words;
}

/** The same as `-j CT --notrack`, and for the kernel a CT as well: -L says so. */
export const notrack: TargetExtension<null> = {
  kind: 'target',
  name: 'NOTRACK',
  listedAs: 'CT',
  about: 'keeps the packet out of connection tracking',
  options: [],
  tables: ['raw'],
  build: () => null,
  print: () => [],
  list: () => 'NOTRACK',
};
