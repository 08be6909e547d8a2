// Random packets, most of them aimed at a rule: a way from a hook to the rule is chosen, and what the rules on the way
// ask is written into the packet, at the border of the predicate as often as inside it; some miss on purpose by one.

import type { Address } from '../../src/base/address.ts';
import { FILTER_CHAINS, type FilterChain } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { and, not, oneBit, or, randomLike, xor } from './address-bits.ts';
import { buildPacket, type PacketFields, type Transport } from './packet-builder.ts';
import type { Choice } from './random.ts';
import { randomIpv6Packet } from './random-ipv6.ts';
import { PORTS } from './random-rule-parts.ts';
import { familyOf, type Vocabulary } from './random-rules.ts';
import type { AddressSpec, DeviceSpec, RangeSpec, RuleSpec, RulesetSpec } from './rule-spec.ts';

/** What a packet is made of while it is being aimed. */
interface Draft {
  readonly hook: FilterChain;
  inDevice: string;
  outDevice: string;
  source: Address;
  destination: Address;
  protocol: number;
  /** The family's ICMP. */
  readonly icmpProtocol: number;
  sport: number;
  dport: number;
  flags: number;
  icmpType: number;
  icmpCode: number;
}

/** Makes `count` packets that visit the rules of the ruleset in turn, and some that are aimed at nothing. */
export function randomPackets(
  choice: Choice,
  vocabulary: Vocabulary,
  ruleset: RulesetSpec,
  count: number,
): HookPacket[] {
  const ways = new Ways(ruleset, vocabulary.hooks);
  const rules = ruleset.chains.flatMap(({ name, rules }) =>
    rules.map((rule, i) => ({ chain: name, rule, all: rules, i })),
  );
  const reachable = rules.filter(({ chain }) => ways.reaches(chain));
  const deciding = reachable.filter(({ rule }) => decides(rule));
  return Array.from({ length: count }, (_, n) => {
    const pool = deciding.length > 0 && choice.chance(0.5) ? deciding : reachable;
    if (pool.length === 0 || choice.chance(0.06)) {
      return finish(choice, randomDraft(choice, vocabulary, choice.pick(vocabulary.hooks)));
    }
    const aim = pool[n % pool.length]!;
    const { hook, callers } = ways.choose(choice, aim.chain, aim.rule);
    const draft = randomDraft(choice, vocabulary, hook);
    // A rule that lets the packet go on is met on the way to one that does not.
    const further = aim.all.slice(aim.i + 1).filter(decides);
    if (!decides(aim.rule) && further.length > 0) satisfy(choice, vocabulary, draft, choice.pick(further));
    for (const caller of callers) satisfy(choice, vocabulary, draft, caller);
    satisfy(choice, vocabulary, draft, aim.rule, choice.chance(0.1));
    return finish(choice, draft);
  });
}

function decides(rule: RuleSpec): boolean {
  return rule.target.kind === 'ACCEPT' || rule.target.kind === 'DROP';
}

/** Who calls whom. */
class Ways {
  private readonly callers = new Map<string, { chain: string; rule: RuleSpec }[]>();
  private readonly hooks: readonly FilterChain[];

  constructor(ruleset: RulesetSpec, hooks: readonly FilterChain[]) {
    this.hooks = hooks;
    for (const { name, rules } of ruleset.chains) {
      if (!this.reaches(name)) continue;
      for (const rule of rules) {
        if (rule.target.kind !== 'jump' && rule.target.kind !== 'goto') continue;
        const list = this.callers.get(rule.target.chain) ?? [];
        this.callers.set(rule.target.chain, [...list, { chain: name, rule }]);
      }
    }
  }

  reaches(chain: string): boolean {
    return FILTER_CHAINS.includes(chain as FilterChain)
      ? this.hooks.includes(chain as FilterChain)
      : this.callers.has(chain);
  }

  /** A way from a hook to the rule: the rules that call its chain, outermost first. */
  choose(choice: Choice, chain: string, rule: RuleSpec): { hook: FilterChain; callers: RuleSpec[] } {
    let way = this.walk(choice, chain);
    for (let tries = 0; tries < 3 && ![...way.callers, rule].every((r) => hasDevices(r, way.hook)); tries++) {
      way = this.walk(choice, chain);
    }
    return way;
  }

