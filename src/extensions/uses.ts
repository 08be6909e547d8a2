// Looks among the options found in a rule.

import type { OptionUse } from './extension.ts';

export function isGiven(options: readonly OptionUse[], name: string): boolean {
  return options.some((use) => use.name === name);
}

/** The first use of an option. */
export function useOf(options: readonly OptionUse[], name: string): OptionUse | undefined {
  return options.find((use) => use.name === name);
}

/** The first word of an option, as its value type returned it; `undefined` where the option is not there. */
export function firstValue<T>(options: readonly OptionUse[], name: string): T | undefined {
  return useOf(options, name)?.values[0] as T | undefined;
}
