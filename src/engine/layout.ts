// Where everything of a namespace lies.
//
//   RUN/bpf/<cookie>_<inode>/   pins, on a bpffs; the namespace's SO_NETNS_COOKIE, and its inode to look for users by
//     state  slots_nf  slots_xdp                  made once, shared by all generations
//     link_INPUT  link_FORWARD  link_OUTPUT       netfilter hooks
//     link_xdp_<ifindex>                          devices
//     g<generation>_<bank>                        counter maps, by the generation that they were made for
//   RUN/<cookie>.lock           held by whoever changes something
//   STATE/<boot id>-<cookie>/store.sqlite
//
// RUN is gone after a reboot, as the kernel's objects are; STATE stays. Cookies count from boot, hence the boot id.

import { dirname, join } from 'node:path';

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

/** Name of the pin of a counter map's bank. */
export function counterPin(counterMap: number, bank: string): string {
  return `g${counterMap}_${bank}`;
}

/** The counter map that a pin belongs to, or `undefined` for other pins. */
export function counterMapOfPin(pin: string): number | undefined {
  const found = /^g(\d+)_/.exec(pin);
  return found === null ? undefined : Number(found[1]);
}
