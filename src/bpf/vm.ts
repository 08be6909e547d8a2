// The virtual machine: runs programs instruction by instruction, and refuses what the verifier would refuse.
//
//   const prepared = prepare(program);                      once
//   const action = runXdp(prepared, { maps, frame, … });    per packet; see vm-context.ts
//
// Registers are pairs of unsigned 32-bit halves. Registers and stack bytes that were never written cannot be read; what
// lies outside of a region, or is no known member of a kernel structure, cannot be reached (vm-memory.ts). An error
// names the instruction and the source line it belongs to. A machine is made for one packet.
//
// The cases below are opcodes as literals, so that the engine makes a jump table of them: x7 ALU64, x4 ALU, x5 JMP,
// x6 JMP32, x1 loads, x3 stores (RFC 9669, section 5).

import { callFunction } from './vm-calls.ts';
import { Memory } from './vm-memory.ts';
import type { PreparedProgram } from './vm-prepare.ts';
import { addTo, cut, isBelow, set, shiftLeft, shiftRight, swap, word } from './vm-registers.ts';
import { divide, multiply, remainder } from './vm-wide.ts';

export interface MachineOptions {
  /** Contents of the maps that programs take values of, by name; programs write into them. */
  readonly maps?: ReadonlyMap<string, Uint8Array>;
  /** Bytes of an element of those maps that have several, by name: what a look-up finds. */
  readonly elementSizes?: ReadonlyMap<string, number>;
  /** Programs by slot, by name of the program array; a missing one is an empty slot. */
  readonly programArrays?: ReadonlyMap<string, readonly (PreparedProgram | undefined)[]>;
  /** What `bpf_get_smp_processor_id` returns; 0 if absent. */
  readonly cpu?: number;
  /** Instructions after which a run is given up; a million if absent, the verifier's own limit. */
  readonly budget?: number;
}

/** The kernel's side of a run, as region numbers of the machine's memory. */
export interface Context {
  /** What the program finds in R1. */
  readonly context: number;
  /** What `bpf_cast_to_kern_ctx` makes of it. */
  readonly kernelContext: number;
  /** Only for XDP programs: bytes in all buffers of the frame. */
  readonly frameLength?: number;
  /** Only for netfilter programs: the `sk_buff`, and the bytes that a dynptr of it covers. */
  readonly skb?: { readonly region: number; readonly bytes: Uint8Array };
}

const MAXIMUM_TAIL_CALLS = 33;
const DEFAULT_BUDGET = 1_000_000;
const R1_AND_R10 = (1 << 1) | (1 << 10);
/** R1–R5 are lost over a call. */
const KEPT_OVER_CALL = ~0x3e;

export class VirtualMachine {
  readonly memory = new Memory();
  readonly cpu: number;
  /** Instructions run so far. */
  executed = 0;
  private readonly options: MachineOptions;
  private readonly budget: number;
  private readonly mapRegions = new Map<string, number>();
  private readonly arrays = new Map<number, readonly (PreparedProgram | undefined)[]>();
  /** Of the regions of maps: bytes of an element, and of all. */
  private readonly elements = new Map<number, { readonly size: number; readonly all: number }>();
  /** Set by a tail call that succeeds. */
  private next: PreparedProgram | undefined;
  private tailCalls = 0;

  constructor(options: MachineOptions) {
    this.options = options;
    this.cpu = options.cpu ?? 0;
    this.budget = options.budget ?? DEFAULT_BUDGET;
  }

  /** Runs a program and those it tail-calls; returns the lower half of R0 as an unsigned number. */
  run(program: PreparedProgram, context: Context): number {
    let current = program;
    for (;;) {
      this.next = undefined;
      const result = this.runOne(current, context);
      if (this.next === undefined) return result;
      current = this.next;
    }
  }

  /** Arranges that the program in a slot runs next; returns false where there is none or the chain is too long. */
  tailCall(array: number, index: number): boolean {
    const programs = this.arrays.get(array);
    if (programs === undefined) throw new Error('bpf_tail_call wants a program array in r2');
    const program = programs[index];
    if (program === undefined || this.tailCalls === MAXIMUM_TAIL_CALLS) return false;
    this.tailCalls++;
    this.next = program;
    return true;
  }

