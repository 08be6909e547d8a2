// `-j HMARK`: a mark computed from addresses and ports, the same for all packets of a flow. Kernel:
// net/netfilter/xt_HMARK.c.

import { ADDRESS_BITS, type Family } from '../../base/family.ts';
import { ExtensionError, type OptionUse, type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { hex } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { prefix } from '../values/host-prefix.ts';
import { integer, uint16, uint32 } from '../values/integer.ts';

/** What was given of each setting, by its name in `SETTINGS`. */
export interface HmarkData {
  readonly settings: Readonly<Partial<Record<SettingName, number>>>;
  /** The original direction's addresses are hashed, for both directions. */
  readonly connection: boolean;
}

type SettingName = (typeof SETTINGS)[number]['name'];

/** In the order in which iptables-save prints them; `digits` are those of a hexadecimal number. */
const SETTINGS = [
  { name: 'src-prefix', value: prefix, about: 'bits of the source address that are hashed' },
  { name: 'dst-prefix', value: prefix, about: 'bits of the destination address that are hashed' },
  { name: 'sport-mask', value: uint16, digits: 4, about: 'bits of the source port that are hashed' },
  { name: 'dport-mask', value: uint16, digits: 4, about: 'bits of the destination port that are hashed' },
  { name: 'spi-mask', value: uint32, digits: 8, about: 'bits of the SPI that are hashed' },
  { name: 'sport', value: uint16, digits: 4, about: 'bits that are set in the source port before' },
  { name: 'dport', value: uint16, digits: 4, about: 'bits that are set in the destination port before' },
  { name: 'spi', value: uint32, digits: 8, about: 'bits that are set in the SPI before' },
  { name: 'proto-mask', value: uint16, digits: 2, about: 'bits of the protocol that are hashed' },
  { name: 'rnd', value: uint32, digits: 8, about: 'the seed of the hash' },
  { name: 'mod', value: integer(0xffffffff, 1), about: 'how many different marks there are' },
  { name: 'offset', value: uint32, about: 'the smallest mark' },
] as const satisfies readonly { name: string; value: ValueType<number>; digits?: number; about: string }[];

/** What the words of `--hmark-tuple` stand for; an abbreviation means the first that fits. */
const TUPLE: readonly (readonly [word: string, setting: SettingName | 'ct'])[] = [
  ['ct', 'ct'],
  ['src', 'src-prefix'],
  ['dst', 'dst-prefix'],
  ['sport', 'sport-mask'],
  ['dport', 'dport-mask'],
  ['proto', 'proto-mask'],
  ['spi', 'spi-mask'],
];

const tuple: ValueType<readonly (SettingName | 'ct')[]> = {
  placeholder: 'field[,field…]',
  parse(text) {
    const words = text.split(',');
    return words.map((word, i) => {
      if (word === '' && i === words.length - 1) {
        const example = 'src,dst,sport,dport,proto';
        throw new ValueError(`"--hmark-tuple" requires a list of types with no spaces, e.g. ${example}`);
      }
      const found = word === '' ? undefined : TUPLE.find(([name]) => name.startsWith(word.toLowerCase()));
      if (found === undefined) throw new ValueError(`Bad type "${words.slice(i).join(',')}"`);
      return found[1];
    });
  },
};

const TUPLE_OPTION = '--hmark-tuple';

const settingOf = (name: string): SettingName => name.slice('--hmark-'.length) as SettingName;

/** A tuple in front counts as the options that it stands for; behind them it takes their place. */
function atOnce({ name }: OptionUse, earlier: readonly OptionUse[]): void {
  const tuple = useOf(earlier, TUPLE_OPTION);
  if (!(tuple?.values[0] as readonly string[] | undefined)?.includes(settingOf(name))) return;
  throw new ExtensionError('repeated-option', `HMARK: option "${name}" can only be used once.`, name);
}

export const hmark: TargetExtension<HmarkData> = {
  kind: 'target',
  name: 'HMARK',
  about: 'sets a mark that is the same for all packets of a flow',
  options: [
    { name: TUPLE_OPTION, values: [tuple], about: 'what is hashed' },
    ...SETTINGS.map(({ name, value, about }) => ({ name: `--hmark-${name}`, values: [value], atOnce, about })),
  ],

  precheck: refuseIncomplete,

  build(options, { family }) {
    const settings: Partial<Record<SettingName, number>> = {};
    let connection = false;
    for (const { name, values } of options) {
      if (name === TUPLE_OPTION) {
        const fields = values[0] as readonly (SettingName | 'ct')[];
        connection = fields.includes('ct');
        for (const field of fields) if (field !== 'ct') settings[field] = fullMask(field, family);
      } else settings[settingOf(name)] = values[0] as number;
    }
    refuseContradiction(settings, connection);
    return { settings, connection };
  },

  check({ settings }) {
    const both = settings.spi !== undefined && (settings.sport !== undefined || settings.dport !== undefined);
    return both ? 'HMARK cannot set bits of the SPI and of ports at the same time' : undefined;
  },

  print({ settings, connection }) {
    const words = SETTINGS.flatMap((setting) => {
      const value = settings[setting.name];
      if (value === undefined) return [];
      return [`--hmark-${setting.name}`, 'digits' in setting ? hex(value, setting.digits) : `${value}`];
    });
    return connection ? [...words, '--hmark-tuple', 'ct'] : words;
  },

  /** With the blank that iptables leaves behind each word, and without full prefixes of IPv6, which it forgets. */
  list({ settings, connection }, { family }) {
    const words = ['HMARK', `mod ${settings.mod}`];
    if (settings.offset !== undefined) words.push(`+ ${hex(settings.offset)}`);
    if (connection) words.push('ct,');
    for (const { name } of SETTINGS) {
      const value = settings[name];
      if (value === undefined || name === 'mod' || name === 'offset') continue;
      const isForgotten = name.endsWith('-prefix') && family === 'ipv6' && value === 128;
      words.push(name, isForgotten ? '' : name.endsWith('-prefix') ? `${value}` : hex(value));
    }
    return [...words, ''].join(' ');
  },
};

function fullMask(setting: SettingName, family: Family): number {
  if (setting.endsWith('-prefix')) return ADDRESS_BITS[family];
  return setting === 'spi-mask' ? 0xffffffff : 0xffff;
}

function refuseIncomplete(options: readonly OptionUse[]): void {
  for (const name of ['--hmark-mod', '--hmark-rnd']) {
    if (!isGiven(options, name)) throw new ExtensionError('missing-option', `${name} is mandatory`);
  }
}

function refuseContradiction(settings: HmarkData['settings'], connection: boolean): void {
  const has = (...names: readonly SettingName[]) => names.some((name) => settings[name] !== undefined);
  if (has('spi-mask') && has('sport-mask', 'dport-mask')) {
    const message = 'you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time';
    throw new ExtensionError('excluded-option', message, TUPLE_OPTION);
  }
  const hashed = SETTINGS.map(({ name }) => name).filter((name) => !['rnd', 'mod', 'offset'].includes(name));
  if (!connection && !has(...hashed)) {
    throw new ExtensionError('missing-option', 'you have to specify --hmark-tuple at least');
  }
}
