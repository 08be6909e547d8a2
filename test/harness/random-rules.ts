// Random rulesets in the whole syntax that is supported, made so that packets can get far into them.
//
// Every user chain has a caller above it and none below, so nothing loops. A rule that ends a packet's way asks for
// something narrow unless it is the last of its chain: otherwise the first rules would hide all others.

import type { Address } from '../../src/base/address.ts';
import type { Family } from '../../src/base/family.ts';
import type { FilterChain } from '../../src/base/hooks.ts';
import { parseAddress6 } from '../../src/base/ipv6.ts';
import { bitsOf } from './address-bits.ts';
import type { Choice } from './random.ts';
import { randomConnectionMatch } from './random-connections.ts';
import {
  nearAddress,
  oneAddress,
  onePort,
  PORTS,
  prefixOf,
  randomAddress,
  randomDevice,
  randomProtocol,
  randomTransportMatch,
} from './random-rule-parts.ts';
import type { AddressSpec, ChainSpec, RangeSpec, RuleSpec, RulesetSpec, TargetSpec } from './rule-spec.ts';

/** What a random ruleset may hold. */
export interface Vocabulary<A extends Address = Address> {
  /** Rules in all chains together; jumps that reach the user chains are on top. */
  readonly rules: { readonly min: number; readonly max: number };
  readonly userChains: { readonly min: number; readonly max: number };
  /** Built-in chains that hold rules and that packets are made for. */
  readonly hooks: readonly FilterChain[];
  /** Devices that packets come in by and go out by; names in rules are these, prefixes of these, or foreign. */
  readonly inDevices: readonly string[];
  readonly outDevices: readonly string[];
  /** Whether rules may ask for `-i` and for `-o`. */
  readonly inDeviceRules: boolean;
  readonly outDeviceRules: boolean;
  /** Addresses that rules and packets are about; their family is that of all. */
  readonly sources: readonly A[];
  readonly destinations: Readonly<Record<FilterChain, readonly A[]>>;
  /** Whether rules ask about connections: those that packets are given, or those that the kernel tracks. */
  readonly connections?: 'given' | 'real';
  /** What the rules of one ruleset are like, one of these; `mixed` if absent. */
  readonly manners?: readonly RulesetManner[];
}

/**
 * `mixed`: everything; `tuples`: both addresses, protocol and both ports, one value each; `blacklist`: sources and
 * nothing else; `services`: mostly a protocol and a port; `counting`: hardly a rule has a target; `returning`: rules that
 * return, jump and go; `devices`: device names and little else.
 */
export type RulesetManner = 'mixed' | 'tuples' | 'blacklist' | 'services' | 'counting' | 'returning' | 'devices';

/** Rulesets in every manner, most of them large enough for tables. */
export const MANNERED: Pick<Vocabulary, 'rules' | 'userChains' | 'manners'> = {
  rules: { min: 3, max: 90 },
  userChains: { min: 0, max: 9 },
  manners: ['mixed', 'tuples', 'blacklist', 'services', 'counting', 'returning', 'devices'],
};

/** Rulesets large enough for every structure, each in one manner. */
export const LARGE: typeof MANNERED = {
  ...MANNERED,
  rules: { min: 50, max: 300 },
  userChains: { min: 0, max: 14 },
};

const ADDRESSES = [
  0x0a000001, 0x0a000002, 0x0a0000fe, 0x0a000101, 0x0a010203, 0x0ac80001, 0x7f000001, 0xac100504, 0xc0a80101,
  0xc0a80102, 0xcb007109, 0xffffffff, 0,
];

/** Everything at all three hooks. */
export const EVERYTHING: Vocabulary<number> = {
  rules: { min: 1, max: 40 },
  userChains: { min: 0, max: 7 },
  hooks: ['INPUT', 'FORWARD', 'OUTPUT'],
  inDevices: ['lo', 'eth0', 'eth1', 'veth0'],
  outDevices: ['lo', 'eth0', 'eth1', 'veth0'],
  inDeviceRules: true,
  outDeviceRules: true,
  sources: ADDRESSES,
  destinations: { INPUT: ADDRESSES, FORWARD: ADDRESSES, OUTPUT: ADDRESSES },
};