  /** Offset in a map's region of an element, or `undefined` where the map has no such element. */
  element(map: number, index: number): number | undefined {
    const elements = this.elements.get(map);
    if (elements === undefined) throw new Error('bpf_map_lookup_elem wants a map in r1');
    const offset = index * elements.size;
    return offset + elements.size > elements.all ? undefined : offset;
  }

  private runOne(program: PreparedProgram, context: Context): number {
    const { hi, lo, stack, stackKnown, operations, dst, src, offsets, reads, writes, maps, calls } = program;
    const { memory } = this;
    const size = operations.length;
    stackKnown.fill(0);
    hi[1] = context.context;
    lo[1] = 0;
    hi[10] = memory.add('the stack', stack, { writable: true, known: stackKnown });
    lo[10] = stack.length;
    let known = R1_AND_R10;
    let pc = 0;
    let at = 0;
    let left = this.budget - this.executed;
    try {
      for (;;) {
        at = pc++;
        if (at >= size) throw new Error('runs past the end');
        if (--left < 0) throw new Error(`still running after ${this.budget} instructions`);
        if ((reads[at]! & ~known) !== 0) throw new Error(`reads r${lowestBit(reads[at]! & ~known)}, never written`);
        known |= writes[at]!;
        const d = dst[at]!;
        const s = src[at]!;
        switch (operations[at]) {
          case 0x07: // add
            addTo(hi, lo, d, hi[s]!, lo[s]!);
            break;
          case 0x17: {
            // sub
            const difference = lo[d]! - lo[s]!;
            hi[d] = hi[d]! - hi[s]! - (difference < 0 ? 1 : 0);
            lo[d] = difference;
            break;
          }
          case 0x27:
            set(hi, lo, d, multiply(word(hi, lo, d), word(hi, lo, s)));
            break;
          case 0x37:
            set(hi, lo, d, divide(word(hi, lo, d), word(hi, lo, s)));
            break;
          case 0x97:
            set(hi, lo, d, remainder(word(hi, lo, d), word(hi, lo, s)));
            break;
          case 0x47: // or
            hi[d]! |= hi[s]!;
            lo[d]! |= lo[s]!;
            break;
          case 0x57: // and
            hi[d]! &= hi[s]!;
            lo[d]! &= lo[s]!;
            break;
          case 0xa7: // xor
            hi[d]! ^= hi[s]!;
            lo[d]! ^= lo[s]!;
            break;
          case 0x67: // lsh
            shiftLeft(hi, lo, d, lo[s]! & 63);
            break;
          case 0x77: // rsh
            shiftRight(hi, lo, d, lo[s]! & 63, 0);
            break;
          case 0xc7: // arsh
            shiftRight(hi, lo, d, lo[s]! & 63, hi[d]! >> 31);
            break;
          case 0x87: // neg
            hi[d] = ~hi[d]! + (lo[d] === 0 ? 1 : 0);
            lo[d] = -lo[d]!;
            break;
          case 0xb7: // mov
          case 0x18: // 64-bit immediate
            hi[d] = hi[s]!;
            lo[d] = lo[s]!;
            if (operations[at] === 0x18) pc++;
            break;
          case 0x20: // LOAD_MAP
            hi[d] = this.mapRegion(maps[s]!.name);
            lo[d] = maps[s]!.offset;
            pc++;
            break;

          case 0x04: // add32
            lo[d] = lo[d]! + lo[s]!;
            hi[d] = 0;
            break;
          case 0x14: // sub32
            lo[d] = lo[d]! - lo[s]!;
            hi[d] = 0;
            break;
          case 0x24: // mul32
            lo[d] = Math.imul(lo[d]!, lo[s]!);
            hi[d] = 0;
            break;
          case 0x34: // div32; the array cuts the fraction off
            lo[d] = lo[s] === 0 ? 0 : lo[d]! / lo[s]!;
            hi[d] = 0;
            break;
          case 0x94: // mod32
            lo[d] = lo[s] === 0 ? lo[d]! : lo[d]! % lo[s]!;
            hi[d] = 0;
            break;
          case 0x44: // or32
            lo[d]! |= lo[s]!;
            hi[d] = 0;
            break;
          case 0x54: // and32
            lo[d]! &= lo[s]!;
            hi[d] = 0;
            break;
          case 0xa4: // xor32
            lo[d]! ^= lo[s]!;
            hi[d] = 0;
            break;
          case 0x64: // lsh32; shifts take the lower five bits
            lo[d] = lo[d]! << lo[s]!;
            hi[d] = 0;
            break;
          case 0x74: // rsh32
            lo[d] = lo[d]! >>> lo[s]!;
            hi[d] = 0;
            break;
          case 0xc4: // arsh32
            lo[d] = lo[d]! >> lo[s]!;
            hi[d] = 0;
            break;
          case 0x84: // neg32
            lo[d] = -lo[d]!;
            hi[d] = 0;
            break;
          case 0xb4: // mov32
            lo[d] = lo[s]!;
            hi[d] = 0;
            break;
          case 0xdc: // be
          case 0xd7: // bswap
            swap(hi, lo, d, offsets[at]!);
            break;
          case 0xd4: // le, on a little-endian machine: only cuts off
            cut(hi, lo, d, offsets[at]!);
            break;

          case 0x71: // loads: 1, 2, 4, 8 bytes
          case 0x69:
          case 0x61:
          case 0x79: {
            const offset = offsets[at]!;
            const address = lo[s]! + offset;
            memory.load(SIZES[operations[at]! & 0x18]!, pageOf(hi[s]!, address), address >>> 0);
            hi[d] = memory.hi;
            lo[d] = memory.lo;
            break;
          }
          case 0x73: // stores: 1, 2, 4, 8 bytes
          case 0x6b:
          case 0x63:
          case 0x7b: {
            const address = lo[d]! + offsets[at]!;
            memory.store(SIZES[operations[at]! & 0x18]!, pageOf(hi[d]!, address), address >>> 0, hi[s]!, lo[s]!);
            break;
          }
          case 0xc3: // atomic add: 4, 8 bytes
          case 0xdb: {
            const bytes = SIZES[operations[at]! & 0x18]!;
            const address = lo[d]! + offsets[at]!;
            const page = pageOf(hi[d]!, address);
            memory.load(bytes, page, address >>> 0);
            const sum = memory.lo + lo[s]!;
            memory.store(bytes, page, address >>> 0, memory.hi + hi[s]! + (sum > 0xffffffff ? 1 : 0), sum);
            break;
          }

          case 0x05: // goto
          case 0x06: // gotol
            pc = offsets[at]!;
            break;
          case 0x15: // eq
            if (lo[d] === lo[s] && hi[d] === hi[s]) pc = offsets[at]!;
            break;
          case 0x55: // ne
            if (lo[d] !== lo[s] || hi[d] !== hi[s]) pc = offsets[at]!;
            break;
          case 0x25: // gt
            if (isBelow(hi[s]!, lo[s]!, hi[d]!, lo[d]!)) pc = offsets[at]!;
            break;
          case 0x35: // ge
            if (!isBelow(hi[d]!, lo[d]!, hi[s]!, lo[s]!)) pc = offsets[at]!;
            break;
          case 0xa5: // lt
            if (isBelow(hi[d]!, lo[d]!, hi[s]!, lo[s]!)) pc = offsets[at]!;
            break;
          case 0xb5: // le
            if (!isBelow(hi[s]!, lo[s]!, hi[d]!, lo[d]!)) pc = offsets[at]!;
            break;
          case 0x65: // sgt
            if (isBelow(hi[s]! | 0, lo[s]!, hi[d]! | 0, lo[d]!)) pc = offsets[at]!;
            break;
          case 0x75: // sge
            if (!isBelow(hi[d]! | 0, lo[d]!, hi[s]! | 0, lo[s]!)) pc = offsets[at]!;
            break;
          case 0xc5: // slt
            if (isBelow(hi[d]! | 0, lo[d]!, hi[s]! | 0, lo[s]!)) pc = offsets[at]!;
            break;
          case 0xd5: // sle
            if (!isBelow(hi[s]! | 0, lo[s]!, hi[d]! | 0, lo[d]!)) pc = offsets[at]!;
            break;
          case 0x45: // set
            if ((lo[d]! & lo[s]!) !== 0 || (hi[d]! & hi[s]!) !== 0) pc = offsets[at]!;
            break;
          case 0x16: // eq32
            if (lo[d] === lo[s]) pc = offsets[at]!;
            break;
          case 0x56: // ne32
            if (lo[d] !== lo[s]) pc = offsets[at]!;
            break;
          case 0x26: // gt32
            if (lo[d]! > lo[s]!) pc = offsets[at]!;
            break;
          case 0x36: // ge32
            if (lo[d]! >= lo[s]!) pc = offsets[at]!;
            break;
          case 0xa6: // lt32
            if (lo[d]! < lo[s]!) pc = offsets[at]!;
            break;
          case 0xb6: // le32
            if (lo[d]! <= lo[s]!) pc = offsets[at]!;
            break;
          case 0x66: // sgt32
            if ((lo[d]! | 0) > (lo[s]! | 0)) pc = offsets[at]!;
            break;
          case 0x76: // sge32
            if ((lo[d]! | 0) >= (lo[s]! | 0)) pc = offsets[at]!;
            break;
          case 0xc6: // slt32
            if ((lo[d]! | 0) < (lo[s]! | 0)) pc = offsets[at]!;
            break;
          case 0xd6: // sle32
            if ((lo[d]! | 0) <= (lo[s]! | 0)) pc = offsets[at]!;
            break;
          case 0x46: // set32
            if ((lo[d]! & lo[s]!) !== 0) pc = offsets[at]!;
            break;

          case 0x85: {
            // call
            known &= KEPT_OVER_CALL & ~1;
            const result = callFunction(calls[s]!, this, context, { hi, lo });
            if (this.next !== undefined) return 0;
            if (result === undefined) break;
            set(hi, lo, 0, result);
            known |= 1;
            break;
          }
          case 0x95: // exit
            return lo[0]!;
          default:
            throw new Error(`cannot run operation 0x${operations[at]!.toString(16)}`);
        }
      }
    } catch (error) {
      throw new Error(`vm: ${describe(program, at)}: ${(error as Error).message}`, { cause: error });
    } finally {
      this.executed = this.budget - left;
    }
  }

