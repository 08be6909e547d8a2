// What `status` shows.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Counters } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import { FILTER_CHAINS } from '../base/hooks.ts';
import type { Ruleset } from '../ruleset/model.ts';
import type { StoredRequest } from './flip.ts';
import type { InForce } from './in-force.ts';
import { Installation } from './installation.ts';
import { keptWarning } from './kept.ts';
import type { Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, ownerOfPins } from './layout.ts';
import { listStates } from './namespaces.ts';
import { ruleCount } from './slots.ts';
import type { DeviceStatus, FamilyStatus, HookStatus, Status } from './types.ts';

export interface StatusFacts {
  readonly kernel: Kernel;
  readonly directories: Directories;
  readonly identity: NamespaceIdentity;
  readonly pins: string;
  readonly installation: Installation | undefined;
  /** What to say where the store has lost the rules in force. */
  readonly lost: string | undefined;
  readonly found: InForce | undefined;
  readonly undecided: Counters;
  /** What a family keeps at placement `none`. */
  kept(family: Family): Ruleset | undefined;
}

export function describeStatus(facts: StatusFacts): Status {
  const { kernel, identity, installation, found } = facts;
  const request = found?.request;
  const hooks = hookStatus(installation, request);
  const devices = request?.placement === 'xdp' ? deviceStatus(kernel, installation!, request) : [];
  const families = { ipv4: familyStatus(facts, 'ipv4'), ipv6: familyStatus(facts, 'ipv6') };
  const emptySlot = installation?.emptySlotDrops ?? 0n;
  const warnings = [...(facts.lost === undefined ? [] : [facts.lost]), ...kernel.foreignFilters()];
  for (const family of ['ipv4', 'ipv6'] as const)
    if (families[family].placement === 'none') warnings.push(keptWarning(family));
  if (request?.transitionTo !== undefined)
    warnings.push('a change of placement was interrupted; the next change ends it');
  const addressGeneration = found?.manifest.addressGeneration;
  if (addressGeneration !== undefined && kernel.hostFacts(true).addressGeneration !== addressGeneration) {
    warnings.push(
      'IPv4 addresses have changed since the rules were applied: packets to others than those known then are dropped ' +
        'as undecided; apply the rules again',
    );
  }
  for (const { hook, attached } of hooks)
    if (!attached) warnings.push(`${hook} is not attached: its rules are not enforced`);
  for (const { name, note } of devices) if (note !== undefined) warnings.push(`${name}: ${note}`);
  if (emptySlot > 0n) warnings.push(`${emptySlot} packets were dropped because the kernel had lost their rules`);
  return {
    namespace: { cookie: identity.cookie, ...(identity.name === undefined ? {} : { name: identity.name }) },
    families,
    hooks,
    devices,
    dropped: { emptySlot: String(emptySlot), undecided: String(facts.undecided.packets) },
    warnings,
    others: otherNamespaces(facts),
  };
}

function familyStatus({ installation, found, kept }: StatusFacts, family: Family): FamilyStatus {
  const generation = family === 'ipv4' ? (installation?.generation ?? 0) : 0;
  if (generation !== 0) {
    if (found === undefined) return { generation, rules: 0 };
    return { generation, placement: found.request.placement, rules: ruleCount(found.plan) };
  }
  const ruleset = kept(family);
  if (ruleset === undefined) return { generation: 0, rules: 0 };
  const chains = ruleset.tables.flatMap((table) => table.chains);
  return { generation: 0, placement: 'none', rules: chains.reduce((sum, { rules }) => sum + rules.length, 0) };
}

function hookStatus(installation: Installation | undefined, request: StoredRequest | undefined): HookStatus[] {
  if (request?.placement !== 'netfilter') return [];
  const links = installation?.attachedHooks() ?? [];
  return FILTER_CHAINS.map((hook) => {
    const link = links.find((l) => l.hook === hook);
    return link === undefined ? { hook, attached: false } : { hook, attached: true, priority: link.priority };
  });
}

function deviceStatus(kernel: Kernel, installation: Installation, request: StoredRequest): DeviceStatus[] {
  const present = kernel.devices();
  const links = installation.attachedDevices();
  return request.devices.map((appliedName, index) => {
    const ifindex = request.ifindexes[index]!;
    const device = present.find((d) => d.ifindex === ifindex);
    if (device === undefined) return { name: appliedName, ifindex, note: 'the device is gone' };
    const { name } = device;
    const link = links.find((l) => l.ifindex === device.ifindex && !l.gone);
    const mode = link === undefined ? undefined : kernel.deviceMode(device.ifindex);
    if (mode === undefined) return { name, ifindex: device.ifindex, note: 'no rules are attached to this device' };
    return { name, ifindex: device.ifindex, mode };
  });
}

/** Other namespaces of this boot with pins of ours; what nobody uses any more has been released before. */
function otherNamespaces({ directories, kernel, identity, pins }: StatusFacts): Status['others'] {
  const root = dirname(pins);
  if (!existsSync(root)) return [];
  const states = listStates(directories).filter((state) => state.bootId === identity.bootId);
  return readdirSync(root).flatMap((directory) => {
    const owner = ownerOfPins(directory);
    if (owner === undefined || owner.cookie === identity.cookie) return [];
    const other = Installation.open(kernel, join(root, directory));
    const generation = other?.generation ?? 0;
    other?.close();
    const name = states.find(({ cookie }) => cookie === owner.cookie)?.name;
    return [{ cookie: owner.cookie, ...(name === undefined ? {} : { name }), generation }];
  });
}