/** Addresses that differ in one part each, so that prefixes and masks with holes tell them apart. */
const ADDRESSES6 = [
  ...['2001:db8::1', '2001:db8::2', '2001:db8::1:1', '2001:db8:0:1::1', '2001:db8:1::1', '2001:db9::1', 'fe80::1'],
  ...['fd00:1:2:3:4:5:6:7', 'ff02::1', '::1', '::', '2001:db8:7fff:ffff::ff', '::ffff:10.0.0.1'],
].map((text) => parseAddress6(text)!);

/** The same for IPv6. */
export const EVERYTHING6: Vocabulary<bigint> = {
  ...EVERYTHING,
  sources: ADDRESSES6,
  destinations: { INPUT: ADDRESSES6, FORWARD: ADDRESSES6, OUTPUT: ADDRESSES6 },
};

/** What can be asked at XDP: no OUTPUT, no `-o`, and no packet comes in by the loopback device. */
export const XDP: Vocabulary<number> = {
  ...EVERYTHING,
  hooks: ['INPUT', 'FORWARD'],
  inDevices: ['eth0', 'eth1', 'veth0'],
  outDevices: ['eth0', 'eth1', 'veth0'],
  outDeviceRules: false,
};

const BUILT_IN: readonly FilterChain[] = ['INPUT', 'FORWARD', 'OUTPUT'];

const COMMENTS = ['ssh', 'hello world', 'a "quoted" word', 'back\\slash', '-A INPUT -j DROP', '!', "it's"];

export function familyOf({ sources }: Vocabulary): Family {
  return typeof sources[0] === 'bigint' ? 'ipv6' : 'ipv4';
}

export function randomRuleset(choice: Choice, vocabulary: Vocabulary): RulesetSpec {
  const { userChains, hooks } = vocabulary;
  const manner = vocabulary.manners === undefined ? 'mixed' : choice.pick(vocabulary.manners);
  const names = [...BUILT_IN, ...userChainNames(choice.integer(userChains.min, userChains.max))];
  const usable = names.filter((name) => !isBuiltIn(name) || hooks.includes(name));
  const rules = new Map<string, RuleSpec[]>(names.map((name) => [name, []]));
  const count = choice.integer(vocabulary.rules.min, vocabulary.rules.max);
  for (let i = 0; i < count; i++) {
    const chain = choice.pick(usable);
    rules.get(chain)!.push(mannered(choice, vocabulary, chain, names, manner));
  }
  for (const name of names.slice(BUILT_IN.length)) {
    const callers = usable.slice(0, usable.indexOf(name));
    const near = callers.slice(-2);
    for (
      let i = choice.weighted([
        [3, 1],
        [1, 2],
      ]);
      i > 0;
      i--
    ) {
      const caller = choice.pick(choice.chance(0.4) ? near : callers);
      insertCaller(choice, rules.get(caller)!, randomCaller(choice, vocabulary, caller, name));
    }
  }
  for (const hook of hooks) if (choice.chance(0.4)) rules.get(hook)!.push(lastRule(choice, vocabulary, hook));
  const chains = names.map((name): ChainSpec => {
    const own = rules
      .get(name)!
      .map((rule, i, all) => (i === all.length - 1 ? rule : narrowed(choice, vocabulary, rule)));
    return isBuiltIn(name) ? { name, policy: choice.pick(['ACCEPT', 'DROP']), rules: own } : { name, rules: own };
  });
  return { chains };
}