  /** Region of a map's value, or of a program array. */
  private mapRegion(name: string): number {
    const known = this.mapRegions.get(name);
    if (known !== undefined) return known;
    const programs = this.options.programArrays?.get(name);
    const bytes = programs === undefined ? this.options.maps?.get(name) : new Uint8Array();
    if (bytes === undefined) throw new Error(`there is no map ${name}`);
    const region = this.memory.add(`map ${name}`, bytes, { writable: true });
    if (programs !== undefined) this.arrays.set(region, programs);
    this.elements.set(region, {
      size: this.options.elementSizes?.get(name) ?? bytes.length,
      all: bytes.length,
    });
    this.mapRegions.set(name, region);
    return region;
  }
}

/** Bytes accessed, by the size bits of an opcode. */
const SIZES: readonly number[] = sizesByBits();

function sizesByBits(): number[] {
  const sizes = new Array<number>(0x19).fill(0);
  sizes[0x10] = 1;
  sizes[0x08] = 2;
  sizes[0x00] = 4;
  sizes[0x18] = 8;
  return sizes;
}

/** The upper half of an address whose lower half, with an offset added, may have left its 32 bits. */
function pageOf(hi: number, address: number): number {
  if (address < 0) return (hi - 1) >>> 0;
  return address > 0xffffffff ? (hi + 1) >>> 0 : hi;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function describe({ program }: PreparedProgram, index: number): string {
  const line = program.lines.findLast((l) => l.instruction <= index);
  const source = line === undefined ? '' : ` (${line.file}:${line.line}: ${line.text})`;
  return `${program.name}, instruction ${index}${source}`;
}
