// The helpers and kernel functions that generated programs call, as far as they use them.

import type { CallName } from './calls.ts';
import type { Context, VirtualMachine } from './vm.ts';
import type { Word } from './vm-memory.ts';

interface Registers {
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
}

/** It is always the same moment, just before the lower half wraps. */
export const JIFFIES = 0xfffffff0;

const NULL: Word = { hi: 0, lo: 0 };
/** `sizeof(struct bpf_dynptr)` */
const DYNPTR_SIZE = 16;
/** `bpf_ct_opts.error` */
const CONNECTION_ERROR = 4;
const ENOENT = 2;

/** Calls a function with the arguments in R1 and up; `undefined` where it leaves nothing in R0. */
export function callFunction(
  name: CallName,
  machine: VirtualMachine,
  context: Context,
  { hi, lo }: Registers,
): Word | undefined {
  const argument = (number: number): Word => ({ hi: hi[number]!, lo: lo[number]! });
  switch (name) {
    case 'bpf_map_lookup_elem':
      return lookUp(machine, argument(1), argument(2));
    case 'bpf_get_smp_processor_id':
      return { hi: 0, lo: machine.cpu };
    case 'bpf_tail_call':
      requireAddress(argument(1), context.context, 'the context');
      machine.tailCall(hi[2]!, lo[3]!);
      return undefined;
    case 'bpf_jiffies64':
      return { hi: 0, lo: JIFFIES };
    case 'bpf_probe_read_kernel':
      copyKernelMemory(machine, context, argument(1), argument(2), argument(3));
      return NULL;
    case 'bpf_xdp_get_buff_len':
      if (context.frameLength === undefined) throw new Error('there is no frame here');
      requireAddress(argument(1), context.context, 'the context');
      return { hi: 0, lo: context.frameLength };
    case 'bpf_cast_to_kern_ctx':
      requireAddress(argument(1), context.context, 'the context');
      return { hi: context.kernelContext, lo: 0 };
    case 'bpf_rdonly_cast':
      return argument(1);
    case 'bpf_dynptr_from_skb':
      return dynptrFromSkb(machine, context, argument(1), argument(2), argument(3));
    case 'bpf_dynptr_slice':
      return dynptrSlice(machine, context, argument(1), argument(2), argument(3), argument(4));
    case 'bpf_iter_num_new':
      machine.memory.store(8, hi[1]!, lo[1]!, lo[3]!, lo[2]!);
      return NULL;
    case 'bpf_iter_num_next':
      return nextNumber(machine, argument(1));
    case 'bpf_xdp_ct_lookup':
      // Nobody tracks connections here.
      machine.memory.store(4, hi[4]!, lo[4]! + CONNECTION_ERROR, 0, -ENOENT);
      return NULL;
    case 'bpf_ct_release':
      throw new Error('there is no connection here');
    case 'bpf_iter_num_destroy':
      machine.memory.store(8, hi[1]!, lo[1]!, 0, 0);
      return undefined;
  }
}

/** The address of an element of an array map, or NULL. */
function lookUp(machine: VirtualMachine, map: Word, key: Word): Word {
  const { memory } = machine;
  memory.load(4, key.hi, key.lo);
  const offset = machine.element(map.hi, memory.lo);
  return offset === undefined ? NULL : { hi: map.hi, lo: offset };
}

/** Copies words; the context is what the kernel has there, not what programs are shown of it. */
function copyKernelMemory({ memory }: VirtualMachine, context: Context, to: Word, size: Word, from: Word): void {
  const region = from.hi === context.context ? context.kernelContext : from.hi;
  for (let at = 0; at < size.lo; at += 4) {
    memory.load(4, region, from.lo + at);
    memory.store(4, to.hi, to.lo + at, 0, memory.lo);
  }
}

/** Writes a dynptr: the address of the packet's region, and zeros. */
function dynptrFromSkb(machine: VirtualMachine, context: Context, skb: Word, flags: Word, dynptr: Word): Word {
  const { memory } = machine;
  if (context.skb === undefined) throw new Error('there is no sk_buff here');
  requireAddress(skb, context.skb.region, 'the sk_buff');
  if (flags.hi !== 0 || flags.lo !== 0) throw new Error('bpf_dynptr_from_skb wants no flags');
  memory.store(8, dynptr.hi, dynptr.lo, context.skb.region, 0);
  memory.store(8, dynptr.hi, dynptr.lo + DYNPTR_SIZE / 2, 0, 0);
  return NULL;
}

/** A region of exactly the bytes asked for, read-only, or NULL where the packet ends before. */
function dynptrSlice(
  machine: VirtualMachine,
  context: Context,
  dynptr: Word,
  offset: Word,
  buffer: Word,
  size: Word,
): Word {
  const { memory } = machine;
  memory.load(8, dynptr.hi, dynptr.lo);
  if (context.skb === undefined || memory.hi !== context.skb.region) throw new Error('r1 is no dynptr');
  memory.requireWritable(size.lo, buffer.hi, buffer.lo);
  const end = offset.lo + size.lo;
  if (offset.hi !== 0 || size.hi !== 0 || end > context.skb.bytes.length) return NULL;
  return { hi: memory.add('the slice', context.skb.bytes.subarray(offset.lo, end)), lo: 0 };
}

/** An iterator is the next number, and behind it the first that is too large. The address of the number before, or NULL. */
function nextNumber({ memory }: VirtualMachine, { hi, lo }: Word): Word {
  memory.load(8, hi, lo);
  const [end, next] = [memory.hi, memory.lo];
  if (next >= end) return NULL;
  memory.store(8, hi, lo, end, next + 1);
  return { hi, lo };
}

function requireAddress({ hi, lo }: Word, region: number, what: string): void {
  if (hi !== region || lo !== 0) throw new Error(`r1 is not ${what}`);
}
