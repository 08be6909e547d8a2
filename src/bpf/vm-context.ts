// What a program sees of the kernel: contexts and structures laid out as the features say, with nothing in them but
// what generated programs read. A load of any other member is an error.

import { type Features, type KernelLayout, netfilterContextOf } from '../base/features.ts';
import { type MachineOptions, VirtualMachine } from './vm.ts';
import type { Memory, Word } from './vm-memory.ts';
import type { PreparedProgram } from './vm-prepare.ts';

interface FakeDevice {
  readonly ifindex: number;
  readonly name: string;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Of its namespace; 0 if absent. */
  readonly addressGeneration?: number;
}

export interface XdpRun extends MachineOptions {
  readonly features: Features;
  /** From the Ethernet header on. */
  readonly frame: Uint8Array;
  /** How many bytes of it lie in its first buffer, all if absent. Programs do not reach the others. */
  readonly linear?: number;
  readonly device: FakeDevice;
}

export interface NetfilterRun extends MachineOptions {
  readonly features: Features;
  /** From the IPv4 header on; `skb->len` is its length. */
  readonly packet: Uint8Array;
  /** How many bytes of it lie where `skb->data` points, all if absent. A dynptr reaches the others. */
  readonly linear?: number;
  /** Absent where the hook has none: a null pointer. */
  readonly inDevice?: Pick<FakeDevice, 'name'>;
  readonly outDevice?: Pick<FakeDevice, 'name'>;
  /** `enum ip_conntrack_info`, and the bytes of the `struct nf_conn`; absent, or without one, where there is none. */
  readonly connection?: { readonly info: number; readonly entry?: Uint8Array };
}

/** `struct xdp_md` (include/uapi/linux/bpf.h) */
const XDP_MD = { data: 0, dataEnd: 4, ingressIfindex: 12 } as const;
/** What lies behind the linear part, and means nothing: `struct skb_shared_info` and more. */
const BEHIND_DATA = 64;
/** IFNAMSIZ */
const NAME_SIZE = 16;
/** MAX_ADDR_LEN */
const ADDRESS_SIZE = 32;

/** Runs an XDP program on a frame and returns its action (`enum xdp_action`). */
export function runXdp(program: PreparedProgram, run: XdpRun): number {
  requireType(program, 'xdp');
  const { features, frame, linear = frame.length, device } = run;
  const { layout } = features;
  const machine = new VirtualMachine(run);
  const { memory } = machine;
  const data = memory.add('the frame', frame.subarray(0, linear), { writable: true });
  const dev = addDevice(memory, layout, device);
  const rxq = new Structure('xdp_rxq_info').pointer(layout.rxqDevice, dev).addTo(memory);
  const buff = new Structure('xdp_buff').pointer(layout.xdpRxq, rxq).addTo(memory);
  const fields = new Map<number, Word>([
    [XDP_MD.data, { hi: data, lo: 0 }],
    [XDP_MD.dataEnd, { hi: data, lo: linear }],
    [XDP_MD.ingressIfindex, { hi: 0, lo: device.ifindex }],
  ]);
  const context = memory.addStructure('xdp_md', fields);
  return machine.run(program, { context, kernelContext: buff, frameLength: frame.length });
}

/** Runs a netfilter program on a packet and returns its verdict: 0 drop, 1 accept. */
export function runNetfilter(program: PreparedProgram, run: NetfilterRun): number {
  requireType(program, 'netfilter');
  const { features, packet, linear = packet.length, inDevice, outDevice, connection } = run;
  const { layout } = features;
  const machine = new VirtualMachine(run);
  const { memory } = machine;
  const data = new Uint8Array(linear + BEHIND_DATA).fill(0xa5);
  data.set(packet.subarray(0, linear));
  const skb = new Structure('sk_buff')
    .word(layout.skbLen, packet.length)
    .word(layout.skbDataLen, packet.length - linear)
    .pointer(layout.skbData, memory.add('the linear part', data));
  if (features.connection !== undefined) {
    const entry = connection?.entry === undefined ? 0 : memory.add('the nf_conn', connection.entry);
    skb.word(features.connection.skbConnection, connection?.info ?? 0);
    skb.word(features.connection.skbConnection + 4, entry);
  }
  const skbRegion = skb.addTo(memory);
  const state = new Structure('nf_hook_state')
    .pointer(layout.hookStateIn, inDevice === undefined ? 0 : addDevice(memory, layout, inDevice))
    .pointer(layout.hookStateOut, outDevice === undefined ? 0 : addDevice(memory, layout, outDevice))
    .addTo(memory);
  const netfilter = netfilterContextOf(features);
  const context = new Structure('bpf_nf_ctx')
    .pointer(netfilter.state, state)
    .pointer(netfilter.skb, skbRegion)
    .addTo(memory);
  const verdict = machine.run(program, { context, kernelContext: context, skb: { region: skbRegion, bytes: packet } });
  if (verdict > 1) throw new Error(`vm: ${program.program.name} returns ${verdict}, neither drop nor accept`);
  return verdict;
}

function addDevice(
  memory: Memory,
  layout: KernelLayout,
  device: Pick<FakeDevice, 'name'> & Partial<FakeDevice>,
): number {
  const structure = new Structure('net_device').text(layout.deviceName, device.name);
  if (device.mac !== undefined) {
    structure.bytes(layout.deviceAddress, device.mac, ADDRESS_SIZE);
    const generation = device.addressGeneration ?? 0;
    const net = new Structure('net').word(layout.netAddressGeneration, generation);
    if (layout.netAddressGeneration6 !== undefined) net.word(layout.netAddressGeneration6, generation);
    structure.pointer(layout.deviceNet, net.addTo(memory));
  }
  return structure.addTo(memory);
}

function requireType({ program }: PreparedProgram, type: string): void {
  if (program.type !== type) throw new Error(`vm: ${program.name} is no ${type} program`);
}

/** A kernel structure under construction: members by offset. */
class Structure {
  readonly name: string;
  readonly fields = new Map<number, Word>();

  constructor(name: string) {
    this.name = name;
  }

  /** 32 bits. */
  word(offset: number, value: number): this {
    this.fields.set(offset, { hi: 0, lo: value });
    return this;
  }

  /** Points to the start of a region; region 0 is NULL. */
  pointer(offset: number, region: number): this {
    return this.word(offset, 0).word(offset + 4, region);
  }

  /** A device's name, padded with zeros. */
  text(offset: number, text: string): this {
    return this.bytes(offset, Buffer.from(text.slice(0, NAME_SIZE - 1), 'latin1'), NAME_SIZE);
  }

  /** An array of `size` bytes, padded with zeros. */
  bytes(offset: number, bytes: Uint8Array, size: number): this {
    const padded = Buffer.alloc(size);
    padded.set(bytes);
    for (let at = 0; at < size; at += 4) this.word(offset + at, padded.readUInt32LE(at));
    return this;
  }

  /** Puts it into memory and returns its region. */
  addTo(memory: Memory): number {
    return memory.addStructure(this.name, this.fields);
  }
}
