// The kernel that the process runs on, as the engine sees it.

import type { EarlyFacts, ForeignFacts } from '../base/early.ts';
import type { Family } from '../base/family.ts';
import { HOOK_NUMBER } from '../base/hooks.ts';
import { addressGenerationProgram } from '../codegen/address-generation.ts';
import { readSurroundings, type Surroundings, surroundingsMap, surroundingsProgram } from '../codegen/surroundings.ts';
import {
  attachNetfilter,
  attachXdp,
  closeDescriptor,
  createMap,
  linkProgramName,
  loadProgram,
  mapMemory,
  mapValueSize,
  netfilterPriority,
  openPin,
  openSlot,
  pin,
  rewriteMap,
  setSlot,
  testRun,
  unmapMemory,
  updateXdp,
  xdpLinkDevice,
} from '../kernel/bpf.ts';
import { findPinDirectory, openPinDirectory } from '../kernel/bpffs.ts';
import { holdConntrack, isConntrackHeld, releaseConntrack } from '../kernel/conntrack.ts';
import { KernelError } from '../kernel/errors.ts';
import { probeFeatures } from '../kernel/features.ts';
import { foreignFilters } from '../kernel/foreign.ts';
import { foreignChains } from '../kernel/foreign-rules.ts';
import { kernelNames } from '../kernel/named-objects.ts';
import { bootId, currentCookie, currentInode, isInUse, nameOfCurrent } from '../kernel/namespace.ts';
import {
  bridgesAskNetfilter,
  forwards,
  forwards6,
  ignoresLinkDown,
  listRoutes,
  listRoutes6,
  routingTables,
  takesIpv6,
} from '../kernel/routes.ts';
import { type Link, listLinks, localDestinations, localDestinations6 } from '../kernel/rtnetlink.ts';
import { isFunctionAt } from '../kernel/symbols.ts';
import { lockFile, sleep, waitForGracePeriod } from '../kernel/wait.ts';
import { earlyFacts, earlyFacts6 } from './early-facts.ts';
import { foreignFacts } from './early-foreign.ts';
import type { Descriptor, Kernel } from './kernel.ts';

/** A family's address generation of this namespace, by a test run: its device is the loopback device. */
export function readAddressGeneration(family: Family = 'ipv4'): number {
  const program = loadProgram(addressGenerationProgram(probeFeatures(), family), new Map());
  try {
    return testRun(program, new Uint8Array(64)).result;
  } finally {
    closeDescriptor(program);
  }
}

/** Programs that look around, each with the map that it fills: loaded once in a process, as they are large. */
const lookers = new Map<Family, { readonly program: Descriptor; readonly bytes: Uint8Array }>();

function surroundings(family: Family): Surroundings {
  let looker = lookers.get(family);
  if (looker === undefined) {
    looker = loadLooker(family);
    lookers.set(family, looker);
  }
  const { program, bytes } = looker;
  bytes.fill(0);
  testRun(program, new Uint8Array(64));
  return readSurroundings(bytes);
}

function loadLooker(family: Family): { readonly program: Descriptor; readonly bytes: Uint8Array } {
  const definition = surroundingsMap();
  const map = createMap(definition);
  try {
    const program = loadProgram(surroundingsProgram(probeFeatures(), family), new Map([[definition.name, map]]));
    return { program, bytes: mapMemory(map, definition.valueSize) };
  } finally {
    // The program keeps it.
    closeDescriptor(map);
  }
}

/**
 * Devices whose packets nobody has seen before XDP does: a bridge may have shown its own to connection tracking and NAT
 * (`br_nf_pre_routing`, net/bridge/br_netfilter_hooks.c), so their headers may be others than those that came.
 */
function entrances(): Link[] {
  const links = listLinks();
  if (!bridgesAskNetfilter()) return links;
  const bridged = new Set(links.filter(({ kind }) => kind === 'bridge').map(({ ifindex }) => ifindex));
  for (let before = -1; before !== bridged.size; ) {
    before = bridged.size;
    for (const { ifindex, kind, lower } of links) if (kind !== 'veth' && bridged.has(lower ?? 0)) bridged.add(ifindex);
  }
  return links.filter(({ ifindex }) => !bridged.has(ifindex));
}

function factsOfIpv4(): EarlyFacts | undefined {
  const devices = entrances().map(({ ifindex, name }) => ({ ifindex, name, forwards: forwards(name) }));
  return withForeign(earlyFacts(listRoutes(), routingTables(), devices));
}

function withForeign(facts: EarlyFacts | undefined): EarlyFacts | undefined {
  return facts && { ...facts, foreign: factsOfForeign(facts.family) };
}

function factsOfForeign(family: Family): ForeignFacts {
  try {
    return foreignFacts(foreignChains(family));
  } catch (error) {
    if (error instanceof KernelError) return { why: error.message };
    throw error;
  }
}

function factsOfIpv6(): EarlyFacts | undefined {
  const links = listLinks();
  const isForwarding = forwards6();
  const devices = entrances()
    .filter(({ name }) => takesIpv6(name))
    .map(({ ifindex, name }) => ({ ifindex, name, forwards: isForwarding }));
  // No word changes with the link of a device.
  const unsure = new Set(links.filter(({ name }) => ignoresLinkDown(name)).map(({ ifindex }) => ifindex));
  const routes = listRoutes6().map((route) =>
    route.devices.some((device) => unsure.has(device)) ? { ...route, plain: false } : route,
  );
  return withForeign(earlyFacts6(routes, routingTables('ipv6'), devices));
}

export const systemKernel: Kernel = {
  features: probeFeatures,
  hostFacts: (guarded, family) => ({
    // The generation first: a change between the two makes the facts out of date, never wrong unnoticed.
    ...(guarded && { addressGeneration: readAddressGeneration(family) }),
    ...(family === 'ipv4'
      ? { localDestinations: localDestinations() }
      : { localDestinations: [], ipv6: localDestinations6() }),
  }),
  surroundings,
  earlyFacts: (family) => (family === 'ipv4' ? factsOfIpv4() : factsOfIpv6()),
  isFunctionAt,
  devices: listLinks,
  names: kernelNames,
  namespace: () => {
    const name = nameOfCurrent();
    const identity = { cookie: currentCookie(), inode: currentInode(), bootId: bootId() };
    return name === undefined ? identity : { ...identity, name };
  },
  isNamespaceInUse: isInUse,
  holdConntrack,
  releaseConntrack,
  isConntrackHeld,
  foreignFilters,
  findPinDirectory,
  openPinDirectory,
  pin,
  openPin,
  close: closeDescriptor,
  createMap,
  valueSize: mapValueSize,
  rewriteMap,
  loadProgram,
  mapBytes: mapMemory,
  unmap: unmapMemory,
  setSlot,
  openSlot,
  attachHook: (program, family, hook, priority) => attachNetfilter(program, family, HOOK_NUMBER[hook], priority),
  attachDevice: attachXdp,
  updateDevice: updateXdp,
  linkProgramName,
  hookLinkPriority: netfilterPriority,
  deviceLinkIfindex: (link) => xdpLinkDevice(link) || undefined,
  deviceModes: () =>
    new Map(listLinks().flatMap(({ ifindex, xdp }) => (xdp === 'native' || xdp === 'generic' ? [[ifindex, xdp]] : []))),
  waitForGracePeriod,
  sleep,
  lock: lockFile,
};
