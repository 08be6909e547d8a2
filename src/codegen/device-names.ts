// Whether a device is still called what it was when rules were compiled: what is certain of packets is known by the name of the
// device that they come in by, and two devices may exchange theirs without any of the kernel's words changing.

import type { Features } from '../base/features.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R1, R2, R3, R6, type Register } from '../bpf/instruction.ts';

/** A device, by both that tell it from others: the index stays with it. */
export interface NamedDevice {
  readonly ifindex: number;
  readonly name: string;
}

/** `ingress_ifindex` of `struct xdp_md` (include/uapi/linux/bpf.h). */
const INGRESS_IFINDEX = 12;
const WORD = 8;

/**
 * Goes to `changed` unless the packet's device, whose `net_device` is in a register, is one of those. R6 is the context.
 * Clobbers R1–R3.
 */
export function emitSameName(
  a: Assembler,
  { layout }: Features,
  devices: readonly NamedDevice[],
  device: Register,
  changed: Label,
): void {
  const same = a.label('called as it was');
  a.load(4, R1, R6, INGRESS_IFINDEX);
  for (const { ifindex, name } of devices) {
    const other = a.label(`not device ${ifindex}`);
    a.jump('ne', R1, ifindex, other);
    // With the byte that ends it; what is behind that may be of a longer name.
    const bytes = Buffer.from(`${name}\0`);
    for (let at = 0; at < bytes.length; at += WORD) {
      const word = bytes.subarray(at, at + WORD);
      const unused = 8 * (WORD - word.length);
      a.load(8, R2, device, layout.deviceName + at);
      if (unused > 0) a.alu('lsh', R2, unused);
      a.loadConstant(R3, wordOf(word) << BigInt(unused)).jump('ne', R2, R3, changed);
    }
    a.goto(same).bind(other);
  }
  a.goto(changed).bind(same);
}

/** As a little-endian load has it. */
function wordOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}
