// Where everything of a namespace lies.
//
//   RUN/bpf/<cookie>/           pins, on a bpffs; <cookie> is the namespace's SO_NETNS_COOKIE
//     state  slots_nf  slots_xdp                  made once, shared by all generations
//     link_INPUT  link_FORWARD  link_OUTPUT       netfilter hooks
//     link_xdp_<ifindex>                          devices
//     g<generation>_<map>                         counter maps
//   RUN/<cookie>.lock           held by whoever changes something
//   STATE/<boot id>-<cookie>/store.sqlite
//
// RUN is gone after a reboot, as the kernel's objects are; STATE stays. Cookies count from boot, hence the boot id.

import { join } from 'node:path';

export const DEFAULT_RUN_DIRECTORY = '/run/bpfilterd';
export const DEFAULT_STATE_DIRECTORY = '/var/lib/bpfilterd';

export interface Directories {
  readonly run: string;
  readonly state: string;
}

export function lockPath(directories: Directories, cookie: string): string {
  return join(directories.run, `${cookie}.lock`);
}

export function stateKey(bootId: string, cookie: string): string {
  return `${bootId}-${cookie}`;
}

export function storePath(directories: Directories, bootId: string, cookie: string): string {
  return join(directories.state, stateKey(bootId, cookie), 'store.sqlite');
}

/** Name of the pin of a generation's map. */
export function generationPin(generation: number, map: string): string {
  return `g${generation}_${map}`;
}

/** The generation that a pin belongs to, or `undefined` for the pins that all share. */
export function generationOfPin(pin: string): number | undefined {
  const found = /^g(\d+)_/.exec(pin);
  return found === null ? undefined : Number(found[1]);
}
