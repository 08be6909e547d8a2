// Which mode an XDP program is attached in, per device, and why.

import type { XdpMode } from '../base/hooks.ts';
import type { Device, Kernel } from './kernel.ts';
import type { AttachedDevice } from './links.ts';
import { InstallationError } from './pins.ts';
import type { ApplyRequest } from './types.ts';

/** Virtual devices whose drivers run XDP natively and are served well by it: taps (`tun` is what rtnetlink says). */
const NATIVE_KINDS: ReadonlySet<string> = new Set(['tun']);

/** Devices whose packets also pass the device below them, which would judge them under its own name. */
const STACKED_KINDS: ReadonlySet<string> = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec']);

interface ModeChoice {
  readonly mode: 'native' | 'generic';
  readonly why: string;
}

/**
 * The mode for a device. `auto` never makes a physical device generic: generic XDP turns off its software receive
 * aggregation. On a veth it never takes native: that makes the peer cut TCP into packets in software.
 */
function chooseMode(device: Device, mode: XdpMode): ModeChoice {
  if (mode !== 'auto') return { mode, why: 'as asked for' };
  if (device.kind === undefined) return { mode: 'native', why: 'a physical device' };
  if (device.kind === 'veth')
    return { mode: 'generic', why: 'native XDP on a veth makes its peer segment TCP in software' };
  if (NATIVE_KINDS.has(device.kind)) return { mode: 'native', why: `a ${device.kind} device runs XDP natively` };
  return { mode: 'generic', why: `a ${device.kind} device has no native XDP` };
}

/** Why XDP on a device would not judge just what iptables' `-i` of its name does; `undefined` if it would. */
function unfitness(device: Device, present: readonly Device[], mode: XdpMode): string | undefined {
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

export interface ChosenDevices {
  readonly chosen: readonly { readonly device: Device; readonly mode: 'native' | 'generic' }[];
  /** Which mode each has, and why. */
  readonly notes: readonly string[];
}

/**
 * The devices of a request and the mode of each; one that has a program keeps its mode. Throws `InstallationError` for one
 * that cannot be served; at placement `exact`, where netfilter does what XDP does not, it is left out.
 */
export function chooseDevices(
  request: Pick<ApplyRequest, 'placement' | 'devices' | 'mode'>,
  kernel: Kernel,
  attached: readonly AttachedDevice[],
): ChosenDevices {
  const present = kernel.devices();
  const left: string[] = [];
  const choices = request.devices.flatMap((name) => {
    const device = present.find((d) => d.name === name);
    const unfit =
      device === undefined
        ? `there is no device ${name} in this network namespace`
        : unfitness(device, present, request.mode);
    if (device === undefined || unfit !== undefined) {
      if (request.placement !== 'exact') throw new InstallationError(unfit!);
      left.push(`no early verdicts at ${name}: ${unfit}`);
      return [];
    }
    const isAttached = attached.some((link) => link.ifindex === device.ifindex && !link.gone);
    const obtained = isAttached ? kernel.deviceMode(device.ifindex) : undefined;
    if (obtained !== undefined && request.mode !== 'auto' && request.mode !== obtained) {
      throw new InstallationError(
        `${name} has ${obtained} XDP; another mode would leave it without rules for a moment: run \`bpfilter detach\` first`,
      );
    }
    const choice = obtained === undefined ? chooseMode(device, request.mode) : { mode: obtained, why: 'as before' };
    return [{ device, ...choice }];
  });
  if (choices.length === 0 && request.placement !== 'exact')
    throw new InstallationError('placement xdp needs at least one device; name it with --device');
  const taken = choices.map(({ device, mode, why }) => `${device.name}: ${mode} XDP, ${why}`);
  return { chosen: choices, notes: [...taken, ...left] };
}
