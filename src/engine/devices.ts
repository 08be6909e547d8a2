// Which mode an XDP program is attached in, per device, and why.

import type { XdpMode } from '../base/hooks.ts';
import type { Device } from './kernel.ts';

/** Virtual devices whose drivers run XDP natively and are served well by it: taps (`tun` is what rtnetlink says). */
const NATIVE_KINDS: ReadonlySet<string> = new Set(['tun']);

/** Devices whose packets also pass the device below them, which would judge them under its own name. */
const STACKED_KINDS: ReadonlySet<string> = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec']);

export interface ModeChoice {
  readonly mode: 'native' | 'generic';
  readonly why: string;
}

/**
 * The mode for a device. `auto` never makes a physical device generic: generic XDP turns off its software receive
 * aggregation. On a veth it never takes native: that makes the peer cut TCP into packets in software.
 */
export function chooseMode(device: Device, mode: XdpMode): ModeChoice {
  if (mode !== 'auto') return { mode, why: 'as asked for' };
  if (device.kind === undefined) return { mode: 'native', why: 'a physical device' };
  if (device.kind === 'veth')
    return { mode: 'generic', why: 'native XDP on a veth makes its peer segment TCP in software' };
  if (NATIVE_KINDS.has(device.kind)) return { mode: 'native', why: `a ${device.kind} device runs XDP natively` };
  return { mode: 'generic', why: `a ${device.kind} device has no native XDP` };
}

/** Why XDP on a device would not judge just what iptables' `-i` of its name does; `undefined` if it would. */
export function unfitness(device: Device, present: readonly Device[], mode: XdpMode): string | undefined {
  const { name, kind, master } = device;
  if (device.loopback) return `${name} is the loopback device, which XDP does not serve`;
  if (!device.ethernet) return `${name} has no Ethernet header, which XDP programs look for`;
  if (master !== undefined) {
    const upper = present.find((d) => d.ifindex === master)?.name ?? `device ${master}`;
    return `${name} belongs to ${upper}: iptables' -i names ${upper}, attach there`;
  }
  const above = present.find((d) => d.lower === device.ifindex && STACKED_KINDS.has(d.kind ?? ''));
  if (above !== undefined) return `${name} carries the packets of ${above.name}, which iptables' -i tells apart`;
  if (kind === 'bond' && mode === 'native')
    return `native XDP on ${name} runs on its members, whose names -i would see`;
  return undefined;
}
