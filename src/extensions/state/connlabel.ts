// `-m connlabel`: the labels of a connection, by number or by their names in /etc/xtables/connlabel.conf.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';

export interface ConnlabelData {
  /** 0 to 65535; the kernel has the first 128. */
  readonly label: number;
  /** Whether the label is put on the connection, too. */
  readonly set: boolean;
  readonly negated: boolean;
}

/** Labels that a connection can have (XT_CONNLABEL_MAXBIT in include/uapi/linux/netfilter/xt_connlabel.h). */
const HIGHEST_LABEL = 127;

const ULONG_MAX = (1n << 64n) - 1n;

const label: ValueType<number> = {
  placeholder: 'label',
  parse(text, { names }) {
    if (text === '') throw new ValueError('Argument must have a minimum length of 1 characters');
    const number = asInt(text) ?? names.connectionLabels?.number(text);
    if (number === undefined) throw new ValueError(`label '${text}' not found or invalid value`);
    return number & 0xffff;
  },
};

/** What strtoul makes of it, as an int; undefined where that is negative or it is no number. */
function asInt(text: string): number | undefined {
  const parts = /^[ \t]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (parts === null) return undefined;
  const digits = parts[2]!;
  const size = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  if (size > ULONG_MAX) return undefined;
  const number = Number(BigInt.asIntN(32, parts[1] === '-' ? -size : size));
  return number < 0 ? undefined : number;
}

export const connlabel: MatchExtension<ConnlabelData> = {
  kind: 'match',
  name: 'connlabel',
  about: 'labels of the connection',
  options: [
    { name: '--label', values: [label], negatable: true, required: true, about: 'the connection has this label' },
    { name: '--set', values: [], about: 'puts the label on the connection' },
  ],

  build(options) {
    const { values, negated } = useOf(options, '--label')!;
    return { label: values[0] as number, set: isGiven(options, '--set'), negated };
  },

  check({ label }) {
    if (label <= HIGHEST_LABEL) return undefined;
    return { message: `there are no labels above ${HIGHEST_LABEL}`, reason: 'Numerical result out of range' };
  },

  print({ label, set, negated }, { names }) {
    const name = names.connectionLabels?.name(label) ?? `${label}`;
    return [...negatable(negated, '--label', `"${name}"`), ...(set ? ['--set'] : [])];
  },

  list({ label, set, negated }, { names, numeric }) {
    const name = numeric ? undefined : names.connectionLabels?.name(label);
    const words = negatable(negated, name === undefined ? `${label}` : `'${name}'`);
    return ['connlabel', ...words, ...(set ? ['set'] : [])].join(' ');
  },
};