/** What many rulesets end with: one wide rule that decides. */
function lastRule(choice: Choice, vocabulary: Vocabulary, hook: FilterChain): RuleSpec {
  const { protocol, source, inDevice } = randomRule(choice, vocabulary, hook, []);
  const target: TargetSpec = { kind: choice.pick(['ACCEPT', 'DROP']) };
  if (protocol !== undefined && choice.chance(0.5)) return { protocol, target };
  if (inDevice !== undefined) return { inDevice, target };
  return source === undefined ? { target } : { source: { ...source, negated: true }, target };
}

function userChainNames(count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => ['web', 'log-drop', 'u3', 'A_B', 'ACCEPTED', 'x.y', 'z7'][i] ?? `c${i}`,
  );
}

function isBuiltIn(name: string): name is FilterChain {
  return (BUILT_IN as readonly string[]).includes(name);
}

function insertCaller(choice: Choice, rules: RuleSpec[], caller: RuleSpec): void {
  rules.splice(choice.integer(0, Math.min(rules.length, 4)), 0, caller);
}

function randomCaller(choice: Choice, vocabulary: Vocabulary, caller: string, callee: string): RuleSpec {
  const kind = choice.weighted([
    [4, 'jump'],
    [1, 'goto'],
  ] as const);
  const target: TargetSpec = { kind, chain: callee };
  // Light conditions: what is below must still be reachable.
  const rule = randomRule(choice, vocabulary, caller, []);
  const { source, inDevice, protocol } = rule;
  if (source !== undefined && choice.chance(0.3)) return { source, target };
  if (inDevice !== undefined && choice.chance(0.5)) return { inDevice, target };
  if (protocol !== undefined && choice.chance(0.4)) return { protocol, target };
  return kind === 'jump' ? { target } : { ...rule, target };
}

function randomRule(choice: Choice, vocabulary: Vocabulary, chain: string, names: readonly string[]): RuleSpec {
  const { sources, inDeviceRules, outDeviceRules, connections } = vocabulary;
  const hasIn = inDeviceRules && chain !== 'OUTPUT';
  const hasOut = outDeviceRules && chain !== 'INPUT';
  const destinations = isBuiltIn(chain)
    ? vocabulary.destinations[chain]
    : vocabulary.hooks.flatMap((hook) => vocabulary.destinations[hook]);
  const protocol = choice.chance(0.75) ? randomProtocol(choice, familyOf(vocabulary)) : undefined;
  const match = protocol !== undefined ? randomTransportMatch(choice, protocol) : undefined;
  return {
    ...(choice.chance(0.35) && { source: randomAddress(choice, sources) }),
    ...(choice.chance(0.35) && { destination: randomAddress(choice, destinations) }),
    ...(hasIn && choice.chance(0.25) && { inDevice: randomDevice(choice, vocabulary.inDevices) }),
    ...(hasOut && choice.chance(0.25) && { outDevice: randomDevice(choice, vocabulary.outDevices) }),
    ...(protocol !== undefined && { protocol }),
    ...(match !== undefined && { match }),
    ...(connections !== undefined &&
      choice.chance(0.5) && {
        connection: randomConnectionMatch(choice, connections === 'real', familyOf(vocabulary)),
      }),
    ...(choice.chance(0.1) && { comment: choice.pick(COMMENTS) }),
    target: randomTarget(
      choice,
      names.slice(names.indexOf(chain) + 1).filter((name) => !isBuiltIn(name)),
    ),
  };
}

