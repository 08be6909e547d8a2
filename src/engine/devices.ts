// Which mode an XDP program is attached in, per device, and why.

import type { Family } from '../base/family.ts';
import type { XdpMode } from '../base/hooks.ts';
import type { StoredRequest } from './flip.ts';
import type { Device, Kernel } from './kernel.ts';
import type { AttachedDevice, Links } from './links.ts';
import { InstallationError } from './pins.ts';
import type { ApplyRequest } from './types.ts';

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
function chooseMode(device: Device, mode: XdpMode): ModeChoice {
  if (mode !== 'auto') return { mode, why: 'as asked for' };
  if (device.kind === undefined) return { mode: 'native', why: 'a physical device' };
  if (device.kind === 'veth')
    return { mode: 'generic', why: 'native XDP on a veth makes its peer segment TCP in software' };
  if (NATIVE_KINDS.has(device.kind))
    return { mode: 'native', why: `a device of kind ${device.kind} runs XDP natively` };
  return { mode: 'generic', why: `a device of kind ${device.kind} has no native XDP` };
}

/** The devices of a namespace, by what others know of them. */
interface PresentDevices {
  readonly byName: ReadonlyMap<string, Device>;
  readonly byIfindex: ReadonlyMap<number, Device>;
  /** By ifindex, a device that takes the packets of another apart. */
  readonly stackedOn: ReadonlyMap<number, Device>;
}

function presentDevices(present: readonly Device[]): PresentDevices {
  const stackedOn = new Map<number, Device>();
  for (const device of present) {
    const { lower, kind = '' } = device;
    if (lower !== undefined && STACKED_KINDS.has(kind) && !stackedOn.has(lower)) stackedOn.set(lower, device);
  }
  return {
    byName: new Map(present.map((device) => [device.name, device])),
    byIfindex: new Map(present.map((device) => [device.ifindex, device])),
    stackedOn,
  };
}

/** Why XDP on a device would not judge just what iptables' `-i` of its name does; `undefined` if it would. */
function unfitness(device: Device, present: PresentDevices, mode: XdpMode): string | undefined {
  const { name, kind, master } = device;
  if (device.loopback) return `${name} is the loopback device, which XDP does not serve`;
  if (!device.ethernet) return `${name} has no Ethernet header, which XDP programs look for`;
  if (master !== undefined) {
    const upper = present.byIfindex.get(master)?.name ?? `device ${master}`;
    return `${name} belongs to ${upper}: iptables' -i names ${upper}, attach there`;
  }
  const above = present.stackedOn.get(device.ifindex);
  if (above !== undefined) return `${name} carries the packets of ${above.name}, which iptables' -i tells apart`;
  if (kind === 'bond' && mode === 'native')
    return `native XDP on ${name} runs on its members, whose names -i would see`;
  return undefined;
}

export interface ChosenDevices {
  readonly chosen: readonly (ModeChoice & { readonly device: Device })[];
  /** At placement `exact`: devices that cannot be served. */
  readonly left: readonly LeftDevice[];
  /** Which mode each has, and why, or why it is left out. */
  readonly notes: readonly string[];
}

export interface LeftDevice {
  readonly name: string;
  /** A sentence without its end. */
  readonly why: string;
}

/**
 * The devices of a request and the mode of each; one that has a program keeps its mode. Throws `InstallationError` for one
 * that cannot be served; at placement `exact`, where netfilter does what XDP does not, it is left out.
 */
export function chooseDevices(
  request: Pick<ApplyRequest, 'placement' | 'devices' | 'mode' | 'early'>,
  kernel: Kernel,
  attached: readonly AttachedDevice[],
): ChosenDevices {
  if (!usesDevices(request)) return { chosen: [], left: [], notes: [] };
  const present = kernel.devices();
  const isExact = request.placement === 'exact';
  const left = (isExact ? leftOut : unfit)(request.devices, present, request.mode);
  if (!isExact && left.length > 0) throw new InstallationError(left[0]!.why);
  const leftNames = new Set(left.map(({ name }) => name));
  const names = request.devices.filter((name) => !leftNames.has(name));
  const { byName } = presentDevices(present);
  const ours = new Set(attached.filter(({ gone }) => !gone).map(({ ifindex }) => ifindex));
  const modes = ours.size === 0 ? undefined : kernel.deviceModes();
  const chosen = names.map((name) => {
    const device = byName.get(name)!;
    const obtained = ours.has(device.ifindex) ? modes?.get(device.ifindex) : undefined;
    if (obtained !== undefined && request.mode !== 'auto' && request.mode !== obtained) {
      throw new InstallationError(
        `${name} has ${obtained} XDP; another mode would leave it without rules for a moment: run \`bpfilter detach\` first`,
      );
    }
    return {
      device,
      ...(obtained === undefined ? chooseMode(device, request.mode) : keptMode(device, request.mode, obtained)),
    };
  });
  if (chosen.length === 0 && !isExact)
    throw new InstallationError('placement xdp needs at least one device; name it with --device');
  return { chosen, left, notes: notesOf(chosen, left) };
}

