// Which mode an XDP program is attached in, per device, and why.

import type { XdpMode } from '../base/hooks.ts';
import type { Device } from './kernel.ts';

/** Virtual devices whose drivers run XDP natively and are served well by it. */
const NATIVE_KINDS: ReadonlySet<string> = new Set(['bond', 'team', 'tun']);

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
