// The links of an installation: our dispatchers on netfilter hooks and devices.
//
// A hook has a link for each family. A device has one for both, as it takes one XDP program: the dispatcher behind it is
// exchanged in place when a family comes or goes, and what it is called says whom it serves. No record of that is kept.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../base/family.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { Program } from '../bpf/image.ts';
import { familiesOfDispatcher, netfilterDispatcher, xdpDispatcher } from '../codegen/dispatcher.ts';
import type { Descriptor, Device, Kernel } from './kernel.ts';
import { deviceOfPin, devicePin, hookPin } from './layout.ts';
import { InstallationError, missingPin, unlinkIfThere } from './pins.ts';

/** Priorities tried for a netfilter hook, best first: just before the kernel's own filter table at 0. */
const PRIORITIES = [-1, -2, -3, -4, -5, -6, -7, -8, -9] as const;

/** A device with a link of ours. */
export interface AttachedDevice {
  readonly ifindex: number;
  /** Whether the device has vanished under the link. */
  readonly gone: boolean;
  readonly families: readonly Family[];
}

export class Links {
  private readonly kernel: Kernel;
  private readonly directory: string;
  /** Loads a dispatcher of some families. */
  private readonly load: (program: Program, families: readonly Family[]) => Descriptor;

  constructor(kernel: Kernel, directory: string, load: (program: Program, families: readonly Family[]) => Descriptor) {
    this.kernel = kernel;
    this.directory = directory;
    this.load = load;
  }

  /** Attaches the dispatcher of a hook, unless it is attached. Returns whether it did. */
  attachHook(family: Family, hook: FilterChain): boolean {
    const path = this.path(hookPin(family, hook));
    if (existsSync(path)) return false;
    const program = this.load(netfilterDispatcher(family, hook), [family]);
    try {
      for (const priority of PRIORITIES) {
        const link = this.kernel.attachHook(program, family, hook, priority);
        if (link === undefined) continue;
        this.pinAndClose(link, path);
        return true;
      }
    } finally {
      this.kernel.close(program);
    }
    throw new InstallationError(
      `${hook}: other hooks have all netfilter priorities from ${PRIORITIES[0]} to ${PRIORITIES.at(-1)}`,
    );
  }

  /**
   * Has a device's dispatcher serve a family, too, or attaches one that does; unless it does already. Returns whether it was
   * done.
   */
  attachDevice(family: Family, device: Device, mode: 'native' | 'generic'): boolean {
    const path = this.path(devicePin(device.ifindex));
    const attached = this.attachedDevice(device.ifindex);
    if (attached !== undefined && !attached.gone) {
      if (attached.families.includes(family)) return false;
      this.serve(device.ifindex, [...attached.families, family]);
      return true;
    }
    unlinkIfThere(path); // of an earlier device with this number
    const program = this.load(xdpDispatcher([family]), [family]);
    try {
      this.pinAndClose(this.kernel.attachDevice(program, device, mode), path);
      return true;
    } finally {
      this.kernel.close(program);
    }
  }

  detachHook(family: Family, hook: FilterChain): void {
    unlinkIfThere(this.path(hookPin(family, hook)));
  }

  /** Has a device's dispatcher serve a family no longer, if it does; one that serves none goes. */
  detachDevice(family: Family, ifindex: number): void {
    const attached = this.attachedDevice(ifindex);
    const others = attached?.families.filter((each) => each !== family) ?? [];
    if (attached === undefined || attached.gone || others.length === 0) unlinkIfThere(this.path(devicePin(ifindex)));
    else if (others.length < attached.families.length) this.serve(ifindex, others);
  }

  /** Puts the dispatcher of some families behind the link of a device. */
  private serve(ifindex: number, families: readonly Family[]): void {
    const path = this.path(devicePin(ifindex));
    const program = this.load(xdpDispatcher(families), families);
    try {
      const link = this.kernel.openPin(path);
      if (link === undefined) throw missingPin(path);
      try {
        this.kernel.updateDevice(link, program);
      } finally {
        this.kernel.close(link);
      }
    } finally {
      this.kernel.close(program);
    }
  }

  /** The hooks that a family's dispatchers are attached to, with the priority obtained. */
  attachedHooks(family: Family): { hook: FilterChain; priority: number }[] {
    return FILTER_CHAINS.flatMap((hook) => {
      const link = this.kernel.openPin(this.path(hookPin(family, hook)));
      if (link === undefined) return [];
      try {
        return [{ hook, priority: this.kernel.hookLinkPriority(link) }];
      } finally {
        this.kernel.close(link);
      }
    });
  }

  /** The devices with a link of ours, and whom it serves. */
  attachedDevices(): AttachedDevice[] {
    return readdirSync(this.directory).flatMap((pin) => {
      const ifindex = deviceOfPin(pin);
      const attached = ifindex === undefined ? undefined : this.attachedDevice(ifindex);
      return attached === undefined ? [] : [attached];
    });
  }

  private attachedDevice(ifindex: number): AttachedDevice | undefined {
    const link = this.kernel.openPin(this.path(devicePin(ifindex)));
    if (link === undefined) return undefined;
    try {
      const gone = this.kernel.deviceLinkIfindex(link) === undefined;
      return { ifindex, gone, families: familiesOfDispatcher(this.kernel.linkProgramName(link)) };
    } finally {
      this.kernel.close(link);
    }
  }

  /** Takes a family from all hooks and devices. */
  detachAll(family: Family): void {
    for (const hook of FILTER_CHAINS) this.detachHook(family, hook);
    for (const { ifindex } of this.attachedDevices()) this.detachDevice(family, ifindex);
  }

  private path(pin: string): string {
    return join(this.directory, pin);
  }

  private pinAndClose(link: Descriptor, path: string): void {
    try {
      this.kernel.pin(link, path);
    } finally {
      this.kernel.close(link);
    }
  }
}
