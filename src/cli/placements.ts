// What each placement is, in words: for `--help` and the manual pages.

import { PLACEMENTS } from './config.ts';

export const PLACEMENT_ABOUT: Readonly<Record<(typeof PLACEMENTS)[number], string>> = {
  exact:
    'as netfilter, and packets that are certain to be dropped are dropped at XDP before; the same verdicts and counters. ' +
    '"bpfilter status" says where they are not, and why; "bpfilter sync" after changes of addresses, routes or other filters',
  netfilter: 'at the hooks of iptables, for every device (the default)',
  xdp: 'INPUT and FORWARD at XDP alone, for the devices that are named; refused where that is not exact',
  none: 'rules are kept and printed, and nothing is enforced',
};

/** To be put behind the options of a command. */
export function placementHelp(): string {
  return `\nPlacements:\n${PLACEMENTS.map((name) => `  ${name.padEnd(11)}${PLACEMENT_ABOUT[name]}\n`).join('')}`;
}