  private walk(choice: Choice, chain: string): { hook: FilterChain; callers: RuleSpec[] } {
    const callers: RuleSpec[] = [];
    let at = chain;
    while (!FILTER_CHAINS.includes(at as FilterChain)) {
      const caller = choice.pick(this.callers.get(at)!);
      callers.unshift(caller.rule);
      at = caller.chain;
    }
    return { hook: at as FilterChain, callers };
  }
}

/** Whether the hook has the devices that the rule asks for. */
function hasDevices(rule: RuleSpec, hook: FilterChain): boolean {
  const { inDevice, outDevice } = rule;
  return !(hook === 'OUTPUT' && inDevice?.negated === false) && !(hook === 'INPUT' && outDevice?.negated === false);
}

function randomDraft(choice: Choice, vocabulary: Vocabulary, hook: FilterChain): Draft {
  const address = (pool: readonly Address[]): Address =>
    choice.chance(0.9) ? choice.pick(pool) : randomLike(choice, pool[0]!);
  const isIpv6 = familyOf(vocabulary) === 'ipv6';
  const port = (): number => (choice.chance(0.5) ? choice.pick(PORTS) : choice.integer(0, 65535));
  return {
    hook,
    inDevice: hook === 'OUTPUT' ? '' : choice.pick(vocabulary.inDevices),
    outDevice: hook === 'INPUT' ? '' : choice.pick(vocabulary.outDevices),
    source: address(vocabulary.sources),
    destination: address(vocabulary.destinations[hook]),
    protocol: choice.weighted([
      [8, 6],
      [5, 17],
      [4, isIpv6 ? 58 : 1],
      [1, 50],
      [1, 47],
      [1, choice.integer(0, 255)],
    ]),
    icmpProtocol: isIpv6 ? 58 : 1,
    sport: port(),
    dport: port(),
    flags: choice.weighted([
      [3, 2],
      [3, 0x10],
      [1, 0x12],
      [1, 0],
      [2, choice.integer(0, 255)],
    ]),
    icmpType: choice.pick(isIpv6 ? [1, 2, 3, 4, 128, 129] : [0, 3, 5, 8, 11]),
    icmpCode: choice.pick([0, 0, 1, 3, 4]),
  };
}

/** Writes into the draft what the rule asks for; with `miss`, one thing it asks for is made false. */
function satisfy(choice: Choice, vocabulary: Vocabulary, draft: Draft, rule: RuleSpec, miss = false): void {
  const steps: ((spoil: boolean) => void)[] = [];
  const { source, destination, inDevice, outDevice, protocol, match } = rule;
  if (source) steps.push((spoil) => (draft.source = aimAddress(choice, source, draft.source, spoil)));
  if (destination) {
    steps.push((spoil) => (draft.destination = aimAddress(choice, destination, draft.destination, spoil)));
  }
  if (inDevice && draft.hook !== 'OUTPUT') {
    steps.push((spoil) => (draft.inDevice = aimDevice(choice, inDevice, vocabulary.inDevices, draft.inDevice, spoil)));
  }
  if (outDevice && draft.hook !== 'INPUT') {
    steps.push(
      (spoil) => (draft.outDevice = aimDevice(choice, outDevice, vocabulary.outDevices, draft.outDevice, spoil)),
    );
  }
  if (protocol && protocol.number !== 0) {
    steps.push((spoil) => {
      const wanted = protocol.negated === spoil;
      if (wanted) draft.protocol = protocol.number;
      else if (draft.protocol === protocol.number)
        draft.protocol = choice.pick([1, 6, 17, 58, 254].filter((p) => p !== protocol.number));
    });
  }
  const { sport, dport, flags, icmp } = match ?? {};
  if (sport) steps.push((spoil) => (draft.sport = aimPort(choice, sport, spoil)));
  if (dport) steps.push((spoil) => (draft.dport = aimPort(choice, dport, spoil)));
  if (flags) {
    steps.push((spoil) => {
      const hit = (flags.value & ~flags.mask) === 0 && flags.negated === spoil;
      const around = choice.integer(0, 255) & ~flags.mask;
      draft.flags = hit ? flags.value | around : (flags.value ^ Number(oneBit(choice, flags.mask))) & 0xff;
    });
  }
  if (icmp?.type !== undefined) {
    const { type, code, lastCode = code } = icmp;
    steps.push((spoil) => {
      const hit = icmp.negated === spoil;
      draft.icmpType = hit || (code !== undefined && choice.chance(0.5)) ? type : (type + choice.pick([1, 255])) & 255;
      if (code !== undefined)
        draft.icmpCode = hit ? choice.pick([code, lastCode!]) : choice.pick([lastCode! + 1, code + 255]) & 255;
    });
  }
  const missed = miss && steps.length > 0 ? choice.integer(0, steps.length - 1) : -1;
  for (const [i, step] of steps.entries()) step(i === missed);
}

