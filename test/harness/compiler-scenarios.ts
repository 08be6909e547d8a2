// What the compiler's oracle draws from, per placement, so that the kernel's test runs can show it.

import type { Family } from '../../src/base/family.ts';
import type { HostFacts } from '../../src/base/features.ts';
import type { EnforcingPlacement } from '../../src/base/hooks.ts';
import { contains, normalize } from '../../src/base/intervals.ts';
import { GROUP_ADDRESSES } from '../../src/base/ipv4.ts';
import { type HookPacket, Ipv4View, Ipv6View } from '../../src/base/packet.ts';
import { containsWide, normalizeWide, WIDE_MAXIMUM, type WideIntervalSet } from '../../src/base/wide-intervals.ts';
import { type Budget, DEFAULT_BUDGET } from '../../src/classify/budget.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import type { ScenarioOptions } from './generate.ts';
import { EVERYTHING, EVERYTHING6, type Vocabulary, XDP } from './random-rules.ts';

const LOOPBACK: Pick<Vocabulary, 'inDevices' | 'outDevices'> = { inDevices: ['lo'], outDevices: ['lo'] };

// Which chain a packet is for, XDP tells by its destination: half of the addresses are this host's, and groups are.
const isOwn = (_: number | bigint, index: number): boolean => index % 2 === 0;
const OWN = EVERYTHING.destinations.INPUT.filter(isOwn);
const FOREIGN = EVERYTHING.destinations.FORWARD.filter((address, index) => !isOwn(address, index));
const LOCAL = normalize([...GROUP_ADDRESSES, ...OWN.map((address) => ({ low: address, high: address }))]);

function chooseHook(packet: HookPacket): HookPacket {
  return { ...packet, hook: contains(LOCAL, new Ipv4View(packet).destination) ? 'INPUT' : 'FORWARD' };
}

// The kernel's test run of netfilter programs takes bytes 12 and 13 of what it is given for an ethertype, also at
// OUTPUT, where it shows the program all of it as the packet: there, only packets from 8.0.0.0/16 get through. At
// every hook packets go out by the loopback device and come in by none.
const TEST_RUN_SOURCES = [...EVERYTHING.sources, 0x08000000, 0x080000ff, 0x08000100, 0x0800ffff];

/** As the kernel's test runs show packets. */
function comeByNone(packet: HookPacket): HookPacket {
  return { ...packet, inDevice: '', outDevice: 'lo' };
}

function fitTestRun(packet: HookPacket): HookPacket {
  const bytes = packet.bytes.slice();
  if (packet.hook === 'OUTPUT') bytes.set([8, 0], 12);
  return { ...packet, bytes, inDevice: '', outDevice: 'lo' };
}

// The same of IPv6.
const OWN6 = EVERYTHING6.destinations.INPUT.filter(isOwn);
const FOREIGN6 = EVERYTHING6.destinations.FORWARD.filter((_, index) => !isOwn(_, index));
const LOCAL6 = normalizeWide([
  { low: 0xff00n << 112n, high: WIDE_MAXIMUM },
  ...OWN6.map((address) => ({ low: address, high: address })),
]);

/** A packet of no payload behind hop-by-hop options would end with the frame, of which the interpreter is not told. */
function chooseHook6(packet: HookPacket): HookPacket {
  const bytes = packet.bytes.slice();
  if (bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0) bytes[6] = 59;
  const isLocal = containsWide(LOCAL6, new Ipv6View(packet).destination);
  return { ...packet, bytes, hook: isLocal ? 'INPUT' : 'FORWARD' };
}

/** One device's name is the beginning of another's. */
const DEVICES: Pick<Vocabulary, 'inDevices' | 'outDevices'> = {
  inDevices: ['lo', 'eth0', 'eth00', 'veth0', 'a2345678901234'],
  outDevices: ['lo', 'eth0', 'eth00', 'veth0', 'a2345678901234'],
};

export interface OraclePlacement {
  readonly name: string;
  /** Whether the kernel's test runs can show these packets; our own machine can always. */
  readonly inKernel: boolean;
  readonly placement: EnforcingPlacement;
  /** IPv4 if absent. */
  readonly family?: Family;
  readonly options: Omit<ScenarioOptions, 'packets'>;
  readonly localDestinations: HostFacts['localDestinations'];
  readonly localDestinations6?: WideIntervalSet;
}

