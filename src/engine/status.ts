// What `status` shows.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Counters } from '../base/counters.ts';
import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import { FILTER_CHAINS } from '../base/hooks.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { conntrackWarnings } from './conntrack.ts';
import { readEarlyDrops } from './counters.ts';
import { areFit, keptMode, type LeftDevice, leftOut, NOTHING_EARLY } from './devices.ts';
import { foreignNotes } from './early-foreign.ts';
import { earlyState, whyNone } from './early-sync.ts';
import { mapReader } from './flip.ts';
import type { InForce } from './in-force.ts';
import { Installation } from './installation.ts';
import { keptWarning } from './kept.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, ownerOfPins } from './layout.ts';
import { listStates } from './namespaces.ts';
import { InstallationError } from './pins.ts';
import { ruleCount } from './slots.ts';
import type { DeviceStatus, EarlyStatus, FamilyStatus, HookStatus, Status } from './types.ts';

export interface StatusFacts {
  readonly kernel: Kernel;
  readonly directories: Directories;
  readonly identity: NamespaceIdentity;
  readonly pins: string;
  readonly installation: Installation | undefined;
  readonly families: Readonly<Record<Family, FamilyFacts>>;
}

/** What there is of a family. */
export interface FamilyFacts {
  /** What to say where the store has lost the rules in force, or cannot be read. */
  readonly lost: string | undefined;
  readonly found: InForce | undefined;
  readonly undecided: Counters;
  /** What is kept at placement `none`. */
  readonly kept: Ruleset | undefined;
}

const renamed = (before: string) => `it was ${before} when the rules were compiled; \`bpfilter sync\` looks at it anew`;
const RETRY = '`bpfilter sync` attaches to it once it can';

export function describeStatus(facts: StatusFacts): Status {
  const { kernel, identity } = facts;
  const families = { ipv4: familyStatus(facts, 'ipv4'), ipv6: familyStatus(facts, 'ipv6') };
  const { others, damaged } = otherNamespaces(facts);
  const warnings = [
    ...new Set(FAMILIES.flatMap((family) => facts.families[family].lost ?? [])),
    ...kernel.foreignFilters(),
    ...FAMILIES.flatMap((family) => warningsOf(facts, family, families[family])),
    ...damaged,
  ];
  return {
    namespace: { cookie: identity.cookie, ...(identity.name === undefined ? {} : { name: identity.name }) },
    families,
    warnings,
    others,
  };
}

function familyStatus({ kernel, installation, families }: StatusFacts, family: Family): FamilyStatus {
  const { found, kept, undecided } = families[family];
  const generation = installation?.generation(family) ?? 0;
  const request = found?.request;
  const devices =
    request !== undefined && request.placement !== 'netfilter' ? deviceStatus(kernel, installation!, found!) : [];
  // At placement exact netfilter enforces the rules for devices without a program.
  const isServed = ({ note }: DeviceStatus) => note === undefined || request?.placement !== 'exact';
  const idle = devices.filter((each) => !isServed(each)).map(({ name, note }) => ({ name, why: note! }));
  const where = {
    hooks: request !== undefined && request.placement !== 'xdp' ? hookStatus(installation!, family) : [],
    devices: devices.filter(isServed),
    dropped: {
      emptySlot: String(installation?.emptySlotDrops(family) ?? 0n),
      undecided: String(undecided.packets),
    },
  };
  const canDrop = devices.some(isServed);
  const early =
    request?.placement === 'exact' ? earlyStatus(kernel, installation!, family, found!, canDrop) : undefined;
  const left = found?.request.placement === 'exact' ? [...idle, ...leftOutStatus(kernel, found)] : [];
  if (generation !== 0) {
    if (found === undefined) return { generation, rules: 0, ...where };
    return {
      generation,
      placement: found.request.placement,
      rules: ruleCount(found.plan),
      ...where,
      ...(early && { early }),
      ...(left.length > 0 && { leftOut: left }),
    };
  }
  if (kept === undefined) return { generation: 0, rules: 0, ...where };
  const chains = kept.tables.flatMap((table) => table.chains);
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  return { generation: 0, placement: 'none', rules, ...where };
}

/** What is wrong with a family, or must not be missed. */
function warningsOf({ kernel, families }: StatusFacts, family: Family, status: FamilyStatus): string[] {
  const { found } = families[family];
  const name = FAMILY_NAME[family];
  const warnings = status.placement === 'none' ? [keptWarning(family)] : [];
  if (found?.request.transitionTo !== undefined)
    warnings.push(`a change of the placement of ${name} was interrupted; the next change ends it`);
  const addressGeneration = found?.manifest.addressGeneration;
  if (addressGeneration !== undefined && kernel.hostFacts(true, family).addressGeneration !== addressGeneration) {
    warnings.push(
      `${name} addresses have changed since the rules were applied: packets to others than those known then are dropped ` +
        'as undecided; apply the rules again',
    );
  }
  warnings.push(...conntrackWarnings(kernel, family, found?.manifest));
  for (const { hook, attached } of status.hooks)
    if (!attached) warnings.push(`${hook} of ${name} is not attached: its rules are not enforced`);
  for (const { name: device, note } of status.devices) if (note !== undefined) warnings.push(`${device}: ${note}`);
  const { waiting } = status.early ?? {};
  if (waiting !== undefined) warnings.push(`early verdicts of ${name} wait, because ${waiting}`);
  const { emptySlot } = status.dropped;
  if (emptySlot !== '0')
    warnings.push(`${emptySlot} packets of ${name} were dropped because the kernel had lost their rules`);
  return warnings;
}

