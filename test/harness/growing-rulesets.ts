// Rulesets of any size, each of which grows by something that a ruleset may have very many of. Of none does a table grow
// with the square of the size and yet stay within the budget.

import { address, filter, spread, times } from './ruleset-parts.ts';
import { serviceRules } from './service-rules.ts';

export interface GrowingRuleset {
  readonly name: string;
  text(size: number): string;
}

/** Addresses that are spread over all there are. */
export const spreadAddress = (number: number): string => address(spread(number));

const chainNames = (size: number): string[] => times(size, (i) => `c${i}`);
const port = (i: number): number => 1 + (i % 60_000);
const verdict = (i: number): string => (i % 2 === 0 ? 'DROP' : 'ACCEPT');

const rulesOnly = (name: string, rule: (i: number, size: number) => string): GrowingRuleset => ({
  name,
  text: (size) =>
    filter(
      [],
      times(size, (i) => rule(i, size)),
    ),
});

const withChains = (
  name: string,
  first: readonly string[],
  ofChain: (i: number, size: number) => readonly string[],
): GrowingRuleset => ({
  name,
  text: (size) => filter(chainNames(size), [...first, ...times(size, (i) => ofChain(i, size)).flat()]),
});

/** A rule of each chain but the last that leads to the next. */
const onward = (i: number, size: number, words: string): string[] =>
  i + 1 < size ? [`-A c${i} ${words} c${i + 1}`] : [];

export const GROWING_RULESETS: readonly GrowingRuleset[] = [
  rulesOnly('sources', (i) => `-A FORWARD -s ${spreadAddress(i)}/32 -j ${verdict(i)}`),
  rulesOnly('the same rule', () => '-A FORWARD -s 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DROP'),
  rulesOnly('rules that only count', (i) => `-A FORWARD -s ${spreadAddress(i)}/${8 + (i % 25)}`),
  rulesOnly(
    'sources, each with a port',
    (i) => `-A FORWARD -s ${spreadAddress(i)}/32 -p tcp -m tcp --dport ${port(i)} -j DROP`,
  ),
  rulesOnly('ports', (i) => `-A FORWARD -p tcp -m tcp --sport ${port(7919 * i)} --dport ${port(i)} -j ${verdict(i)}`),
  rulesOnly(
    'ranges of ports',
    (i) => `-A FORWARD -p tcp -m tcp --dport ${port(i)}:${port(i) + ((37 * i) % 3000)} -j ${verdict(i)}`,
  ),
  rulesOnly(
    'ranges inside ranges',
    (i, size) => `-A FORWARD -p tcp -m tcp --dport ${size - i}:${65_535 - size + i} -j DROP`,
  ),
  rulesOnly(
    'names of devices',
    (i) => `-A FORWARD -i eth${i} -o veth${i >> 3} -p tcp -m tcp --dport ${port(i)} -j DROP`,
  ),
  rulesOnly('all devices but one', (i) => `-A FORWARD ! -i eth${i} -p tcp -m tcp --dport ${port(i)} -j DROP`),
  rulesOnly(
    'all sources but one',
    (i) => `-A FORWARD ! -s ${spreadAddress(i)}/32 -d ${spreadAddress(i + 5)}/32 -j DROP`,
  ),
  withChains('chains', [], (i) => [
    `-A FORWARD -s ${spreadAddress(i)}/32 -j c${i}`,
    `-A c${i} -p tcp -m tcp --dport ${port(i)} -j RETURN`,
    `-A c${i} -d ${spreadAddress(i + 7)}/16 -j DROP`,
  ]),
  withChains('chains that several hooks enter', [], (i) => [
    `-A INPUT -i eth${i} -j c${i}`,
    `-A FORWARD -i eth${i} -j c${i}`,
    `-A c${i} -s ${spreadAddress(i >> 5)}/24 -j DROP`,
  ]),
  withChains('empty chains', [], (i) => [`-A FORWARD -s ${spreadAddress(i)}/32 -j c${i}`]),
  withChains('chains that nothing enters', [], (i) => [`-A c${i} -s ${spreadAddress(i)}/32 -j DROP`]),
  withChains('calls in each other', ['-A FORWARD -j c0'], (i, size) => [
    `-A c${i} -s ${spreadAddress(i)}/32 -j DROP`,
    ...onward(i, size, '-j'),
  ]),
  withChains('gotos behind each other', ['-A FORWARD -j c0'], (i, size) => [
    `-A c${i} -s ${spreadAddress(i)}/32 -j RETURN`,
    ...onward(i, size, '-g'),
  ]),
  withChains('conditions of calls that add up', ['-A FORWARD -j c0'], (i, size) => [
    `-A c${i} -s ${spreadAddress(i)}/32 -j RETURN`,
    ...onward(i, size, `-p tcp -m tcp --dport 1:${60_000 - i} -j`),
  ]),
  {
    name: 'chains that enter the same one',
    text: (size) =>
      filter(
        ['shared', ...chainNames(size)],
        [
          ...times(size, (i) => [`-A FORWARD -s ${spreadAddress(i)}/32 -j c${i}`, `-A c${i} -p tcp -j shared`]).flat(),
          ...times(20, (i) => `-A shared -p tcp -m tcp --dport ${port(i)} -j ACCEPT`),
        ],
      ),
  },
  { name: 'services, each with chains of its own', text: (size) => serviceRules(size >> 3) },
];
