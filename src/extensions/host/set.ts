// `-m set`: addresses and ports are in a set of ipset(8). Kernel: net/netfilter/xt_set.c.

import { ExtensionError, type MatchExtension, type OptionSpec, type OptionUse } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { bareText } from '../quote.ts';
import { isGiven, useOf } from '../uses.ts';
import { text } from '../values/text.ts';
import { countOf, directions, type Side, setName } from './set-words.ts';

const count = text({}, 'count');

/** How a counter of the element is compared. */
interface CounterCondition {
  readonly comparison: 'eq' | 'ne' | 'lt' | 'gt';
  readonly value: bigint;
}

export interface SetData {
  readonly set: string;
  readonly sides: readonly Side[];
  readonly negated: boolean;
  /** Elements marked `nomatch` match instead of the others. */
  readonly returnNomatch: boolean;
  /** Whether the counters of elements, and of sets that are elements, stay as they are. */
  readonly keepCounters: boolean;
  readonly keepSubcounters: boolean;
  readonly packets?: CounterCondition;
  readonly bytes?: CounterCondition;
}

const counterOptions = (counter: 'packets' | 'bytes'): readonly OptionSpec[] =>
  (['eq', 'lt', 'gt'] as const).map((comparison) => ({
    ...{ name: `--${counter}-${comparison}`, values: [count], repeatable: true, negatable: true },
    atOnce: (use, earlier) => checkCounter(counter, use, earlier),
    about: `the element has counted ${{ eq: 'as many', lt: 'fewer', gt: 'more' }[comparison]} ${counter}`,
  }));

/** At most one condition on each counter; only equality may be negated; then the value is looked at. */
function checkCounter(counter: string, { name, values, negated }: OptionUse, earlier: readonly OptionUse[]): void {
  if (earlier.some((each) => each.name.startsWith(`--${counter}-`))) {
    throw new ExtensionError('repeated-option', `only one of the --${counter}-[eq|lt|gt] is allowed`);
  }
  if (negated && !name.endsWith('-eq')) {
    throw new ExtensionError('bad-negation', `${name} option cannot be inverted`);
  }
  const text = values[0] as string;
  if (countOf(text) === undefined) throw new ExtensionError('bad-value', `Cannot parse ${text} as a counter value`);
}

export const set: MatchExtension<SetData> = {
  kind: 'match',
  name: 'set',
  about: 'addresses and ports are in a set of ipset(8)',
  options: [
    {
      ...{ name: '--match-set', aliases: ['--set'], values: [setName, directions], negatable: true },
      messages: {
        missing: '--match-set requires two args.',
        repeated: '--match-set can be specified only once',
      },
      about: 'the set, and where each part of its elements is looked for',
    },
    {
      ...{ name: '--return-nomatch', values: [], repeatable: true },
      messages: { negated: '--return-nomatch flag cannot be inverted' },
      about: 'elements marked nomatch match instead of the others',
    },
    { name: '--update-counters', values: [], negatable: true, repeatable: true, about: 'elements count (the default)' },
    ...(['packets', 'bytes'] as const).flatMap(counterOptions),
    { name: '--update-subcounters', values: [], negatable: true, repeatable: true, about: 'so do sets in a list' },
  ],

  precheck(options) {
    if (isGiven(options, '--match-set')) return;
    throw new ExtensionError('missing-option', "You must specify `--match-set' with proper arguments");
  },

  build(options) {
    const { values, negated } = useOf(options, '--match-set')!;
    const has = (name: string, wanted: boolean) => options.some((use) => use.name === name && use.negated === wanted);
    const [packets, bytes] = [counterOf(options, 'packets'), counterOf(options, 'bytes')];
    return {
      ...{ set: values[0] as string, sides: values[1] as readonly Side[], negated },
      returnNomatch: has('--return-nomatch', false),
      keepCounters: has('--update-counters', true),
      keepSubcounters: has('--update-subcounters', true),
      ...(packets && { packets }),
      ...(bytes && { bytes }),
    };
  },

  print: (data) => words(data, '--', bareText),
  list: (data) => words(data, '', (name) => name).join(' '),
};

function counterOf(options: readonly OptionUse[], counter: 'packets' | 'bytes'): CounterCondition | undefined {
  const use = options.find(({ name }) => name.startsWith(`--${counter}-`));
  if (use === undefined) return undefined;
  const comparison = use.negated ? 'ne' : (use.name.slice(-2) as 'eq' | 'lt' | 'gt');
  return { comparison, value: countOf(use.values[0] as string)! };
}

function words(data: SetData, prefix: string, showName: (name: string) => string): readonly string[] {
  const counter = (name: string, condition: CounterCondition | undefined): readonly string[] => {
    if (condition === undefined) return [];
    const { comparison, value } = condition;
    const spelled = comparison === 'ne' ? 'eq' : comparison;
    return negatable(comparison === 'ne', `${prefix}${name}-${spelled}`, `${value}`);
  };
  return [
    ...negatable(data.negated, `${prefix}match-set`, showName(data.set), data.sides.join(',')),
    ...(data.returnNomatch ? [`${prefix}return-nomatch`] : []),
    ...(data.keepCounters ? ['!', `${prefix}update-counters`] : []),
    ...(data.keepSubcounters ? ['!', `${prefix}update-subcounters`] : []),
    ...counter('packets', data.packets),
    ...counter('bytes', data.bytes),
  ];
}