function earlyStatus(
  kernel: Kernel,
  installation: Installation,
  family: Family,
  { request, manifest, counterMap, layout }: InForce,
  canDrop: boolean,
): EarlyStatus {
  const { early: choice = 'fast' } = request;
  if (choice === 'off') return { choice, dropped: '0' };
  if (manifest.early === undefined) {
    const mayServe = request.ifindexes.length > 0 || areFit(request, kernel);
    return { choice, dropped: '0', none: mayServe ? whyNone(kernel, family, choice) : 'no device can be served' };
  }
  const dropped = readEarlyDrops(counterMap, layout, mapReader(installation, family)).packets;
  if (!canDrop) return { choice, dropped: String(dropped), none: 'all its devices are left out' };
  const { foreign, ...state } = earlyState(kernel, installation, family, manifest.early);
  const left = foreignNotes(foreign).join('; ');
  return { choice, dropped: String(dropped), ...state, ...(left !== '' && { left }) };
}

function leftOutStatus(kernel: Kernel, { request: { leftOut: names = [], mode }, manifest }: InForce): LeftDevice[] {
  const still = new Map(leftOut(names, kernel.devices(), mode).map((each) => [each.name, each]));
  const why = manifest.early === undefined ? NOTHING_EARLY : 'it can be served now: `bpfilter sync` attaches to it';
  return names.map((name) => still.get(name) ?? { name, why });
}

function hookStatus(installation: Installation, family: Family): HookStatus[] {
  const links = installation.links.attachedHooks(family);
  return FILTER_CHAINS.map((hook) => {
    const link = links.find((l) => l.hook === hook);
    return link === undefined ? { hook, attached: false } : { hook, attached: true, priority: link.priority };
  });
}

function deviceStatus(
  kernel: Kernel,
  installation: Installation,
  { family, request, manifest }: InForce,
): DeviceStatus[] {
  const present = new Map(kernel.devices().map((device) => [device.ifindex, device]));
  const links = installation.links.attachedDevices().filter(({ families, gone }) => !gone && families.includes(family));
  const served = new Set(links.map(({ ifindex }) => ifindex));
  const modes = kernel.deviceModes();
  return request.devices.map((appliedName, index) => {
    const ifindex = request.ifindexes[index]!;
    const device = present.get(ifindex);
    if (device === undefined) return { name: appliedName, ifindex, note: 'the device is gone' };
    const { name } = device;
    const mode = modes.get(ifindex);
    if (mode === undefined || !served.has(ifindex)) {
      const note =
        mode !== undefined ? 'another XDP program is attached to it' : 'no rules are attached to this device';
      return { name, ifindex, note: request.placement === 'exact' ? `${note}; ${RETRY}` : note };
    }
    // Early verdicts are certain of devices by name, and programs look.
    if (manifest.early !== undefined && name !== appliedName) return { name, ifindex, note: renamed(appliedName) };
    return { name, ifindex, ...keptMode(device, request.mode, mode) };
  });
}

/**
 * Other namespaces of this boot with pins of ours, and what to say of those whose pins are not whole; what nobody uses any
 * more has been released before.
 */
function otherNamespaces({ directories, kernel, identity, pins }: StatusFacts) {
  const root = dirname(pins);
  const others: Status['others'][number][] = [];
  const damaged: string[] = [];
  if (!existsSync(root)) return { others, damaged };
  const states = listStates(directories).filter((state) => state.bootId === identity.bootId);
  for (const directory of readdirSync(root)) {
    const owner = ownerOfPins(directory);
    if (owner === undefined || owner.cookie === identity.cookie) continue;
    const name = states.find(({ cookie }) => cookie === owner.cookie)?.name;
    try {
      const other = Installation.open(kernel, join(root, directory));
      const generations = { ipv4: other?.generation('ipv4') ?? 0, ipv6: other?.generation('ipv6') ?? 0 };
      other?.close();
      others.push({ cookie: owner.cookie, ...(name === undefined ? {} : { name }), generations });
    } catch (error) {
      if (!(error instanceof InstallationError)) throw error;
      damaged.push(`namespace ${name ?? `with cookie ${owner.cookie}`}: ${error.message}`);
    }
  }
  return { others, damaged };
}
