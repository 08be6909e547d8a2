// `-m rateest`: compares what rate estimators (target RATEEST) have measured. Kernel: net/netfilter/xt_rateest.c.

import { type MatchExtension, type OptionSpec, ValueError, type ValueType } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { keptText } from '../values/kept-text.ts';
import { scanNumber } from '../values/scan.ts';
import { bitsText, byteRate, exactBitsText } from './rateest-rate.ts';

type Comparison = 'lt' | 'gt' | 'eq';

/** What is compared, each rate 0 where none is given. */
interface Compared {
  readonly first: number;
  readonly second: number;
}

export interface RateestData {
  readonly name: string;
  /** The second estimator; absent where rates are given. */
  readonly other?: string;
  /** Compares how much the rates are below those given. */
  readonly delta: boolean;
  /** Bytes a second. */
  readonly bytes?: Compared;
  /** Packets a second. */
  readonly packets?: Compared;
  readonly comparison?: Comparison;
  readonly negated: boolean;
}

/** Bytes of an estimator's name (IFNAMSIZ, with the final zero). */
const NAME_SIZE = 16;

const name = keptText(NAME_SIZE - 1, 0, 'name');

const packetRate: ValueType<number> = {
  placeholder: 'number',
  parse(text) {
    const number = scanNumber(text, 0n, 0xffffffffn);
    if (number?.rest === '') return Number(number.value);
    throw new ValueError(`rateest: could not parse pps \`${text}'`);
  },
};

function messages(option: string, what: string): NonNullable<OptionSpec['messages']> {
  return { repeated: `rateest: can't specify ${option} twice`, negated: `rateest: ${what} can't be inverted` };
}

function estimator(number: 1 | 2, aliases: readonly string[], about: string): OptionSpec {
  const option = `--rateest${number}`;
  return { name: option, aliases, values: [name], messages: messages(option, 'rateest'), about };
}

function rate(kind: 'bps' | 'pps', number: 1 | 2, about: string): OptionSpec {
  const option = `--rateest-${kind}${number}`;
  const aliases = number === 2 ? [`--rateest-${kind}`] : [];
  const optional = kind === 'bps' ? byteRate : packetRate;
  return { name: option, aliases, values: [], optional, messages: messages(option, `rateest-${kind}`), about };
}

function comparison(which: Comparison, about: string): OptionSpec {
  const repeated = "rateest: can't specify lt/gt/eq twice";
  return { name: `--rateest-${which}`, values: [], negatable: true, messages: { repeated }, about };
}

export const rateest: MatchExtension<RateestData> = {
  kind: 'match',
  name: 'rateest',
  about: 'compares measured rates with each other or with given ones',
  options: [
    estimator(1, ['--rateest'], 'the estimator'),
    estimator(2, [], 'the estimator it is compared with'),
    rate('bps', 1, 'compares bits a second, by how much they are below this where there is --rateest-delta'),
    rate('pps', 1, 'likewise packets a second'),
    rate('bps', 2, 'compares bits a second, with this where there is no second estimator'),
    rate('pps', 2, 'likewise packets a second'),
    {
      ...{ name: '--rateest-delta', values: [], messages: messages('--rateest-delta', 'rateest-delta') },
      about: 'compares differences to the given rates',
    },
    comparison('lt', 'matches if it is less'),
    comparison('gt', 'matches if it is more'),
    comparison('eq', 'matches if it is the same'),
  ],

  build(uses) {
    const given = uses.filter(({ name }) => /^--rateest-(lt|gt|eq)$/.test(name));
    const compared = (kind: 'bps' | 'pps'): Compared | undefined => {
      const [first, second] = [`--rateest-${kind}1`, `--rateest-${kind}2`] as const;
      if (!isGiven(uses, first) && !isGiven(uses, second)) return undefined;
      return { first: firstValue<number>(uses, first) ?? 0, second: firstValue<number>(uses, second) ?? 0 };
    };
    const [bytes, packets] = [compared('bps'), compared('pps')];
    const other = firstValue<string>(uses, '--rateest2');
    const last = given.at(-1)?.name.slice('--rateest-'.length) as Comparison | undefined;
    return {
      name: firstValue<string>(uses, '--rateest1') ?? '',
      ...(other !== undefined && { other }),
      delta: isGiven(uses, '--rateest-delta'),
      ...(bytes && { bytes }),
      ...(packets && { packets }),
      ...(last && { comparison: last }),
      negated: given.some((use) => use.negated),
    };
  },

  check({ name, other, bytes, packets, comparison }) {
    if (comparison === undefined) return 'nothing says how to compare';
    if (bytes === undefined && packets === undefined) return 'neither bits nor packets are compared';
    if (name !== '' && other !== '') return undefined;
    return { message: 'an estimator has no name', reason: 'No chain/target/match by that name' };
  },

  print(data) {
    const { name, other, delta, bytes, packets } = data;
    const words = delta ? ['--rateest-delta'] : [];
    words.push(other === undefined ? '--rateest' : '--rateest1', bareText(name));
    if (bytes) words.push(...printRates(data, 'bps', exactBitsText(bytes.first), exactBitsText(bytes.second)));
    if (packets) words.push(...printRates(data, 'pps', `${packets.first}`, `${packets.second}`));
    if (other !== undefined) words.push('--rateest2', bareText(other));
    return words;
  },

  list(data, { numeric }) {
    const { name, other, delta, bytes, packets } = data;
    const show = (rate: number) => (numeric ? `${rate}` : bitsText(rate));
    const mode = modeWords(data, '');
    const isAbsolute = other === undefined;
    const words = ['rateest match', name, ...(delta ? ['delta'] : [])];
    if (bytes) {
      words.push('bps', ...(delta ? [show(bytes.first)] : []), ...(isAbsolute ? [show(bytes.second), ...mode] : []));
    }
    if (packets) {
      words.push('pps', ...(delta ? [`${packets.first}`] : []));
      if (isAbsolute) words.push(...mode, `${packets.second}`);
    }
    if (!isAbsolute) {
      words.push(...mode, other);
      if (bytes) words.push('bps', ...(delta ? [show(bytes.second)] : []));
      if (packets) words.push('pps', ...(delta ? [`${packets.second}`] : []));
    }
    return words.join(' ');
  },
};

function modeWords({ comparison, negated }: RateestData, prefix: string): string[] {
  return [...(negated ? ['!'] : []), ...(comparison === undefined ? [] : [`${prefix}${comparison}`])];
}

function printRates(data: RateestData, kind: 'bps' | 'pps', first: string, second: string): string[] {
  const mode = modeWords(data, '--rateest-');
  const known = data.delta || data.other === undefined ? [second] : [];
  if (data.delta) return [`--rateest-${kind}1`, first, ...mode, `--rateest-${kind}2`, ...known];
  return [...mode, `--rateest-${kind}`, ...known];
}
