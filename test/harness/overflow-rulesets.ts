// Rulesets that no one structure holds: each grows what some table or bitmap grows with, with packets that get into it.

import type { HookPacket } from '../../src/base/packet.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from './random.ts';
import { address, filter, forwarded, spread, times } from './ruleset-parts.ts';
import { servicePacket, serviceRules } from './service-rules.ts';

export interface OverflowRuleset {
  readonly name: string;
  /** Rules where nothing else is asked for. */
  readonly rules: number;
  text(rules: number): string;
  packet(choice: Choice, rules: number): HookPacket;
}

const nested: OverflowRuleset = {
  name: 'ranges inside ranges',
  rules: 10_000,
  text: (rules) =>
    filter(
      [],
      times(rules, (i) => `-A FORWARD -p tcp -m tcp --dport ${rules - i}:${65535 - (rules - i)} -j DROP`).map(
        (rule, i) => (i % 40 < 39 ? rule.replace(' -j DROP', '') : rule),
      ),
    ),
  packet: (choice, rules) => forwarded({ dport: choice.integer(0, 2 * rules) & 0xffff }),
};

const wildcards: OverflowRuleset = {
  name: 'every field anything as often as not',
  rules: 20_000,
  text: (rules) =>
    filter(
      [],
      times(rules, (i) => {
        const choice = seededChoice(i, rules);
        const length = choice.integer(6, 32);
        const words = ['-A FORWARD'];
        if (choice.chance(0.5)) words.push(`-s ${address(spread(choice.integer(0, 500)))}/${length}`);
        if (choice.chance(0.5)) words.push(`-d ${address(spread(choice.integer(0, 500)))}/${choice.integer(6, 32)}`);
        words.push(`-p ${choice.pick(['tcp -m tcp', 'udp -m udp'])}`);
        const low = choice.integer(1, 60_000);
        if (choice.chance(0.5)) words.push(`--sport ${low}:${low + choice.pick([0, 9, 4000])}`);
        if (choice.chance(0.7) || words.length === 2) words.push(`--dport ${low}:${low + choice.pick([0, 3, 500])}`);
        return `${words.join(' ')} -j ${choice.pick(['ACCEPT', 'DROP'])}`;
      }),
    ),
  packet: (choice) =>
    forwarded({
      source: spread(choice.integer(0, 500)),
      destination: spread(choice.integer(0, 500)),
      protocol: choice.pick(['tcp', 'udp']),
      sport: choice.integer(0, 65535),
      dport: choice.integer(0, 65535),
    }),
};

const devices: OverflowRuleset = {
  name: 'device names',
  rules: 3000,
  text: (rules) =>
    filter(
      [],
      times(rules, (i) =>
        i % 3 === 0
          ? `-A FORWARD ! -o veth${i} -p tcp -m tcp --dport ${1 + (i % 60000)}`
          : `-A FORWARD -i ${i % 5 === 0 ? `eth${i}+` : `eth${i}`} -o l+ -j DROP`,
      ),
    ),
  packet: (choice, rules) => forwarded({ dport: choice.integer(1, rules) }),
};

const chains: OverflowRuleset = {
  name: 'chains',
  rules: 5000,
  text: (rules) =>
    filter(
      times(rules, (i) => `c${i}`),
      times(rules, (i) => [
        `-A FORWARD -s ${address(spread(i))}/${i % 2 === 0 ? 32 : 20} -j c${i}`,
        `-A c${i} -p tcp -m tcp --dport ${i % 60000} -j RETURN`,
        ...(i + 1 < rules && i % 10 === 0 ? [`-A c${i} -p udp -j c${i + 1}`] : []),
        `-A c${i} -d ${address(spread(i + 7))}/16 -j DROP`,
      ]).flat(),
    ),
  packet: (choice, rules) => {
    const i = choice.integer(0, rules - 1);
    return forwarded({
      source: spread(i),
      destination: choice.chance(0.5) ? spread(i + 7) : 2,
      protocol: choice.pick(['tcp', 'udp']),
      dport: choice.chance(0.3) ? i : 80,
    });
  },
};

const shared: OverflowRuleset = {
  name: 'one long chain called by every rule',
  rules: 120,
  text: (rules) =>
    filter(
      ['long'],
      [
        ...times(rules, (i) => `-A FORWARD -s ${address(spread(i))}/${8 + (i % 25)} -j long`),
        ...times(rules, (i) =>
          i % 9 === 0
            ? `-A long -d ${address(spread(i))}/${8 + (i % 25)} -j RETURN`
            : `-A long -p udp -m udp --dport ${i + 1} -j DROP`,
        ),
      ],
    ),
  packet: (choice, rules) =>
    forwarded({
      source: spread(choice.integer(0, rules - 1)),
      destination: spread(choice.integer(0, rules - 1)),
      protocol: 'udp',
      dport: choice.integer(1, 2 * rules),
    }),
};

