// `-m policy`: the IPsec policy that a packet came under or will leave under. Kernel: net/netfilter/xt_policy.c.

import type { BuiltinChain } from '../../base/hooks.ts';
import {
  ExtensionError,
  type ListContext,
  type MatchExtension,
  type OptionSpec,
  type OptionUse,
  type ValueType,
} from '../extension.ts';
import { hex, negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { choice } from '../values/choice.ts';
import { formatHostPrefix, type HostPrefix, hostPrefix } from '../values/host-prefix.ts';
import { uint32 } from '../values/integer.ts';
import { protocol } from '../values/protocol.ts';
import { text } from '../values/text.ts';

type Mode = 'transport' | 'tunnel';

interface Condition<T> {
  readonly value: T;
  readonly negated: boolean;
}

/** One transformation of a policy. */
export interface PolicyElement {
  readonly reqid?: Condition<number>;
  readonly spi?: Condition<number>;
  readonly proto?: Condition<number>;
  readonly mode?: Condition<Mode>;
  readonly 'tunnel-dst'?: Condition<HostPrefix>;
  readonly 'tunnel-src'?: Condition<HostPrefix>;
}

export interface PolicyData {
  readonly direction: 'in' | 'out';
  readonly policy: 'ipsec' | 'none';
  /** The elements are the whole policy, in order; else the one given is among its elements. */
  readonly strict: boolean;
  /** None for policy `none`, one at least for `ipsec`. */
  readonly elements: readonly PolicyElement[];
}

type Shown = Pick<ListContext, 'family' | 'numeric' | 'names'>;

/** In the order in which iptables prints them. */
const FIELDS: readonly (readonly [field: keyof PolicyElement, show: (value: never, context: Shown) => string])[] = [
  ['reqid', String],
  ['spi', (value: number) => hex(value)],
  ['proto', (value: number, { numeric, names }) => (numeric ? undefined : names.protocolName(value)) ?? `${value}`],
  ['mode', String],
  ['tunnel-dst', (value: HostPrefix, { family }) => formatHostPrefix(value, family)],
  ['tunnel-src', (value: HostPrefix, { family }) => formatHostPrefix(value, family)],
];

/** XT_POLICY_MAX_ELEM in include/uapi/linux/netfilter/xt_policy.h. */
const MOST_ELEMENTS = 4;

/** Where packets are still to be transformed, and where they have been: a policy of the other direction is refused. */
const INCOMING: readonly BuiltinChain[] = ['PREROUTING', 'INPUT'];
const OUTGOING: readonly BuiltinChain[] = ['POSTROUTING', 'OUTPUT'];

/** ah, esp and ipcomp. */
const PROTOCOLS = [51, 50, 108];

const direction = choice(['in', 'out'], (text) => `policy_match: invalid dir "${text}"`);
const policyKind = choice(['none', 'ipsec'], (text) => `policy match: invalid policy "${text}"`);
const mode = text({}, 'transport|tunnel');

/** An option that each element has once, and what iptables asks of its value after that. */
function ofElement(name: string, value: ValueType, about: string, check?: (value: unknown) => void): OptionSpec {
  return {
    ...{ name, values: [value], negatable: true, repeatable: true, about },
    atOnce({ values }, earlier) {
      const element = earlier.slice(earlier.findLastIndex((use) => use.name === '--next') + 1);
      if (isGiven(element, name)) refuse('repeated-option', `double ${name} option`);
      check?.(values[0]);
    },
  };
}

function checkProtocol(number: unknown): void {
  if (!PROTOCOLS.includes(number as number)) refuse('bad-value', 'protocol must be ah/esp/ipcomp');
}

function checkMode(mode: unknown): void {
  if (mode !== 'transport' && mode !== 'tunnel') refuse('bad-value', `invalid mode "${mode}"`);
}

function refuse(code: ExtensionError['code'], message: string, option?: string): never {
  throw new ExtensionError(code, `policy match: ${message}`, option);
}

export const policy: MatchExtension<PolicyData> = {
  kind: 'match',
  name: 'policy',
  about: 'IPsec policy of the packet',
  options: [
    { name: '--dir', values: [direction], about: 'the policy it came under (in) or will leave under (out)' },
    { name: '--pol', values: [policyKind], about: 'whether there is one; ipsec where it is not given' },
    { name: '--strict', values: [], about: 'the elements given are all of the policy' },
    ofElement('--reqid', uint32, 'request id of the element'),
    ofElement('--spi', uint32, 'security parameter index'),
    ofElement('--tunnel-src', hostPrefix, 'source of the tunnel'),
    ofElement('--tunnel-dst', hostPrefix, 'destination of the tunnel'),
    ofElement('--proto', protocol, 'ah, esp or ipcomp', checkProtocol),
    ofElement('--mode', mode, 'whether the whole packet is wrapped', checkMode),
    {
      ...{ name: '--next', values: [], repeatable: true, also: ['--strict'] },
      about: 'what follows is the next element',
      atOnce(_use, earlier) {
        const before = earlier.filter(({ name }) => name === '--next').length;
        if (before === MOST_ELEMENTS - 1) refuse('bad-value', 'maximum policy depth reached');
      },
    },
  ],

  precheck: (options) => checkPolicy(read(options)),

  build(options) {
    const { direction, policy, strict, elements } = read(options);
    return { direction: direction!, policy, strict, elements: policy === 'none' ? [] : elements };
  },

  check({ direction }, { chains }) {
    const wrong = chains.find((chain) => (direction === 'in' ? OUTGOING : INCOMING).includes(chain));
    return wrong && `in ${wrong} packets have no policy of \`--dir ${direction}'`;
  },

  print(data, { family, names }) {
    const context = { family, names, numeric: false };
    const elements = data.elements.map((element) => elementWords(element, '--', context));
    return [...flagWords(data, '--'), ...elements.flatMap((words, i) => (i === 0 ? words : ['--next', ...words]))];
  },

  list(data, context) {
    const elements = data.elements.map((element) => elementWords(element, '', context));
    const numbered = elements.flatMap((words, i) => (elements.length > 1 ? [`[${i}]`, ...words] : words));
    return ['policy match', ...flagWords(data, ''), ...numbered].join(' ');
  },
};

type Given = Omit<PolicyData, 'direction'> & { readonly direction: 'in' | 'out' | undefined };

/** The options in order: each `--next` begins a further element. */
function read(options: readonly OptionUse[]): Given {
  const value = (name: string) => useOf(options, name)?.values[0];
  const elements: PolicyElement[] = [{}];
  for (const { name, values, negated } of options) {
    const field = FIELDS.find(([each]) => `--${each}` === name)?.[0];
    if (name === '--next') elements.push({});
    else if (field !== undefined) {
      elements[elements.length - 1] = { ...elements.at(-1), [field]: { value: values[0], negated } };
    }
  }
  return {
    direction: value('--dir') as 'in' | 'out' | undefined,
    policy: (value('--pol') as PolicyData['policy'] | undefined) ?? 'ipsec',
    strict: isGiven(options, '--strict'),
    elements,
  };
}

function checkPolicy({ direction, policy, strict, elements }: Given): void {
  if (direction === undefined) refuse('missing-option', 'neither --dir in nor --dir out specified');
  if (policy === 'none') {
    if (strict) refuse('excluded-option', 'policy none but --strict given', '--strict');
    if (elements.length > 1) refuse('excluded-option', 'policy none but policy given', '--next');
    return;
  }
  for (const [i, element] of elements.entries()) {
    if (strict && Object.keys(element).length === 0) {
      const needed = 'reqid, spi, tunnel-src, tunnel-dst, proto or mode';
      const strictly = `--strict is in effect, but at least one of ${needed} is required.`;
      refuse('missing-option', `empty policy element ${i}. ${strictly}`);
    }
    const hasTunnel = element['tunnel-src'] ?? element['tunnel-dst'];
    const { value, negated } = element.mode ?? { value: 'transport', negated: false };
    if (hasTunnel && (value === 'tunnel') === negated) {
      refuse('excluded-option', '--tunnel-src/--tunnel-dst is only valid in tunnel mode');
    }
  }
}

function flagWords({ direction, policy, strict }: PolicyData, prefix: string): readonly string[] {
  return [`${prefix}dir`, direction, `${prefix}pol`, policy, ...(strict ? [`${prefix}strict`] : [])];
}

function elementWords(element: PolicyElement, prefix: string, context: Shown): readonly string[] {
  return FIELDS.flatMap(([field, show]) => {
    const condition = element[field];
    if (condition === undefined) return [];
    return negatable(condition.negated, `${prefix}${field}`, show(condition.value as never, context));
  });
}
