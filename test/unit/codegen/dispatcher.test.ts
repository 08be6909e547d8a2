// The dispatchers in the virtual machine: which slot of which family a packet goes to.

import { describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../../src/base/family.ts';
import { runNetfilter, runXdp } from '../../../src/bpf/vm-context.ts';
import { type PreparedProgram, prepare } from '../../../src/bpf/vm-prepare.ts';
import {
  DISPATCH_POINTS,
  type DispatchPoint,
  familiesOfDispatcher,
  netfilterDispatcher,
  passProgram,
  SLOT_MAPS,
  STATE,
  STATE_MAP,
  xdpDispatcher,
} from '../../../src/codegen/dispatcher.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

const [XDP_DROP, XDP_PASS] = [1, 2];
const [DROP, ACCEPT] = [0, 1];
const ETH0 = { ifindex: 2, name: 'eth0', mac: Uint8Array.of(2, 0, 0, 0, 0, 1) };
const [IPV4, IPV6, ARP, VLAN, SERVICE_VLAN] = [0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8];

type Slots = readonly (PreparedProgram | undefined)[];

interface World {
  readonly generations: Partial<Record<Family, number>>;
  /** Of the points' program type. */
  readonly slots: Partial<Record<Family, Slots>>;
}

/** A frame with these ethertypes, each but the last of a tag of this VLAN. */
function frameOf(etherTypes: readonly number[], vlan = 0, length = 60): Uint8Array {
  const types = etherTypes.flatMap((type, index) => [
    ...(index === 0 ? [] : [0xe0 | (vlan >> 8), vlan & 255]),
    ...[type >> 8, type & 255],
  ]);
  const frame = new Uint8Array(Math.max(length, 12 + types.length));
  frame.set(types, 12);
  return frame.subarray(0, length);
}

/** What a dispatcher returns, and the packets of each family that it has dropped. */
function dispatch(prepared: PreparedProgram, { generations, slots }: World, frame = frameOf([IPV4]), linear?: number) {
  const state = new Uint8Array(STATE.size);
  const view = new DataView(state.buffer);
  for (const family of FAMILIES) view.setUint32(STATE.generation[family], generations[family] ?? 0, true);
  const { type } = prepared.program;
  const run = {
    features: FEATURES,
    maps: new Map([[STATE_MAP, state]]),
    programArrays: new Map(FAMILIES.map((family) => [SLOT_MAPS[family][type], slots[family] ?? []])),
  };
  const result =
    type === 'xdp'
      ? runXdp(prepared, { ...run, frame, linear: linear ?? frame.length, device: ETH0 })
      : runNetfilter(prepared, { ...run, packet: new Uint8Array(40) });
  const drops = FAMILIES.map((family) => view.getUint32(STATE.emptySlotDrops[family], true));
  return { result, drops };
}

function dispatcherOf(family: Family, point: DispatchPoint): PreparedProgram {
  return prepare(point === 'XDP' ? xdpDispatcher([family]) : netfilterDispatcher(family, point));
}

describe.each(
  FAMILIES.flatMap((family) => DISPATCH_POINTS.map(({ point, type, pair }) => ({ family, point, type, pair }))),
)('the dispatcher of $family at $point', ({ family, point, type, pair }) => {
  const [drop, accept] = type === 'xdp' ? [XDP_DROP, XDP_PASS] : [DROP, ACCEPT];
  const other = family === 'ipv4' ? 'ipv6' : 'ipv4';
  const dispatcher = dispatcherOf(family, point);

  it('accepts where nothing of its family is enforced', () => {
    const world = { generations: { [other]: 7 }, slots: {} };
    expect(dispatch(dispatcher, world)).toEqual({ result: accept, drops: [0, 0] });
  });

  it('goes to the slot of the parity, and drops where it is empty', () => {
    const pass = prepare(passProgram(type));
    for (const generation of [1, 2, 3, 0x80000000]) {
      const slots: (PreparedProgram | undefined)[] = new Array(6).fill(undefined);
      slots[2 * pair + (generation & 1)] = pass;
      const found = (word: number) =>
        dispatch(dispatcher, { generations: { [family]: word }, slots: { [family]: slots } });
      expect(found(generation)).toEqual({ result: accept, drops: [0, 0] });
      expect(found(generation + 1)).toEqual({ result: drop, drops: FAMILIES.map((each) => Number(each === family)) });
    }
  });
});

describe('the dispatcher of both families at a device', () => {
  const both = prepare(xdpDispatcher(FAMILIES));
  const pass = prepare(passProgram('xdp'));

  /** Which family a frame is dispatched to: each has an empty slot, and counts. */
  function familyOf(
    frame: Uint8Array,
    generations: World['generations'] = { ipv4: 1, ipv6: 2 },
    linear?: number,
  ): Family | undefined {
    const { result, drops } = dispatch(both, { generations, slots: {} }, frame, linear);
    const family = FAMILIES.find((_, index) => drops[index] === 1);
    expect(result).toBe(family === undefined ? XDP_PASS : XDP_DROP);
    return family;
  }

  it('chooses by the ethertype, also behind two tags of VLAN 0', () => {
    for (const [etherType, family] of [
      [IPV4, 'ipv4'],
      [IPV6, 'ipv6'],
      [ARP, undefined],
    ] as const) {
      expect(familyOf(frameOf([etherType]))).toBe(family);
      expect(familyOf(frameOf([VLAN, etherType]))).toBe(family);
      expect(familyOf(frameOf([SERVICE_VLAN, VLAN, etherType]))).toBe(family);
      for (const types of [[VLAN], [VLAN, VLAN], [VLAN, VLAN, VLAN], [VLAN, VLAN, VLAN, VLAN]]) {
        expect(familyOf(frameOf([...types, etherType], 5))).toBeUndefined();
      }
    }
  });

  it('looks behind more tags than rules do, and drops what has too many', () => {
    const tagged = (tags: number, etherType: number) => frameOf([...new Array(tags).fill(VLAN), etherType]);
    for (let tags = 3; tags <= 8; tags++) {
      expect(familyOf(tagged(tags, IPV4))).toBe('ipv4');
      expect(familyOf(tagged(tags, IPV6))).toBe('ipv6');
      expect(familyOf(tagged(tags, ARP))).toBeUndefined();
    }
    expect(familyOf(tagged(9, IPV6))).toBe('ipv4');
    expect(familyOf(tagged(9, IPV6), { ipv6: 2 })).toBe('ipv6');
    expect(familyOf(tagged(9, IPV6), {})).toBeUndefined();
  });

  it('passes what is cut short, and what belongs to a family without rules in force', () => {
    expect(familyOf(frameOf([IPV4], 0, 13))).toBeUndefined();
    expect(familyOf(frameOf([IPV4], 0, 14))).toBe('ipv4');
    expect(familyOf(frameOf([VLAN, IPV6], 0, 17))).toBeUndefined();
    expect(familyOf(frameOf([VLAN, IPV6], 0, 18))).toBe('ipv6');
    expect(familyOf(frameOf([IPV4]), { ipv6: 1 })).toBeUndefined();
    expect(familyOf(frameOf([IPV6]), { ipv4: 1 })).toBeUndefined();
  });

  it('drops what has its ethertype behind the first of several buffers', () => {
    const tagged = frameOf([VLAN, IPV6]);
    expect(familyOf(tagged, { ipv6: 2 }, 13)).toBe('ipv6');
    expect(familyOf(tagged, { ipv6: 2 }, 17)).toBe('ipv6');
    expect(familyOf(tagged, { ipv4: 1 }, 17)).toBe('ipv4');
    expect(familyOf(tagged, { ipv4: 1 }, 18)).toBeUndefined();
    expect(familyOf(tagged, {}, 17)).toBeUndefined();
  });

  it('has slots for each family', () => {
    const slots = { ipv4: [undefined, pass], ipv6: [pass, undefined] };
    for (const etherTypes of [[IPV4], [IPV6], [VLAN, IPV4], [VLAN, IPV6]]) {
      const world = { generations: { ipv4: 3, ipv6: 8 }, slots };
      expect(dispatch(both, world, frameOf(etherTypes))).toEqual({ result: XDP_PASS, drops: [0, 0] });
    }
  });
});

it('the name of an XDP dispatcher says whom it serves, and fits into the kernel', () => {
  for (const families of [['ipv4'], ['ipv6'], FAMILIES] as const) {
    const { name } = xdpDispatcher(families);
    expect(familiesOfDispatcher(name)).toEqual(families);
    expect(name.length).toBeLessThanOrEqual(11);
  }
  expect(familiesOfDispatcher('r_xdp')).toEqual([]);
  for (const family of FAMILIES) expect(netfilterDispatcher(family, 'FORWARD').name.length).toBeLessThanOrEqual(11);
});
