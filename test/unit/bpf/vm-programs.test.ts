// The generated programs in the virtual machine: a small ruleset compiled for both placements.

import { describe, expect, it } from 'vitest';
import type { EnforcingPlacement } from '../../../src/base/hooks.ts';
import { type NetfilterRun, runNetfilter, runXdp } from '../../../src/bpf/vm-context.ts';
import { type PreparedProgram, prepare } from '../../../src/bpf/vm-prepare.ts';
import type { ActionList, Classification } from '../../../src/classify/classification.ts';
import { compileImage, type Image } from '../../../src/codegen/compile.ts';
import type { DispatchPoint } from '../../../src/codegen/dispatcher.ts';
import { areaSize } from '../../../src/codegen/manifest.ts';
import { readSlots } from '../../../src/engine/counters.ts';
import type { SlotOwner } from '../../../src/graph/graph.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildFrame, buildPacket, type PacketFields } from '../../harness/packet-builder.ts';

const US = 0x0a000001;
const PEER = 0x0a000002;
const ELSEWHERE = 0xc0a80101;
const XDP_DROP = 1;
const XDP_PASS = 2;
const DROP = 0;
const ACCEPT = 1;

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const ETH0 = { ifindex: 2, name: 'eth0', mac: MAC };

const SLOTS: readonly SlotOwner[] = [
  { kind: 'rule', chain: 'INPUT', index: 0, text: '-A INPUT -p tcp --dport 22 -j DROP', line: 3 },
  { kind: 'rule', chain: 'INPUT', index: 1, text: '-A INPUT -i eth+', line: 4 },
  { kind: 'policy', chain: 'INPUT', line: 1 },
  { kind: 'policy', chain: 'FORWARD', line: 1 },
  { kind: 'policy', chain: 'OUTPUT', line: 1 },
];

function list(counters: readonly number[], kind: 'accept' | 'drop' | 'undecided'): ActionList {
  const then: ActionList['then'] = { kind };
  return { counters, then };
}

/** INPUT: ssh is dropped, what comes in by eth+ is counted and accepted; FORWARD drops; OUTPUT cannot decide. */
const CLASSIFICATION: Classification = {
  segments: [
    {
      finish: 'linear',
      entry: { kind: 'test', test: 0 },
      tests: [
        {
          predicate: { kind: 'in', field: 'protocol', set: [{ low: 6, high: 6 }] },
          yes: { kind: 'test', test: 1 },
          no: { kind: 'test', test: 2 },
          slot: 0,
        },
        {
          predicate: { kind: 'in', field: 'dport', set: [{ low: 22, high: 22 }] },
          yes: { kind: 'list', list: 0 },
          no: { kind: 'test', test: 2 },
          slot: 0,
        },
        {
          predicate: { kind: 'device', field: 'inDevice', name: 'eth', prefix: true },
          yes: { kind: 'list', list: 1 },
          no: { kind: 'list', list: 2 },
          slot: 1,
        },
      ],
    },
    { finish: 'linear', entry: { kind: 'list', list: 3 }, tests: [] },
    { finish: 'linear', entry: { kind: 'list', list: 4 }, tests: [] },
  ],
  lists: [list([0], 'drop'), list([1, 2], 'accept'), list([2], 'accept'), list([3], 'drop'), list([], 'undecided')],
  entries: { INPUT: 0, FORWARD: 1, OUTPUT: 2 },
  tables: new Uint8Array(),
};

function compile(placement: EnforcingPlacement): Image {
  return compileImage({
    family: 'ipv4',
    classification: CLASSIFICATION,
    capacity: SLOTS.length,
    ownerOf: (slot) => SLOTS[slot]!,
    placement,
    features: FEATURES,
    facts: { localDestinations: [{ low: US, high: US }] },
    file: 'rules',
  });
}

/** An image ready to run: its programs, its counters, and which of them are not zero on a CPU. */
class Loaded {
  readonly maps = new Map<string, Uint8Array>();
  private readonly programs = new Map<DispatchPoint, PreparedProgram>();
  private readonly manifest: Image['manifest'];

