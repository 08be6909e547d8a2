// `-m dccp`: ports, packet types and options of DCCP (RFC 4340). Kernel: net/netfilter/xt_dccp.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { bareText } from '../quote.ts';
import { asciiUpper } from '../values/choice.ts';
import { integer } from '../values/integer.ts';
import { resolvedPorts } from '../values/resolved-port.ts';
import { buildKeptPorts, type KeptPorts, listKeptPorts, printKeptPorts } from './ports.ts';

export interface DccpData extends KeptPorts {
  readonly types?: { readonly mask: number; readonly negated: boolean };
  readonly option?: { readonly number: number; readonly negated: boolean };
}

/** By number; INVALID stands for all types from its own on. */
const TYPES = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
  'INVALID',
];
const INVALID = 10;
const INVALID_TYPES = 0xfc00;

/** A bit for each type, the lowest for type 0. */
const types: ValueType<number> = {
  placeholder: 'type[,type…]',
  parse: (text) =>
    text
      .split(',')
      .filter((name) => name !== '')
      .reduce((mask, name) => {
        const type = TYPES.indexOf(asciiUpper(name));
        if (type < 0) throw new ValueError(`Unknown DCCP type \`${name}'`);
        return mask | (type === INVALID ? INVALID_TYPES : 1 << type);
      }, 0),
};

export const dccp: MatchExtension<DccpData> = {
  kind: 'match',
  name: 'dccp',
  about: 'ports, packet types and options of DCCP',
  protocols: [33],
  options: [
    {
      ...{ name: '--source-port', aliases: ['--sport'], values: [resolvedPorts], negatable: true },
      about: 'source port or range',
    },
    {
      ...{ name: '--destination-port', aliases: ['--dport'], values: [resolvedPorts], negatable: true },
      about: 'destination port or range',
    },
    { name: '--dccp-types', values: [types], negatable: true, about: 'the packet is of one of these types' },
    { name: '--dccp-option', values: [integer(255, 1)], negatable: true, about: 'the option of that number is there' },
  ],

  build(options) {
    const [byType, byOption] = ['--dccp-types', '--dccp-option'].map((name) => {
      const use = options.find((each) => each.name === name);
      return use && { value: use.values[0] as number, negated: use.negated };
    });
    return {
      ...buildKeptPorts(options),
      ...(byType && { types: { mask: byType.value, negated: byType.negated } }),
      ...(byOption && { option: { number: byOption.value, negated: byOption.negated } }),
    };
  },

  print(data) {
    const { types, option } = data;
    return [
      ...printKeptPorts(data),
      ...(types ? negatable(types.negated, '--dccp-types', bareText(typeNames(types.mask))) : []),
      ...(option ? negatable(option.negated, '--dccp-option', `${option.number}`) : []),
    ];
  },

  list(data, context) {
    const { types, option } = data;
    const show = context.numeric ? typeNumbers : typeNames;
    const shown = types ? `${types.negated ? ' !' : ''} ${show(types.mask)}` : '';
    const shownOption = option ? ` option=${option.negated ? '!' : ''}${option.number}` : '';
    return `dccp${listKeptPorts(data, 'dccp', context)}${shown}${shownOption}`;
  },
};

function typeNames(mask: number): string {
  return TYPES.filter((_, type) => mask & (1 << type)).join(',');
}

function typeNumbers(mask: number): string {
  return Array.from({ length: 16 }, (_, type) => type)
    .filter((type) => mask & (1 << type))
    .join(',');
}
