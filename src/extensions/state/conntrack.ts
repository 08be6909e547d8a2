// `-m conntrack`: what connection tracking knows of a packet's connection. Kernel: net/netfilter/xt_conntrack.c.

import type { Interval } from '../../base/intervals.ts';
import {
  ExtensionError,
  type ListContext,
  type MatchExtension,
  type OptionSpec,
  type OptionUse,
} from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { choiceAnyCase } from '../values/choice.ts';
import { type HostPrefix, hostPrefix, listHostPrefix } from '../values/host-prefix.ts';
import { endsOf, type Integers, integers } from '../values/integer.ts';
import { protocol } from '../values/protocol.ts';
import { resolvedPorts } from '../values/resolved-port.ts';
import { conntrackClauses, conntrackUnsupported } from './connection-clauses.ts';
import { matchConntrack } from './connection-matches.ts';
import { type ConnectionState, type ConnectionStatus, statuses, trackedStates } from './connection-states.ts';

export interface Condition<T> {
  readonly value: T;
  readonly negated: boolean;
}

export interface ConntrackData {
  readonly state?: Condition<readonly ConnectionState[]>;
  readonly protocol?: Condition<number>;
  readonly originalSource?: Condition<HostPrefix>;
  readonly originalDestination?: Condition<HostPrefix>;
  readonly replySource?: Condition<HostPrefix>;
  readonly replyDestination?: Condition<HostPrefix>;
  readonly originalSourcePort?: Condition<Interval>;
  readonly originalDestinationPort?: Condition<Interval>;
  readonly replySourcePort?: Condition<Interval>;
  readonly replyDestinationPort?: Condition<Interval>;
  /** An empty list is NONE. */
  readonly status?: Condition<readonly ConnectionStatus[]>;
  /** Seconds, both ends included. */
  readonly expires?: Condition<Interval>;
  readonly direction?: Condition<Direction>;
}

type Direction = 'ORIGINAL' | 'REPLY';

type Field = keyof ConntrackData;

type Shown = Pick<ListContext, 'family' | 'numeric'>;

/** Every condition in the order in which iptables-save prints them, with its option and how its value is shown. */
const FIELDS: readonly (readonly [field: Field, option: string, show: (value: never, context: Shown) => string])[] = [
  ['state', '--ctstate', (value: readonly string[]) => value.join(',')],
  ['protocol', '--ctproto', String],
  ['originalSource', '--ctorigsrc', showAddress],
  ['originalDestination', '--ctorigdst', showAddress],
  ['replySource', '--ctreplsrc', showAddress],
  ['replyDestination', '--ctrepldst', showAddress],
  ['originalSourcePort', '--ctorigsrcport', showPorts],
  ['originalDestinationPort', '--ctorigdstport', showPorts],
  ['replySourcePort', '--ctreplsrcport', showPorts],
  ['replyDestinationPort', '--ctrepldstport', showPorts],
  ['status', '--ctstatus', (value: readonly string[]) => (value.length === 0 ? 'NONE' : value.join(','))],
  ['expires', '--ctexpire', ({ low, high }: Interval) => (low === high ? `${low}` : `${low}:${high}`)],
  ['direction', '--ctdir', String],
];

function showAddress(value: HostPrefix, { family, numeric }: Shown): string {
  return listHostPrefix(value, family, numeric);
}

/** An upper end of 0 is not told from none. */
function showPorts({ low, high }: Interval): string {
  return high === 0 || low === high ? `${low}` : `${low}:${high}`;
}

const direction = choiceAnyCase<Direction>(
  ['ORIGINAL', 'REPLY'],
  (text) => `conntrack: Bad value for "--ctdir" option: "${text}"`,
);

const options: readonly OptionSpec[] = [
  { name: '--ctstate', values: [trackedStates], negatable: true, about: 'the connection is in one of the states' },
  {
    ...{ name: '--ctproto', values: [protocol], negatable: true, about: 'protocol of the connection' },
    atOnce({ values }, earlier) {
      // iptables looks at the wrong flag here: it is the status in front that must not be negated.
      const status = useOf(earlier, '--ctstatus');
      if (values[0] !== 0 || !status?.negated) return;
      throw new ExtensionError('bad-value', 'conntrack: rule would never match protocol');
    },
  },
  { name: '--ctorigsrc', values: [hostPrefix], negatable: true, about: 'source of the first packet' },
  { name: '--ctorigdst', values: [hostPrefix], negatable: true, about: 'destination of the first packet' },
  { name: '--ctreplsrc', values: [hostPrefix], negatable: true, about: 'source of the answers' },
  { name: '--ctrepldst', values: [hostPrefix], negatable: true, about: 'destination of the answers' },
  { name: '--ctorigsrcport', values: [resolvedPorts], negatable: true, about: 'source port of the first packet' },
  { name: '--ctorigdstport', values: [resolvedPorts], negatable: true, about: 'destination port of the first packet' },
  { name: '--ctreplsrcport', values: [resolvedPorts], negatable: true, about: 'source port of the answers' },
  { name: '--ctrepldstport', values: [resolvedPorts], negatable: true, about: 'destination port of the answers' },
  { name: '--ctstatus', values: [statuses], negatable: true, about: 'the connection has one of the marks' },
  { name: '--ctexpire', values: [integers(32, 'seconds[:seconds]')], negatable: true, about: 'time left to it' },
  { name: '--ctdir', values: [direction], about: 'direction of the packet in it' },
];

export const conntrack: MatchExtension<ConntrackData> = {
  kind: 'match',
  name: 'conntrack',
  about: 'what is known of the connection',
  options,
  build: buildConditions,
  print: (data, { family }) => words(data, (option) => option, { family, numeric: true }),
  list: (data, context) => words(data, (option) => option.slice(2), context).join(' '),
  meaning: { clauses: conntrackClauses, matches: matchConntrack, unsupported: conntrackUnsupported },
};

function buildConditions(uses: readonly OptionUse[]): ConntrackData {
  if (uses.length === 0) throw new ExtensionError('missing-option', 'conntrack: At least one option is required');
  const data: { [F in Field]?: Condition<unknown> } = {};
  for (const { name, values, negated } of uses) {
    const field = FIELDS.find(([, option]) => option === name)![0];
    const value = name === '--ctexpire' ? endsOf(values[0] as Integers) : values[0];
    data[field] = { value, negated };
  }
  return data as ConntrackData;
}

function words(data: ConntrackData, label: (option: string) => string, context: Shown): readonly string[] {
  return FIELDS.flatMap(([field, option, show]) => {
    const condition = data[field];
    if (condition === undefined) return [];
    return negatable(condition.negated, label(option), show(condition.value as never, context));
  });
}