  constructor({ programs, maps, manifest }: Image) {
    this.manifest = manifest;
    for (const { point, program } of programs) this.programs.set(point, prepare(program));
    for (const { name, valueSize } of maps) this.maps.set(name, new Uint8Array(valueSize));
  }

  program(point: DispatchPoint): PreparedProgram {
    return this.programs.get(point)!;
  }

  /** `slot:packets:bytes` of each counter that is not zero. */
  counted(cpu: number): string[] {
    const [bytes] = this.maps.values();
    const area = areaSize(SLOTS.length);
    const layout = { ...this.manifest, possibleCpus: 1, banks: this.manifest.banks.slice(0, 1) };
    const slots = readSlots(0, layout, () => bytes!.slice(cpu * area, (cpu + 1) * area));
    return slots.flatMap(({ packets, bytes }, slot) => (packets === 0n ? [] : [`${slot}:${packets}:${bytes}`]));
  }
}

const tcp = (dport: number, more: Partial<PacketFields> = {}): Uint8Array =>
  buildPacket({ source: PEER, destination: US, transport: { kind: 'tcp', sport: 1000, dport, flags: 2 }, ...more });

describe('the netfilter programs', () => {
  const run = (loaded: Loaded, point: DispatchPoint, packet: Uint8Array, more: Partial<NetfilterRun> = {}): number =>
    runNetfilter(loaded.program(point), { features: FEATURES, maps: loaded.maps, packet, ...more });

  it('drop and count what the rule says', () => {
    const loaded = new Loaded(compile('netfilter'));
    expect(run(loaded, 'INPUT', tcp(22), { inDevice: ETH0 })).toBe(DROP);
    expect(run(loaded, 'INPUT', tcp(23), { inDevice: ETH0 })).toBe(ACCEPT);
    expect(run(loaded, 'INPUT', tcp(23), { inDevice: { name: 'lo' } })).toBe(ACCEPT);
    expect(loaded.counted(0)).toEqual(['0:1:40', '1:1:40', '2:2:80']);
  });

  it('read no ports where there are none: options, later fragments, packets cut short', () => {
    const loaded = new Loaded(compile('netfilter'));
    const withOptions = tcp(22, { options: new Uint8Array(8).fill(1) });
    const laterFragment = tcp(22, { fragmentOffset: 1, payload: Uint8Array.of(0, 0, 0, 22) });
    expect(run(loaded, 'INPUT', withOptions)).toBe(DROP);
    expect(run(loaded, 'INPUT', laterFragment)).toBe(ACCEPT);
    expect(run(loaded, 'INPUT', tcp(22, { cut: 3 }))).toBe(ACCEPT);
    expect(run(loaded, 'INPUT', tcp(22, { cut: 4 }))).toBe(DROP);
    expect(run(loaded, 'INPUT', tcp(22).subarray(0, 19))).toBe(ACCEPT);
    expect(loaded.counted(0)).toEqual(['0:2:72', '2:2:47']);
  });

  it('count on the CPU they run on', () => {
    const loaded = new Loaded(compile('netfilter'));
    expect(run(loaded, 'FORWARD', tcp(80), { cpu: 1 })).toBe(DROP);
    expect(loaded.counted(0)).toEqual([]);
    expect(loaded.counted(1)).toEqual(['3:1:40']);
  });

  it('drop and count what nobody can decide', () => {
    const loaded = new Loaded(compile('netfilter'));
    expect(run(loaded, 'OUTPUT', tcp(80), { outDevice: ETH0 })).toBe(DROP);
    expect(loaded.counted(0)).toEqual(['5:1:40']);
  });

  it('run over one prepared program many times', () => {
    const loaded = new Loaded(compile('netfilter'));
    for (let port = 0; port < 200; port++) run(loaded, 'INPUT', tcp(port));
    expect(loaded.counted(0)).toEqual(['0:1:40', `2:199:${199 * 40}`]);
  });
});

