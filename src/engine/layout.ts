// Where everything of a namespace lies.
//
//   RUN/bpf/<cookie>_<inode>/   pins, on a bpffs; the namespace's SO_NETNS_COOKIE, and its inode to look for users by
//     state  slots_nf  slots_xdpf                 made once, shared by all generations: of IPv4,
//            slots_nf6  slots_xdpf6               and of IPv6
//     link_INPUT  link_FORWARD  link_OUTPUT       netfilter hooks of IPv4,
//     link_v6_INPUT …                             and of IPv6
//     link_xdp_<ifindex>                          devices, for both families
//     g<generation>_<bank>                        counter maps of IPv4, by the generation that they were made for,
//     v6_g<generation>_<bank>                     and of IPv6
//   RUN/<cookie>.lock           held by whoever changes something
//   STATE/<boot id>-<cookie>/store.sqlite
//
// RUN is gone after a reboot, as the kernel's objects are; STATE stays. Cookies count from boot, hence the boot id.

import { dirname, join } from 'node:path';
import type { Family } from '../base/family.ts';
import type { FilterChain } from '../base/hooks.ts';

export const DEFAULT_RUN_DIRECTORY = '/run/bpfilterd';
export const DEFAULT_STATE_DIRECTORY = '/var/lib/bpfilterd';

export interface Directories {
  readonly run: string;
  readonly state: string;
}

/** Name of the directory of a namespace's pins. */
export function pinDirectoryName(cookie: string, inode: string): string {
  return `${cookie}_${inode}`;
}

/** Whose pins a directory holds; `undefined` for what is not ours (a bpffs has files of its own). */
export function ownerOfPins(name: string): { cookie: string; inode: string } | undefined {
  const found = /^(\d+)_(\d+)$/.exec(name);
  return found === null ? undefined : { cookie: found[1]!, inode: found[2]! };
}

/** The lock lies beside the bpffs, by the path that leads there: whoever sees the pins sees the lock. */
export function lockPath(pinRoot: string, cookie: string): string {
  return join(dirname(pinRoot), `${cookie}.lock`);
}

export function stateKey(bootId: string, cookie: string): string {
  return `${bootId}-${cookie}`;
}

export function storePath(directories: Directories, bootId: string, cookie: string): string {
  return join(directories.state, stateKey(bootId, cookie), 'store.sqlite');
}

/** What sets the pins of IPv6 apart; those of IPv4 are called as they were before there were others. */
const PREFIX: Readonly<Record<Family, string>> = { ipv4: '', ipv6: 'v6_' };

/** Name of the pin of a hook's link. */
export function hookPin(family: Family, hook: FilterChain): string {
  return `link_${PREFIX[family]}${hook}`;
}

export function isLinkPin(pin: string): boolean {
  return pin.startsWith('link_');
}

/** Name of the pin of a device's link. */
export function devicePin(ifindex: number): string {
  return `link_xdp_${ifindex}`;
}

/** The index of the device that a pin belongs to, or `undefined` for other pins. */
export function deviceOfPin(pin: string): number | undefined {
  const found = /^link_xdp_(\d+)$/.exec(pin);
  return found === null ? undefined : Number(found[1]);
}

/** Name of the pin of a counter map's bank. */
export function counterPin(family: Family, counterMap: number, bank: string): string {
  return `${PREFIX[family]}g${counterMap}_${bank}`;
}

/** The counter map of a family that a pin belongs to, or `undefined` for other pins. */
export function counterMapOfPin(family: Family, pin: string): number | undefined {
  const found = new RegExp(`^${PREFIX[family]}g(\\d+)_`).exec(pin);
  return found === null ? undefined : Number(found[1]);
}