function aimAddress(choice: Choice, spec: AddressSpec, current: Address, spoil: boolean): Address {
  const { value, mask } = spec;
  if (spec.negated === spoil) {
    const host = choice.weighted([
      [4, current],
      [1, xor(current, current)],
      [1, or(current, not(current))],
      [1, randomLike(choice, current)],
    ]);
    return or(value, and(host, not(mask)));
  }
  if (and(current, mask) !== value) return current;
  return xor(current, oneBit(choice, mask));
}

function aimDevice(
  choice: Choice,
  spec: DeviceSpec,
  devices: readonly string[],
  current: string,
  spoil: boolean,
): string {
  const isMatch = (device: string): boolean =>
    spec.name.endsWith('+') ? device.startsWith(spec.name.slice(0, -1)) : device === spec.name;
  const wanted = devices.filter((device) => isMatch(device) === (spec.negated === spoil));
  if (wanted.length === 0 || wanted.includes(current)) return current;
  return choice.pick(wanted);
}

function aimPort(choice: Choice, spec: RangeSpec, spoil: boolean): number {
  const { low, high } = spec;
  const outside = [low - 1, high + 1].filter((port) => port >= 0 && port <= 65535);
  if (spec.negated === spoil || outside.length === 0) return choice.pick([low, high, choice.integer(low, high)]);
  return choice.pick(outside);
}

function finish(choice: Choice, draft: Draft): HookPacket {
  const { hook, inDevice, outDevice, source, destination } = draft;
  if (typeof source === 'bigint' || typeof destination === 'bigint') {
    const bytes = randomIpv6Packet(choice, transportOf(draft), BigInt(source), BigInt(destination));
    return { family: 'ipv6', hook, inDevice, outDevice, bytes };
  }
  const payload = choice.bytes(
    choice.weighted([
      [6, 0],
      [5, choice.integer(1, 64)],
      [1, choice.integer(65, 600)],
    ]),
  );
  const shape = choice.weighted([
    [88, 'whole'],
    [4, 'cut'],
    [2, 'first'],
    [3, 'later'],
    [2, 'offset 1'],
    [2, 'cut first'],
  ] as const);
  const cut = {
    whole: false,
    cut: true,
    first: false,
    later: choice.chance(0.3),
    'offset 1': false,
    'cut first': true,
  };
  const fields: PacketFields = {
    source,
    destination,
    transport: transportOf(draft),
    payload: shape === 'later' || shape === 'offset 1' ? choice.bytes(choice.integer(1, 40)) : payload,
    id: choice.integer(1, 65535),
    tos: choice.chance(0.1) ? choice.integer(0, 255) : 0,
    ttl: choice.integer(2, 255),
    dontFragment: choice.chance(0.3) && (shape === 'whole' || shape === 'cut'),
    moreFragments: shape.endsWith('first') || (shape === 'later' && choice.chance(0.5)),
    fragmentOffset: shape === 'offset 1' ? 1 : shape === 'later' ? choice.integer(2, 8000) : 0,
    ...(choice.chance(0.06) && { options: new Uint8Array(4 * choice.integer(1, 10)).fill(1) }),
    ...(cut[shape] && { cut: choice.pick([0, 1, 2, 3, 4, 7, 8, 13, 14, 19, 20]) }),
  };
  return { hook, inDevice, outDevice, bytes: buildPacket(fields) };
}

function transportOf(draft: Draft): Transport {
  const { protocol, sport, dport } = draft;
  switch (protocol) {
    case 6:
      return { kind: 'tcp', sport, dport, flags: draft.flags };
    case 17:
      return { kind: 'udp', sport, dport };
    case draft.icmpProtocol:
      return { kind: 'icmp', type: draft.icmpType, code: draft.icmpCode };
    default:
      return { kind: 'other', protocol };
  }
}