const doubling: OverflowRuleset = {
  name: 'chains that call the next one twice',
  rules: 14,
  text: (rules) =>
    filter(
      times(rules, (i) => `d${i}`),
      [
        '-A FORWARD -p tcp -j d0',
        ...times(rules, (i) =>
          i + 1 < rules
            ? [
                `-A d${i} -s ${address(spread(i))}/2 -j d${i + 1}`,
                `-A d${i} -d ${address(spread(i))}/2 -j d${i + 1}`,
                `-A d${i} -p tcp -m tcp --dport ${i + 1} -j DROP`,
              ]
            : [`-A d${i} -p tcp -m tcp --sport 5 -j ACCEPT`],
        ).flat(),
      ],
    ),
  packet: (choice, rules) =>
    forwarded({
      source: spread(choice.integer(0, rules)),
      destination: spread(choice.integer(0, rules)),
      sport: choice.pick([5, 6]),
      dport: choice.integer(0, rules),
    }),
};

const deep: OverflowRuleset = {
  ...doubling,
  name: 'chains that call the next one twice, more often than all copies have room',
  rules: 120,
  text: (rules) =>
    doubling
      .text(rules)
      .replaceAll(/-s ([\d.]+)\/2 -j/g, '-s $1/5 -j')
      .replaceAll(/-d ([\d.]+)\/2 -j/g, '-d $1/5 -g'),
};

const counting: OverflowRuleset = {
  name: 'rules that only count',
  rules: 3000,
  text: (rules) =>
    filter(
      [],
      times(
        rules,
        (i) =>
          `-A FORWARD -s ${address(spread(i % 97))}/${2 + (i % 9)} -d ${address(spread(i % 89))}/${1 + (i % 7)}` +
          (i % 3 === 0 ? ` -p udp -m udp --dport ${i + 1}:${i + 4000}` : ''),
      ),
    ),
  packet: (choice) =>
    forwarded({
      source: spread(choice.integer(0, 96)),
      destination: spread(choice.integer(0, 88)),
      protocol: 'udp',
      dport: choice.integer(0, 8000),
    }),
};

const allCounting: OverflowRuleset = {
  name: 'rules that only count, nearly all of them each packet',
  rules: 6000,
  text: (rules) =>
    filter(
      [],
      times(rules, (i) => `-A FORWARD -p tcp -m tcp --dport ${1 + i}:${65_535 - i}`),
    ),
  packet: (choice, rules) => forwarded({ dport: choice.integer(0, 2 * rules) }),
};

const wildcardsCounting: OverflowRuleset = {
  name: 'every field anything as often as not, and all rules only count',
  rules: 3000,
  text: (rules) => wildcards.text(rules).replaceAll(/ -j \w+$/gm, ''),
  packet: (choice, rules) => wildcards.packet(choice, rules),
};

const holes: OverflowRuleset = {
  name: 'masks with holes',
  rules: 3000,
  text: (rules) =>
    filter(
      [],
      times(rules, (i) => {
        const mask = ['255.0.255.0', '0.255.255.255', '240.240.240.240', '255.255.255.253'][i % 4];
        return `-A FORWARD -${i % 3 === 0 ? 'd' : 's'} ${address(spread(i))}/${mask} -j ${i % 2 ? 'ACCEPT' : 'DROP'}`;
      }),
    ),
  packet: (choice, rules) =>
    forwarded({
      source: spread(choice.integer(0, rules - 1)),
      destination: spread(choice.integer(0, rules - 1)),
    }),
};

const holesCounting: OverflowRuleset = {
  ...holes,
  name: 'masks with holes that only count, more than the verifier follows one by one',
  rules: 7200,
  text: (rules) => holes.text(rules).replaceAll(/ -j \w+$/gm, ''),
};

/** As network policies of containers are: each container has a chain, which enters some of many policies. */
const policies: OverflowRuleset = {
  name: 'policies that are entered from very many chains',
  rules: 400,
  text: (rules) =>
    filter(
      [...times(rules, (i) => `pod${i}`), ...times(rules / 4, (i) => `policy${i}`), 'mark'],
      [
        ...times(rules, (i) => `-A FORWARD -d ${address(spread(i))}/32 -j pod${i}`),
        ...times(rules, (i) => [
          ...times(40, (k) => `-A pod${i} -p tcp -j policy${(7 * i + k) % (rules / 4)}`),
          `-A pod${i} -j DROP`,
        ]).flat(),
        ...times(rules / 4, (i) => [
          ...times(20, (k) => `-A policy${i} -s ${address(spread(100 * i + k))}/32 -p tcp -m tcp --dport ${k} -j mark`),
          `-A policy${i} -s ${address(spread(i))}/4 -p tcp -m tcp --dport 80:90 -g mark`,
        ]).flat(),
        '-A mark -p tcp -m tcp --sport 5 -j ACCEPT',
        '-A mark -p tcp -m tcp --sport 6 -j RETURN',
        '-A mark',
      ],
    ),
  packet: (choice, rules) =>
    forwarded({
      source: spread(choice.integer(0, rules)),
      destination: spread(choice.integer(0, rules - 1)),
      sport: choice.integer(5, 7),
      dport: choice.pick([0, 1, 5, 80, 85]),
    }),
};

const services: OverflowRuleset = {
  name: 'services, each with chains of its own',
  rules: 1000,
  text: serviceRules,
  packet: servicePacket,
};

export const OVERFLOW_RULESETS: readonly OverflowRuleset[] = [
  nested,
  wildcards,
  devices,
  chains,
  shared,
  doubling,
  deep,
  policies,
  services,
  holesCounting,
  counting,
  allCounting,
  wildcardsCounting,
  holes,
];
