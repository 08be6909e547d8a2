// The kernel that the process runs on, as the engine sees it.

import { HOOK_NUMBER } from '../base/hooks.ts';
import {
  attachNetfilter,
  attachXdp,
  closeDescriptor,
  createMap,
  loadProgram,
  mapMemory,
  netfilterPriority,
  openPin,
  openSlot,
  pin,
  setSlot,
  unmapMemory,
  xdpLinkDevice,
} from '../kernel/bpf.ts';
import { openPinDirectory } from '../kernel/bpffs.ts';
import { probeFeatures } from '../kernel/features.ts';
import { foreignFilters } from '../kernel/foreign.ts';
import { bootId, currentCookie, currentInode, isInUse, nameOfCurrent } from '../kernel/namespace.ts';
import { listLinks, localDestinations } from '../kernel/rtnetlink.ts';
import { lockFile, sleep, waitForGracePeriod } from '../kernel/wait.ts';
import type { Kernel } from './kernel.ts';

export const systemKernel: Kernel = {
  features: probeFeatures,
  hostFacts: () => ({ localDestinations: localDestinations() }),
  devices: listLinks,
  namespace: () => {
    const name = nameOfCurrent();
    const identity = { cookie: currentCookie(), inode: currentInode(), bootId: bootId() };
    return name === undefined ? identity : { ...identity, name };
  },
  isNamespaceInUse: isInUse,
  foreignFilters,
  openPinDirectory,
  pin,
  openPin,
  close: closeDescriptor,
  createMap,
  loadProgram,
  mapBytes: mapMemory,
  unmap: unmapMemory,
  setSlot,
  openSlot,
  attachHook: (program, hook, priority) => attachNetfilter(program, HOOK_NUMBER[hook], priority),
  attachDevice: attachXdp,
  hookLinkPriority: netfilterPriority,
  deviceLinkIfindex: (link) => xdpLinkDevice(link) || undefined,
  deviceMode: (ifindex) => {
    const mode = listLinks().find((link) => link.ifindex === ifindex)?.xdp;
    return mode === 'native' || mode === 'generic' ? mode : undefined;
  },
  waitForGracePeriod,
  sleep,
  lock: lockFile,
};
