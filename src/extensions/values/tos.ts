// The Type of Service (RFC 1349) with the bits of it that count, by number or name.

import { ValueError, type ValueType } from '../extension.ts';
import { asciiUpper } from './choice.ts';
import type { Masked } from './integer.ts';
import { scanNumber } from './scan.ts';

const NAMES: readonly (readonly [name: string, value: number])[] = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
];

/** `value[/mask]`, all bits where there is no mask, or a name, which stands for the bits of `nameMask`. */
export function tosMask(nameMask: number): ValueType<Masked> {
  return {
    placeholder: 'value[/mask]|name',
    parse(text) {
      const value = scanNumber(text, 0n, 255n);
      if (value === undefined) return { value: valueNamed(text), mask: nameMask };
      if (value.rest === '') return { value: Number(value.value), mask: 0xff };
      const mask = value.rest.startsWith('/') ? scanNumber(value.rest.slice(1), 0n, 255n) : undefined;
      if (mask?.rest === '') return { value: Number(value.value), mask: Number(mask.value) };
      throw new ValueError(`Illegal value: "${text}"`);
    },
  };
}

function valueNamed(text: string): number {
  const found = NAMES.find(([name]) => asciiUpper(name) === asciiUpper(text));
  if (found === undefined) throw new ValueError(`Symbolic name "${text}" is unknown`);
  return found[1];
}

/** The name of a value. */
export function tosName(value: number): string | undefined {
  return NAMES.find(([, known]) => known === value)?.[0];
}