/** A rule as the manner of its ruleset has it. */
function mannered(
  choice: Choice,
  vocabulary: Vocabulary,
  chain: string,
  names: readonly string[],
  manner: RulesetManner,
): RuleSpec {
  const any = randomRule(choice, vocabulary, chain, names);
  const target: TargetSpec = { kind: choice.pick(['ACCEPT', 'DROP', 'DROP']) };
  const source = nearAddress(choice, vocabulary.sources);
  const bits = bitsOf(source);
  switch (manner) {
    case 'mixed':
      return any;
    case 'tuples': {
      const pool = vocabulary.destinations[isBuiltIn(chain) ? chain : choice.pick(vocabulary.hooks)];
      const [number, text] = choice.pick([[6, 'tcp'] as const, [17, 'udp'] as const]);
      return {
        source: prefixOf(source, bits),
        destination: prefixOf(nearAddress(choice, pool), bits),
        protocol: { negated: false, number, text },
        match: { explicit: true, sport: onePort(choice, PORTS), dport: onePort(choice, PORTS) },
        target,
      };
    }
    case 'blacklist':
      return {
        source: prefixOf(
          source,
          choice.weighted([
            [7, bits],
            [2, (bits * 3) / 4],
            [1, choice.integer(bits / 4, bits - 3)],
          ]),
        ),
        target,
      };
    case 'services': {
      const { protocol, match } = any;
      const origin = choice.chance(0.2) ? { source: prefixOf(source, (bits / 4) * choice.pick([2, 3, 4])) } : {};
      return {
        ...(protocol !== undefined && { protocol }),
        ...(match !== undefined && { match }),
        ...origin,
        target,
      };
    }
    case 'counting':
      return choice.chance(0.9) ? { ...any, target: { kind: 'none' } } : any;
    case 'returning': {
      const below = names.slice(names.indexOf(chain) + 1).filter((name) => !isBuiltIn(name));
      const kind = choice.pick(['RETURN', 'jump', 'jump', 'goto'] as const);
      if (kind === 'RETURN') return { ...any, target: { kind } };
      return below.length === 0 ? any : { ...any, target: { kind, chain: choice.pick(below) } };
    }
    case 'devices': {
      const { inDevice, outDevice } = any;
      const { inDeviceRules, outDeviceRules, inDevices, outDevices } = vocabulary;
      const hasIn = inDeviceRules && chain !== 'OUTPUT';
      const hasOut = outDeviceRules && chain !== 'INPUT';
      return {
        ...(hasIn && { inDevice: inDevice ?? randomDevice(choice, inDevices) }),
        ...(hasOut && { outDevice: outDevice ?? randomDevice(choice, outDevices) }),
        ...(choice.chance(0.5) && { source: prefixOf(source, (bits / 4) * choice.pick([3, 4])) }),
        target: any.target,
      };
    }
  }
}

function randomTarget(choice: Choice, callees: readonly string[]): TargetSpec {
  const kind = choice.weighted([
    [8, 'ACCEPT'],
    [8, 'DROP'],
    [3, 'none'],
    [2, 'RETURN'],
    [2, 'jump'],
    [1, 'goto'],
  ] as const);
  if (kind !== 'jump' && kind !== 'goto') return { kind };
  return callees.length === 0 ? { kind: 'none' } : { kind, chain: choice.pick(callees) };
}

/** Whether the rule asks for something that few packets have. */
function isNarrow(rule: RuleSpec): boolean {
  const { source, destination, match } = rule;
  const narrowAddress = (a: AddressSpec | undefined): boolean =>
    a !== undefined && !a.negated && (BigInt(a.mask) & 0xffn) !== 0n;
  const narrowRange = (r: RangeSpec | undefined): boolean => r !== undefined && !r.negated && r.high - r.low < 2000;
  return (
    narrowAddress(source) ||
    narrowAddress(destination) ||
    narrowRange(match?.sport) ||
    narrowRange(match?.dport) ||
    (match?.icmp?.type !== undefined && !match.icmp.negated)
  );
}

/** Gives a rule that ends the packet's way something narrow to ask for. */
function narrowed(choice: Choice, vocabulary: Vocabulary, rule: RuleSpec): RuleSpec {
  const goesOn = rule.target.kind === 'none' || rule.target.kind === 'jump';
  if (goesOn || isNarrow(rule) || choice.chance(0.06)) return rule;
  const { protocol, match } = rule;
  if (protocol !== undefined && !protocol.negated && (protocol.number === 6 || protocol.number === 17)) {
    return { ...rule, match: { ...(match ?? { explicit: true }), dport: onePort(choice, PORTS) } };
  }
  return { ...rule, source: oneAddress(choice, vocabulary.sources) };
}
