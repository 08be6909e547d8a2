// Native XDP programs that take turns on one wire.
//
// Wires differ by a tenth and more, by where the kernel has put their pages and rings: programs, each on a wire of its own, would be
// compared with that in between. So each is put into force, by its own means, on a device that nobody sends to, and whose turn it
// is runs at the wire, too: the very program, with its tables and counters. All devices are of one namespace, because
// programs depend on its addresses.

import { attachXdp, closeDescriptor, updateXdp } from '../../src/kernel/bpf.ts';
import { bpf, COMMAND } from '../../src/kernel/bpf-call.ts';
import { connect, type Namespace } from '../harness/namespace.ts';

/** A device for the program `number` to be attached to, without a frame on it. */
export function quietDevice(number: number, sender: Namespace, receiver: Namespace): string {
  const device = `quiet${number}r`;
  connect(sender, `quiet${number}s`, receiver, device);
  return device;
}

/** What XDP runs at a device, one of several programs at a time. */
export class SharedDevice {
  private readonly namespace: Namespace;
  private readonly name: string;
  private readonly programs: number[] = [];
  /** From the first program on, so that the driver is set up but once. */
  private link: number | undefined;

  constructor(namespace: Namespace, name: string) {
    this.namespace = namespace;
    this.name = name;
  }

  /** Opens the program that is attached to another device of the namespace; open until `close`. */
  programOf(device: string): number {
    const [{ xdp }] = JSON.parse(this.namespace.ip(`-d -j link show dev ${device}`)) as [
      { xdp?: { prog: { id: number } } },
    ];
    if (xdp === undefined) throw new Error(`${device} has no XDP program`);
    const program = bpf('open a program', COMMAND.programById, (attr) => attr.writeUInt32LE(xdp.prog.id, 0));
    this.programs.push(program);
    return program;
  }

  /** Every frame from now on meets this program. */
  run(program: number): void {
    const { namespace, name } = this;
    if (this.link !== undefined) updateXdp(this.link, program);
    else
      this.link = namespace.enter(() => attachXdp(program, { ifindex: namespace.device(name).index, name }, 'native'));
  }

  close(): void {
    if (this.link !== undefined) closeDescriptor(this.link);
    for (const program of this.programs) closeDescriptor(program);
  }
}