/** The ifindexes of devices whose programs serve a family. */
function servedBy(attached: readonly AttachedDevice[], family: Family): ReadonlySet<number> {
  const serving = attached.filter(({ gone, families }) => !gone && families.includes(family));
  return new Set(serving.map(({ ifindex }) => ifindex));
}

/** Whether XDP has any part in a request. */
function usesDevices({ placement, early }: Pick<ApplyRequest, 'placement' | 'early'>): boolean {
  return placement === 'xdp' || (placement === 'exact' && early !== 'off');
}

/**
 * The devices of placement `exact` where nothing is dropped early: those that have a program keep it, as to attach one again
 * may take the link down for a moment; the others are left out.
 */
export function withoutEarly(
  { chosen, left }: ChosenDevices,
  family: Family,
  attached: readonly AttachedDevice[],
): ChosenDevices {
  const serving = servedBy(attached, family);
  const isAttached = ({ device }: ChosenDevices['chosen'][number]) => serving.has(device.ifindex);
  const kept = chosen.filter(isAttached);
  const idle = chosen.flatMap((each) => (isAttached(each) ? [] : [{ name: each.device.name, why: NOTHING_EARLY }]));
  return { chosen: kept, left: [...left, ...idle], notes: notesOf(kept, left) };
}

/** What to say where the kernel does not attach to some of the devices. */
export function notesWithout({ chosen, left }: ChosenDevices, refused: readonly LeftDevice[]): readonly string[] {
  const refusedNames = new Set(refused.map(({ name }) => name));
  return notesOf(
    chosen.filter(({ device }) => !refusedNames.has(device.name)),
    [...left, ...refused],
  );
}

/** Attaches to devices of rules in force that have no program: it was refused, or somebody took it away. Says how it went. */
export function attachMissing(
  { ifindexes, mode, early }: StoredRequest,
  family: Family,
  kernel: Kernel,
  links: Links,
): readonly string[] {
  const attached = links.attachedDevices();
  const [asked, served] = [new Set(ifindexes), servedBy(attached, family)];
  const missing = kernel.devices().filter(({ ifindex }) => asked.has(ifindex) && !served.has(ifindex));
  const request = {
    placement: 'exact',
    devices: missing.map(({ name }) => name),
    mode,
    ...(early && { early }),
  } as const;
  const wanted = chooseDevices(request, kernel, attached);
  const refused = wanted.chosen.flatMap(({ device, mode: chosen }) => {
    try {
      links.attachDevice(family, device, chosen);
      return [];
    } catch (error) {
      return [{ name: device.name, why: (error as Error).message }];
    }
  });
  return notesWithout(wanted, refused);
}

function notesOf(chosen: ChosenDevices['chosen'], left: readonly LeftDevice[]): string[] {
  return [
    ...chosen.map(({ device, mode, why }) => `${device.name}: ${mode} XDP, ${why}`),
    // That nothing is dropped early at all is said once, not of each device.
    ...left.flatMap(({ name, why }) => (why === NOTHING_EARLY ? [] : [`no early verdicts at ${name}: ${why}`])),
  ];
}

export const NOTHING_EARLY = 'no packet is dropped early';

/** Why a device has the mode that it has. */
export function keptMode(device: Device, asked: XdpMode, obtained: ModeChoice['mode']): ModeChoice {
  const choice = chooseMode(device, asked);
  return choice.mode === obtained ? choice : { mode: obtained, why: 'as before' };
}

/**
 * Which of some devices have no early verdicts, and why: those that cannot be served, and, unless a mode was asked for, those
 * where XDP would cost what is accepted more than it saves on what is dropped.
 */
export function leftOut(names: readonly string[], present: readonly Device[], mode: XdpMode): LeftDevice[] {
  return unfit(names, present, mode, costliness);
}

/** Which of some devices cannot be served, or have something else, of those that can, that speaks against it. */
function unfit(
  names: readonly string[],
  present: readonly Device[],
  mode: XdpMode,
  objection?: (device: Device, mode: XdpMode) => string | undefined,
): LeftDevice[] {
  const known = presentDevices(present);
  return names.flatMap((name) => {
    const device = known.byName.get(name);
    const why =
      device === undefined
        ? `there is no device ${name} in this network namespace`
        : (unfitness(device, known, mode) ?? objection?.(device, mode));
    return why === undefined ? [] : [{ name, why }];
  });
}

/** Generic XDP copies packets that have no room in front of them: a quarter of the rate of bulk TCP (`npm run bench -- accept`). */
function costliness(device: Device, mode: XdpMode): string | undefined {
  const { mode: chosen, why } = chooseMode(device, mode);
  if (mode !== 'auto' || chosen === 'native') return undefined;
  return `${why}, and generic XDP costs accepted traffic more than early drops save; --mode insists`;
}

/** Whether some device that was left out can be served by now. */
export function areFit(
  { leftOut: names = [], mode }: Pick<StoredRequest, 'leftOut' | 'mode'>,
  kernel: Kernel,
): boolean {
  return names.length > 0 && leftOut(names, kernel.devices(), mode).length < names.length;
}
