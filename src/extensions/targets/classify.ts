// `-j CLASSIFY`: sets the packet's priority, for traffic control. Kernel: net/netfilter/xt_CLASSIFY.c.

import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue } from '../uses.ts';

export interface ClassifyData {
  /** 16 bits each. */
  readonly major: number;
  readonly minor: number;
}

/** Hexadecimal numbers as scanf's `%x:%x` reads them: signs, `0x` and blanks may stand in front, anything behind. */
const NUMBER = String.raw`\s*([+-]?)(0[xX][0-9a-fA-F]*|[0-9a-fA-F]+)`;
const CLASS = new RegExp(`^${NUMBER}:${NUMBER}`);

const classId: ValueType<ClassifyData> = {
  placeholder: 'major:minor',
  parse(text) {
    const found = CLASS.exec(text);
    const [major, minor] = found === null ? [] : [numberOf(found[1]!, found[2]!), numberOf(found[3]!, found[4]!)];
    if (major === undefined || minor === undefined) throw new ValueError(`Bad class value "${text}"`);
    return { major, minor };
  },
};

/** The low 16 bits; a number that does not fit into 64 bits is the largest that does (strtoul). */
function numberOf(sign: string, digits: string): number {
  const most = (1n << 64n) - 1n;
  const value = BigInt(`0x0${digits.replace(/^0x/i, '')}`);
  const fitting = value > most ? most : sign === '-' ? -value : value;
  return Number(BigInt.asUintN(16, fitting));
}

const padded = (value: number): string => value.toString(16).padStart(4, '0');

export const classify: TargetExtension<ClassifyData> = {
  kind: 'target',
  name: 'CLASSIFY',
  about: 'puts the packet into a class of traffic control',
  options: [{ name: '--set-class', values: [classId], required: true, about: 'the class, always in hexadecimal' }],
  chains: ['FORWARD', 'OUTPUT', 'POSTROUTING'],
  build: (options) => firstValue<ClassifyData>(options, '--set-class')!,
  print: ({ major, minor }) => ['--set-class', `${padded(major)}:${padded(minor)}`],
  list: ({ major, minor }) => `CLASSIFY set ${major.toString(16)}:${minor.toString(16)}`,
};