const AT_XDP: Vocabulary<number> = { ...XDP, destinations: { INPUT: OWN, FORWARD: FOREIGN, OUTPUT: [] } };

const AT_XDP6: Vocabulary<bigint> = {
  ...EVERYTHING6,
  ...{ hooks: XDP.hooks, outDeviceRules: false },
  destinations: { INPUT: OWN6, FORWARD: FOREIGN6, OUTPUT: [] },
};

export const ORACLE_PLACEMENTS: readonly OraclePlacement[] = [
  {
    name: 'netfilter',
    inKernel: true,
    placement: 'netfilter',
    options: { vocabulary: { ...EVERYTHING, ...LOOPBACK, sources: TEST_RUN_SOURCES }, settle: fitTestRun },
    localDestinations: LOCAL,
  },
  {
    name: 'xdp',
    inKernel: true,
    placement: 'xdp',
    options: { vocabulary: { ...AT_XDP, ...LOOPBACK }, settle: chooseHook },
    localDestinations: LOCAL,
  },
  {
    name: 'netfilter, any device',
    inKernel: false,
    placement: 'netfilter',
    options: { vocabulary: { ...EVERYTHING, ...DEVICES } },
    localDestinations: LOCAL,
  },
  {
    name: 'netfilter, connections',
    inKernel: false,
    placement: 'netfilter',
    options: { vocabulary: { ...EVERYTHING, ...DEVICES, connections: 'given' } },
    localDestinations: LOCAL,
  },
  {
    name: 'netfilter, IPv6',
    inKernel: true,
    placement: 'netfilter',
    family: 'ipv6',
    options: { vocabulary: { ...EVERYTHING6, ...LOOPBACK }, settle: comeByNone },
    localDestinations: [],
  },
  {
    name: 'netfilter, IPv6, any device',
    inKernel: false,
    placement: 'netfilter',
    family: 'ipv6',
    options: { vocabulary: { ...EVERYTHING6, ...DEVICES } },
    localDestinations: [],
  },
  {
    name: 'netfilter, IPv6, connections',
    inKernel: false,
    placement: 'netfilter',
    family: 'ipv6',
    options: { vocabulary: { ...EVERYTHING6, ...DEVICES, connections: 'given' } },
    localDestinations: [],
  },
  {
    name: 'xdp, IPv6',
    inKernel: true,
    placement: 'xdp',
    family: 'ipv6',
    options: { vocabulary: { ...AT_XDP6, ...LOOPBACK }, settle: chooseHook6 },
    localDestinations: [],
    localDestinations6: LOCAL6,
  },
  {
    name: 'xdp, any device',
    inKernel: false,
    placement: 'xdp',
    options: { vocabulary: { ...AT_XDP, ...DEVICES }, settle: chooseHook },
    localDestinations: LOCAL,
  },
];

export interface OracleSetting {
  readonly name: string;
  readonly finish?: FinishName;
  readonly budget?: Budget;
}

const short = (name: string, budget: Partial<Budget>): OracleSetting => ({
  name: `few ${name}`,
  budget: { ...DEFAULT_BUDGET, linearRules: 0, ...budget },
});

/** Every finish forced in turn, and every budget too small, so that what comes next is taken. */
export const ORACLE_SETTINGS: readonly OracleSetting[] = [
  ...(['dense', 'tuples', 'masks', 'linear', 'walk'] as const).map((finish) => ({ name: `forced: ${finish}`, finish })),
  { name: 'asked by the graph', budget: { ...DEFAULT_BUDGET, linearRules: 1000 } },
  short('cells', { crossCells: 60, denseCells: 200 }),
  short('cells, tuples and masks', { crossCells: 60, denseCells: 60, tuples: 6, masks: 1 }),
  short('counters', { listCounters: 2 }),
  short('overlaps', { overlap: 0 }),
  short('decisions and outcome words', { flatten: 0, outcomeWords: 2 }),
  short('segments, and no copies of chains', { flatten: 0, decisions: 0, segments: 1 }),
  short('bytes of all tables', { tableBytes: 2000 }),
  short('bytes of all tables, and tests as code', { tableBytes: 0, codeTests: 0, segments: 8 }),
  short('bytes of indexes, which are of elements', { indexBytes: 600, indexNodes: false }),
  short('segments, bytes and tuples', { segments: 24, denseBytes: 200, tuples: 4, masks: 0 }),
];
