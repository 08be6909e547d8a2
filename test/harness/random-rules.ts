// Random rulesets in the whole syntax that is supported, made so that packets can get far into them.
//
// Every user chain has a caller above it and none below, so nothing loops. A rule that ends a packet's way asks for
// something narrow unless it is the last of its chain: otherwise the first rules would hide all others.

import type { FilterChain } from '../../src/base/hooks.ts';
import { formatAddress, maskPrefix, prefixMask } from '../../src/base/ipv4.ts';
import type { Choice } from './random.ts';
import type {
  AddressSpec,
  ChainSpec,
  DeviceSpec,
  FlagsSpec,
  IcmpSpec,
  ProtocolSpec,
  RangeSpec,
  RuleSpec,
  RulesetSpec,
  TargetSpec,
  TransportMatchSpec,
} from './rule-spec.ts';

/** What a random ruleset may hold. */
export interface Vocabulary {
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
  /** Addresses that rules and packets are about. */
  readonly sources: readonly number[];
  readonly destinations: Readonly<Record<FilterChain, readonly number[]>>;
}

const ADDRESSES = [
  0x0a000001, 0x0a000002, 0x0a0000fe, 0x0a000101, 0x0a010203, 0x0ac80001, 0x7f000001, 0xac100504, 0xc0a80101,
  0xc0a80102, 0xcb007109, 0xffffffff, 0,
];