describe('the XDP program', () => {
  const run = (loaded: Loaded, packet: Uint8Array, destination = MAC, device = ETH0, etherType = 0x0800): number => {
    const frame = buildFrame(packet, { destination, source: new Uint8Array(6), etherType, trailer: new Uint8Array(6) });
    return runXdp(loaded.program('XDP'), { features: FEATURES, maps: loaded.maps, frame, device });
  };

  it('judges local packets by INPUT and others by FORWARD', () => {
    const loaded = new Loaded(compile('xdp'));
    expect(run(loaded, tcp(22))).toBe(XDP_DROP);
    expect(run(loaded, tcp(23))).toBe(XDP_PASS);
    expect(run(loaded, tcp(23), MAC, { ...ETH0, name: 'wlan0' })).toBe(XDP_PASS);
    expect(run(loaded, tcp(22, { destination: ELSEWHERE }))).toBe(XDP_DROP);
    expect(loaded.counted(0)).toEqual(['0:1:40', '1:1:40', '2:2:80', '3:1:40']);
  });

  it('passes what iptables is never shown, uncounted', () => {
    const loaded = new Loaded(compile('xdp'));
    const wrongChecksum = tcp(22);
    wrongChecksum[10]! ^= 1;
    expect(run(loaded, wrongChecksum)).toBe(XDP_PASS);
    expect(run(loaded, tcp(22), Uint8Array.of(2, 0, 0, 0, 0, 2))).toBe(XDP_PASS);
    expect(run(loaded, tcp(22), MAC, ETH0, 0x86dd)).toBe(XDP_PASS);
    expect(run(loaded, tcp(22).subarray(0, 12))).toBe(XDP_PASS);
    expect(loaded.counted(0)).toEqual([]);
  });

  it('judges frames for a group, and headers with options', () => {
    const loaded = new Loaded(compile('xdp'));
    expect(run(loaded, tcp(22), new Uint8Array(6).fill(0xff))).toBe(XDP_DROP);
    for (let words = 1; words <= 10; words++) {
      expect(run(loaded, tcp(22, { options: new Uint8Array(4 * words).fill(1) }))).toBe(XDP_DROP);
    }
    expect(loaded.counted(0)).toEqual([`0:11:${11 * 40 + 4 * 55}`]);
  });

  /** The packet behind so many priority tags, for a frame of type 802.1Q. */
  const tagged = (packet: Uint8Array, tags: number, id = 0): Uint8Array => {
    const between = new Array(tags - 1).fill([0xe0, 0, 0x81, 0]).flat();
    return Uint8Array.from([...between, 0xe0 | (id >> 8), id & 255, 8, 0, ...packet]);
  };

  it('looks behind two tags of VLAN 0, with options too', () => {
    const loaded = new Loaded(compile('xdp'));
    const withOptions = tcp(22, { options: new Uint8Array(40).fill(1) });
    for (const etherType of [0x8100, 0x88a8]) {
      for (const tags of [1, 2]) {
        expect(run(loaded, tagged(tcp(22), tags), MAC, ETH0, etherType)).toBe(XDP_DROP);
        expect(run(loaded, tagged(withOptions, tags), MAC, ETH0, etherType)).toBe(XDP_DROP);
      }
    }
    expect(loaded.counted(0)).toEqual([`0:8:${4 * 40 + 4 * 80}`]);
    // The length is checked against the frame behind the tags, here with its trailer of six bytes.
    expect(run(loaded, tagged(tcp(22).subarray(0, 33), 2), MAC, ETH0, 0x8100)).toBe(XDP_PASS);
    expect(run(loaded, tagged(tcp(22).subarray(0, 34), 2), MAC, ETH0, 0x8100)).toBe(XDP_DROP);
  });

  it('drops what has a third tag of VLAN 0, and passes other VLANs uncounted', () => {
    const loaded = new Loaded(compile('xdp'));
    for (const tags of [1, 2, 3]) expect(run(loaded, tagged(tcp(22), tags, 5), MAC, ETH0, 0x8100)).toBe(XDP_PASS);
    expect(loaded.counted(0)).toEqual([]);
    expect(run(loaded, tagged(tcp(22), 3), MAC, ETH0, 0x8100)).toBe(XDP_DROP);
    expect(loaded.counted(0)).toEqual([`${SLOTS.length}:1:50`]);
  });
});
