// `-m statistic`: matches by chance, or every nth packet. Kernel: net/netfilter/xt_statistic.c.

import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { firstValue } from '../uses.ts';
import { choice } from '../values/choice.ts';
import { decimal, integer } from '../values/integer.ts';

export type StatisticData = { readonly negated: boolean } & (
  | {
      readonly mode: 'random';
      /** In 1/2³¹: 0x80000000 is always. */
      readonly probability: number;
    }
  | {
      readonly mode: 'nth';
      readonly every: number;
      /** The packet of each round that matches, counted from 0. */
      readonly packet: number;
    }
);

const ONE = 0x80000000;

const mode = choice(['random', 'nth'], (text) => `Bad mode "${text}"`);

const options: MatchExtension['options'] = [
  { name: '--mode', values: [mode], required: true, about: 'by chance or by number' },
  {
    name: '--probability',
    values: [decimal(0, 1, 'probability')],
    negatable: true,
    excludes: ['--every', '--packet'],
    about: 'how likely a packet matches, 0 to 1',
  },
  {
    name: '--every',
    values: [integer(0xffffffff, 1)],
    negatable: true,
    excludes: ['--probability'],
    also: ['--packet'],
    about: 'one packet of so many matches',
  },
  {
    name: '--packet',
    values: [integer(0xffffffff)],
    excludes: ['--probability'],
    also: ['--every'],
    about: 'which of them it is, counted from 0',
  },
];

export const statistic: MatchExtension<StatisticData> = {
  kind: 'match',
  name: 'statistic',
  about: 'matches by chance, or every nth packet',
  options,

  precheck(uses) {
    const { mode, probability, every, packet } = read(uses);
    if (mode === 'random' && probability === undefined) {
      throw new ExtensionError('missing-option', '--probability must be specified when using random mode');
    }
    if (mode === 'nth' && every === undefined && packet === undefined) {
      throw new ExtensionError('missing-option', '--every and --packet must be specified when using nth mode');
    }
    // Probability and round share their place, in which the option given last is.
    const last = uses.findLast(({ name }) => name === '--every' || name === '--probability');
    const most = last === undefined ? 0 : last.name === '--every' ? every! - 1 : probability!;
    if ((packet ?? 0) > most) {
      throw new ExtensionError('bad-value', 'the --packet p must be 0 <= p <= n-1', '--packet');
    }
  },

  build(uses) {
    const { mode, probability, every, packet } = read(uses);
    const negated = uses.some((use) => use.negated);
    return mode === 'random'
      ? { mode, probability: probability!, negated }
      : { mode, every: every!, packet: packet!, negated };
  },

  print(data) {
    const not = data.negated ? ['!'] : [];
    if (data.mode === 'random') return ['--mode', 'random', ...not, '--probability', fraction(data.probability)];
    return ['--mode', 'nth', ...not, '--every', `${data.every}`, '--packet', `${data.packet}`];
  },

  list(data) {
    const not = data.negated ? ' !' : '';
    if (data.mode === 'random') return `statistic mode random${not} probability ${fraction(data.probability)}`;
    return `statistic mode nth${not} every ${data.every}${data.packet === 0 ? '' : ` packet ${data.packet}`}`;
  },
};

function read(uses: readonly OptionUse[]) {
  const chance = firstValue<number>(uses, '--probability');
  return {
    mode: firstValue<'random' | 'nth'>(uses, '--mode') ?? 'random',
    // What is no number counts for nothing.
    probability: chance === undefined ? undefined : Math.round((chance || 0) * ONE),
    every: firstValue<number>(uses, '--every'),
    packet: firstValue<number>(uses, '--packet'),
  };
}

/** Eleven decimals; where the rest is just a half, to the even neighbour as printf(3) rounds. */
function fraction(probability: number): string {
  const scaled = BigInt(probability) * 10n ** 11n;
  const unit = BigInt(ONE);
  const [whole, twice] = [scaled / unit, (scaled % unit) * 2n];
  const up = twice > unit || (twice === unit && whole % 2n === 1n);
  const digits = `${whole + (up ? 1n : 0n)}`.padStart(12, '0');
  return `${digits.slice(0, -11)}.${digits.slice(-11)}`;
}
