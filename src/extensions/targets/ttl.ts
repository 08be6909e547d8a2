// `-j TTL`, `-j HL`: sets the time to live, of IPv6 the hop limit. Kernel: net/netfilter/xt_HL.c.

import type { Family } from '../../base/family.ts';
import { ExtensionError, type TargetExtension } from '../extension.ts';
import { integer } from '../values/integer.ts';

export interface TtlTargetData {
  readonly mode: 'set' | 'dec' | 'inc';
  readonly value: number;
}

const MODES = ['set', 'dec', 'inc'] as const;

/** In this order iptables looks for what a mode cannot go with. */
const TOLD_FIRST = ['set', 'inc', 'dec'] as const;

const ABOUT = { set: 'sets it to a number', dec: 'makes it so much smaller', inc: 'makes it so much larger' };

const SHOWN = { set: 'set to', dec: 'decrement by', inc: 'increment by' };

function hopTarget(name: 'TTL' | 'HL', family: Family, about: string): TargetExtension<TtlTargetData> {
  const option = (mode: string) => `--${name.toLowerCase()}-${mode}`;
  return {
    kind: 'target',
    name,
    families: [family],
    about,
    options: MODES.map((mode) => ({
      name: option(mode),
      values: [integer(255, mode === 'set' ? 0 : 1)],
      excludes: TOLD_FIRST.filter((other) => other !== mode).map(option),
      about: ABOUT[mode],
    })),
    tables: ['mangle'],
    build(options) {
      const [use] = options;
      if (use === undefined) throw new ExtensionError('missing-option', `${name}: You must specify an action`);
      return { mode: MODES.find((mode) => use.name === option(mode))!, value: use.values[0] as number };
    },
    print: ({ mode, value }) => [option(mode), `${value}`],
    list: ({ mode, value }) => `${name} ${SHOWN[mode]} ${value}`,
  };
}

export const ttlTarget = hopTarget('TTL', 'ipv4', 'sets or changes the time to live');
export const hlTarget = hopTarget('HL', 'ipv6', 'sets or changes the hop limit');
