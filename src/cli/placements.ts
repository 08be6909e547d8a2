// What each placement is, in words: for `--help` and the manual pages.

import { EARLY, PLACEMENTS } from './config.ts';

export const PLACEMENT_ABOUT: Readonly<Record<(typeof PLACEMENTS)[number], string>> = {
  exact:
    'as netfilter, and packets that are certain to be dropped are dropped at XDP before; the same verdicts and counters. ' +
    '"bpfilter status" says where they are not, and why; "bpfilter sync" after changes of addresses, routes or other ' +
    'filters. The default, where nothing is in force yet',
  netfilter: 'at the hooks of iptables, for every device',
  xdp: 'INPUT and FORWARD at XDP alone, for the devices that are named; refused where that is not exact',
  none: 'rules are kept and printed, and nothing is enforced',
};

export const EARLY_ABOUT: Readonly<Record<(typeof EARLY)[number], string>> = {
  strict: 'only where no rule, connection or listener could tell, but for what COMPATIBILITY.md lists',
  fast: 'also where counters may differ as COMPATIBILITY.md lists: checksums, packets that are put together (the default)',
  off: 'none: placement exact is placement netfilter then',
};

/** To be put behind the options of a command. */
export function placementHelp(): string {
  const list = <T extends string>(names: readonly T[], about: Readonly<Record<T, string>>) =>
    names.map((name) => `  ${name.padEnd(11)}${about[name]}\n`).join('');
  return `\nPlacements:\n${list(PLACEMENTS, PLACEMENT_ABOUT)}\nEarly drops at placement exact:\n${list(EARLY, EARLY_ABOUT)}`;
}