/** Everything at all three hooks. */
export const EVERYTHING: Vocabulary = {
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

/** What can be asked at XDP: no OUTPUT, no `-o`, and no packet comes in by the loopback device. */
export const XDP: Vocabulary = {
  ...EVERYTHING,
  hooks: ['INPUT', 'FORWARD'],
  inDevices: ['eth0', 'eth1', 'veth0'],
  outDevices: ['eth0', 'eth1', 'veth0'],
  outDeviceRules: false,
};

const BUILT_IN: readonly FilterChain[] = ['INPUT', 'FORWARD', 'OUTPUT'];

export const PORTS = [0, 1, 22, 53, 80, 443, 1023, 1024, 8080, 65534, 65535];

/** ICMP types and codes by the names that iptables takes (`iptables -p icmp -h`). */
const ICMP_NAMES: readonly (readonly [name: string, type: number, code?: number])[] = [
  ['echo-request', 8],
  ['echo-reply', 0],
  ['destination-unreachable', 3],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['redirect', 5],
  ['time-exceeded', 11],
  ['ttl-zero-during-transit', 11, 0],
];

const FLAG_NAMES: readonly (readonly [name: string, bit: number])[] = [
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
];

const COMMENTS = ['ssh', 'hello world', 'a "quoted" word', 'back\\slash', '-A INPUT -j DROP', '!', "it's"];

export function randomRuleset(choice: Choice, vocabulary: Vocabulary): RulesetSpec {
  const { userChains, hooks } = vocabulary;
  const names = [...BUILT_IN, ...userChainNames(choice.integer(userChains.min, userChains.max))];
  const usable = names.filter((name) => !isBuiltIn(name) || hooks.includes(name));
  const rules = new Map<string, RuleSpec[]>(names.map((name) => [name, []]));
  const count = choice.integer(vocabulary.rules.min, vocabulary.rules.max);
  for (let i = 0; i < count; i++) {
    const chain = choice.pick(usable);
    rules.get(chain)!.push(randomRule(choice, vocabulary, chain, names));
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
  const { sources, inDeviceRules, outDeviceRules } = vocabulary;
  const hasIn = inDeviceRules && chain !== 'OUTPUT';
  const hasOut = outDeviceRules && chain !== 'INPUT';
  const destinations = isBuiltIn(chain)
    ? vocabulary.destinations[chain]
    : vocabulary.hooks.flatMap((hook) => vocabulary.destinations[hook]);
  const protocol = choice.chance(0.75) ? randomProtocol(choice) : undefined;
  const match = protocol !== undefined ? randomTransportMatch(choice, protocol) : undefined;
  return {
    ...(choice.chance(0.35) && { source: randomAddress(choice, sources) }),
    ...(choice.chance(0.35) && { destination: randomAddress(choice, destinations) }),
    ...(hasIn && choice.chance(0.25) && { inDevice: randomDevice(choice, vocabulary.inDevices) }),
    ...(hasOut && choice.chance(0.25) && { outDevice: randomDevice(choice, vocabulary.outDevices) }),
    ...(protocol !== undefined && { protocol }),
    ...(match !== undefined && { match }),
    ...(choice.chance(0.1) && { comment: choice.pick(COMMENTS) }),
    target: randomTarget(
      choice,
      names.slice(names.indexOf(chain) + 1).filter((name) => !isBuiltIn(name)),
    ),
  };
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
  const narrowAddress = (a: AddressSpec | undefined): boolean => a !== undefined && !a.negated && (a.mask & 0xff) !== 0;
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

function onePort(choice: Choice, pool: readonly number[]): RangeSpec {
  const port = choice.pick(pool);
  return { negated: false, low: port, high: port, text: `${port}` };
}

function oneAddress(choice: Choice, pool: readonly number[]): AddressSpec {
  const value = choice.pick(pool);
  return { negated: false, value, mask: 0xffffffff, text: `${formatAddress(value)}/32` };
}

function randomAddress(choice: Choice, pool: readonly number[]): AddressSpec {
  const base = choice.chance(0.9) ? choice.pick(pool) : choice.word();
  const mask = choice.chance(0.1)
    ? choice.pick([0xff00ff00, 0xff0000ff, 0x00ffffff, 0xfffffffe ^ 0x100, 0xf0f0f0f0, 1])
    : prefixMask(
        choice.weighted([
          [1, 0],
          [2, 8],
          [1, 9],
          [3, 16],
          [4, 24],
          [2, 30],
          [1, 31],
          [8, 32],
          [2, choice.integer(1, 32)],
        ]),
      );
  const length = maskPrefix(mask >>> 0);
  const value = (base & mask) >>> 0;
  // Bits outside the mask may be written, too: iptables drops them.
  const written = formatAddress(choice.chance(0.2) ? base : value);
  const dotted = length === undefined || choice.chance(0.1);
  const suffix = dotted ? `/${formatAddress(mask >>> 0)}` : length === 32 && choice.chance(0.3) ? '' : `/${length}`;
  return { negated: choice.chance(0.2), value, mask: mask >>> 0, text: written + suffix };
}

function randomDevice(choice: Choice, devices: readonly string[]): DeviceSpec {
  const device = choice.pick(devices);
  const name = choice.weighted([
    [8, device],
    [3, `${device.slice(0, choice.integer(0, device.length))}+`],
    [1, `${device}+`],
    [1, choice.pick(['eth', 'eth00', 'wlan0', 'a23456789012345'])],
  ]);
  return { negated: choice.chance(0.25), name };
}

function randomProtocol(choice: Choice): ProtocolSpec {
  const [number, text] = choice.weighted<readonly [number, string]>([
    [10, [6, 'tcp']],
    [6, [17, 'udp']],
    [6, [1, 'icmp']],
    [1, [6, '6']],
    [1, [17, '17']],
    [1, [1, '1']],
    [1, [50, 'esp']],
    [1, [132, 'sctp']],
    [1, [136, 'udplite']],
    [1, [47, '47']],
    [1, [255, '255']],
    [1, [0, 'all']],
  ]);
  return { negated: number !== 0 && choice.chance(0.12), number, text };
}

function randomTransportMatch(choice: Choice, protocol: ProtocolSpec): TransportMatchSpec | undefined {
  if (protocol.negated) return undefined;
  if (protocol.number === 1 && choice.chance(0.8)) {
    return { explicit: choice.chance(0.6), icmp: randomIcmp(choice) };
  }
  if (protocol.number !== 6 && protocol.number !== 17) return undefined;
  if (choice.chance(0.1)) return undefined;
  const hasSource = choice.chance(0.4);
  return {
    explicit: choice.chance(0.6),
    ...(hasSource && { sport: randomRange(choice) }),
    ...(choice.chance(hasSource ? 0.3 : 0.7) && { dport: randomRange(choice) }),
    ...(protocol.number === 6 && choice.chance(0.3) && { flags: randomFlags(choice) }),
  };
}

function randomRange(choice: Choice): RangeSpec {
  const pool = (): number => (choice.chance(0.85) ? choice.pick(PORTS) : choice.integer(0, 65535));
  const a = pool();
  const b = choice.chance(0.6) ? Math.min(65535, a + choice.integer(0, 10)) : pool();
  const [low, high] = a < b ? [a, b] : [b, a];
  const negated = choice.chance(0.25);
  switch (
    choice.weighted([
      [10, 'one'],
      [6, 'range'],
      [1, 'upTo'],
      [1, 'from'],
    ] as const)
  ) {
    case 'one':
      return { negated, low, high: low, text: `${low}` };
    case 'range':
      return { negated, low, high, text: `${low}:${high}` };
    case 'upTo':
      return { negated, low: 0, high, text: `:${high}` };
    case 'from':
      return { negated, low, high: 65535, text: `${low}:` };
  }
}

function randomFlags(choice: Choice): FlagsSpec {
  const negated = choice.chance(0.25);
  if (choice.chance(0.35)) return { negated, mask: 0x17, value: 2, text: '--syn' };
  const mask = choice.chance(0.2) ? 0x3f : choice.integer(0, 0x3f);
  const value = mask & choice.integer(0, 0x3f);
  // A flag that is asked for but not looked at never matches; iptables takes it.
  const stray = choice.chance(0.05) ? 1 << choice.integer(0, 5) : 0;
  return { negated, mask, value: value | stray, text: `--tcp-flags ${flagList(mask)} ${flagList(value | stray)}` };
}

function flagList(bits: number): string {
  if (bits === 0) return 'NONE';
  if (bits === 0x3f) return 'ALL';
  return FLAG_NAMES.flatMap(([name, bit]) => (bits & bit ? [name] : [])).join(',');
}

function randomIcmp(choice: Choice): IcmpSpec {
  const negated = choice.chance(0.2);
  switch (
    choice.weighted([
      [5, 'name'],
      [3, 'type'],
      [3, 'code'],
      [1, 'any'],
    ] as const)
  ) {
    case 'name': {
      const [text, type, code] = choice.pick(ICMP_NAMES);
      return { negated, type, ...(code !== undefined && { code }), text };
    }
    case 'type': {
      const type = choice.pick([0, 3, 5, 8, 11, 13, 40, 254]);
      return { negated, type, text: `${type}` };
    }
    case 'code': {
      const [type, code] = [choice.pick([3, 5, 8, 11, 12]), choice.pick([0, 1, 3, 255])];
      return { negated, type, code, text: `${type}/${code}` };
    }
    case 'any':
      return { negated, text: 'any' };
  }
}
