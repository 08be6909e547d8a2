// `-m srh`: the segment routing header (RFC 8754). Kernel: net/ipv6/netfilter/ip6t_srh.c, revision 1.

import { formatAny } from '../../base/address.ts';
import type { MatchExtension, OptionSpec } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { type HostPrefix, hostPrefix } from '../values/host-prefix.ts';
import { uint8, uint16 } from '../values/integer.ts';

/** One field of the header compared with a number. */
interface FieldTest {
  /** Without `--srh-`. */
  readonly name: string;
  readonly value: number;
  readonly negated: boolean;
}

/** The previous, next or last segment is in a network. */
interface SegmentTest {
  readonly name: string;
  readonly value: HostPrefix;
  readonly negated: boolean;
}

export interface SrhData {
  /** In the order in which they are printed. */
  readonly fields: readonly FieldTest[];
  readonly segments: readonly SegmentTest[];
}

/** Fields that may be compared in three ways; there is room for one number for each field, whatever the ways. */
const COMPARED: readonly (readonly [name: string, about: string])[] = [
  ['hdr-len', 'length of the header'],
  ['segs-left', 'segments left'],
  ['last-entry', 'last entry'],
];

const WAYS: readonly (readonly [name: string, about: string])[] = [
  ['eq', 'is'],
  ['gt', 'is more than'],
  ['lt', 'is less than'],
];

const FIELDS: readonly OptionSpec[] = [
  { name: '--srh-next-hdr', values: [uint8], negatable: true, about: 'next header' },
  ...COMPARED.flatMap(([field, what]) =>
    WAYS.map(([way, how]) => ({
      ...{ name: `--srh-${field}-${way}`, values: [uint8], negatable: true, about: `${what} ${how}` },
    })),
  ),
  { name: '--srh-tag', values: [uint16], negatable: true, about: 'tag' },
];

const SEGMENTS: readonly OptionSpec[] = [
  { name: '--srh-psid', values: [hostPrefix], negatable: true, about: 'previous segment' },
  { name: '--srh-nsid', values: [hostPrefix], negatable: true, about: 'next segment' },
  { name: '--srh-lsid', values: [hostPrefix], negatable: true, about: 'last segment' },
];

export const srh: MatchExtension<SrhData> = {
  kind: 'match',
  name: 'srh',
  families: ['ipv6'],
  about: 'segment routing header',
  options: [...FIELDS, ...SEGMENTS],

  build(options) {
    const find = (spec: OptionSpec) => useOf(options, spec.name);
    const fields = FIELDS.flatMap((spec): FieldTest[] => {
      const use = find(spec);
      if (use === undefined) return [];
      // The number given last for a field is the one that all its comparisons use.
      const field = COMPARED.find(([name]) => spec.name.startsWith(`--srh-${name}-`))?.[0];
      const last = field ? options.findLast(({ name }) => name.startsWith(`--srh-${field}-`))! : use;
      return [{ name: spec.name.slice('--srh-'.length), value: last.values[0] as number, negated: use.negated }];
    });
    const segments = SEGMENTS.flatMap((spec): SegmentTest[] => {
      const use = find(spec);
      if (use === undefined) return [];
      return [{ name: spec.name.slice('--srh-'.length), value: use.values[0] as HostPrefix, negated: use.negated }];
    });
    return { fields, segments };
  },

  print: ({ fields, segments }) => [
    ...fields.flatMap(({ name, value, negated }) => negatable(negated, `--srh-${name}`, `${value}`)),
    ...segments.flatMap(({ name, value, negated }) => negatable(negated, `--srh-${name}`, text(value))),
  ],

  list: ({ fields, segments }) =>
    [
      'srh',
      ...fields.map(({ name, value, negated }) => `${name}:${negated ? '!' : ''}${value}`),
      ...segments.map(({ name, value, negated }) => `${name} ${negated ? '!' : ''} ${text(value)}`),
    ].join(' '),
};

function text({ address, length }: HostPrefix): string {
  return `${formatAny(address)}/${length}`;
}
