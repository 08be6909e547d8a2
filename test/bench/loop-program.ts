// Any program of ours as a loop over a pool of packets: one test run then judges thousands of different packets.
//
//   main:     until all packets are through: may_goto, call packet(ctx)
//   packet:   takes the address of the pool's next frame, then the program as the compiler made it,
//             instruction for instruction; exit returns to main
//
// What is changed in the program has the size of what it replaces, so no jump in it moves:
//
//   XDP: data, data_end of context  becomes the address of the pool's frame, and of its end
//   netfilter: data of sk_buff      becomes the address of the pool's packet
//   netfilter: bpf_dynptr_slice     is called as before, and what it returns is replaced by the pool's packet;
//                                   the call jumps to a few instructions behind the program and back
//
// So a round holds what a driver's loop holds: one call, the whole program (counter area, headers, checks,
// classification, counters) on bytes that differ from round to round, one return; and the loop's own: two bounds tests and
// four stores. The same loop around an empty program is to be subtracted. Not in it: the dispatcher's tail call, and
// a skb that differs (its length is the same for all packets).
//
// The function is a global one, which the kernel verifies by itself: the program loads in the loop where it loads alone.

import { Assembler } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import {
  CLASS,
  type Instruction,
  JUMP,
  MODE,
  R0,
  R1,
  R2,
  R3,
  R6,
  R7,
  R9,
  R10,
  SIZE,
} from '../../src/bpf/instruction.ts';

/** Bytes of a cache line: frames of a pool are one, or some. The packet begins behind the Ethernet header. */
export const FRAME = 64;
/** How far behind the last frame headers may reach, as far as the verifier can tell. */
const SLACK = 0x10000;
const ETHERNET = 14;
const POOL = 'pool';
const ROUNDS = 'pool_rounds';

/** The maps that a loop adds to those of its program. A run begins at the round in `rounds`, 32 bits, and leaves it there. */
export function loopMaps(pool: readonly Uint8Array[]): {
  readonly pool: MapDefinition;
  readonly rounds: MapDefinition;
} {
  const size = pool[0]!.length;
  const contents = new Uint8Array((pool.length + 1) * size + SLACK);
  for (const [index, frame] of pool.entries()) {
    if (frame.length % FRAME !== 0) throw new Error(`a pool's frames are lines of ${FRAME} bytes, not ${frame.length}`);
    if (frame.length !== size) throw new Error(`a pool has frames of ${size} and of ${frame.length} bytes`);
    contents.set(frame, index * size);
  }
  return {
    pool: { name: POOL, type: 'array', valueSize: contents.length, maxEntries: 1, mmapable: false, contents },
    rounds: { name: ROUNDS, type: 'array', valueSize: 8, maxEntries: 1, mmapable: true },
  };
}

// Where the function keeps what it adds, below all that programs use. At netfilter the packet begins behind its Ethernet
// header.
const PACKET = -408;
const PACKET_END = -416;
const SLICE_AT = -424;
const LOWEST_OF_PROGRAMS = -400;

const CALL = CLASS.JMP | JUMP.call;
const PSEUDO_CALL = 1;
/** BPF_JMP | BPF_JCOND: the loop ends when it has gone on for too long (kernel 6.9). */
const MAY_GOTO = CLASS.JMP | 0xe0;
const LOAD_WORD = CLASS.LDX | SIZE[4] | MODE.MEM;
const LOAD_DOUBLE = CLASS.LDX | SIZE[8] | MODE.MEM;
/** `struct xdp_md` */
const [XDP_DATA, XDP_DATA_END] = [0, 4];

export interface LoopProgram {
  readonly program: Program;
  /** Index of the function's first instruction. */
  readonly packetFunction: number;
}

/** The loop around a program, over `packets` packets in frames of `frame` bytes; throws where it does not know how the program reads them. */
export function loopProgram(program: Program, packets: number, frame = FRAME): LoopProgram {
  if (packets <= 0 || (packets & (packets - 1)) !== 0) throw new Error('the packets of a pool are a power of two');
  checkBody(program);
  const main = mainFunction(program.type === 'xdp' ? 2 : 1, packets);
  const head = nextPacket(packets, frame, program.type === 'xdp' ? 0 : ETHERNET);
  const body = program.instructions;
  const start = main.length + head.length;
  const end = start + body.length;
  const behind: Instruction[] = [];
  const dataLoad = body.findIndex(isDataLoad);
  const changed = body.map((instruction, index): Instruction => {
    if (program.type === 'xdp') return frameLoad(instruction) ?? instruction;
    if (index === dataLoad) return { ...instruction, src: R10.number, offset: PACKET };
    if (instruction.opcode !== CALL || instruction.function !== 'bpf_dynptr_slice') return instruction;
    const detour = end + behind.length;
    behind.push(...slice(instruction));
    behind.push(jumpLong(end + behind.length, start + index + 1));
    return jumpLong(start + index, detour);
  });
  const instructions = [...main, ...head, ...changed, ...behind];
  return { program: { ...program, name: 'loop', instructions, lines: [] }, packetFunction: main.length };
}

/** Calls the function that follows it until all packets are through. */
function mainFunction(verdict: 1 | 2, packets: number): Instruction[] {
  const a = new Assembler();
  const next = a.label('next packet');
  const limit = a.label('limit of time');
  const call = a.label('call');
  const end = a.label('all done');
  a.mov(R6, R1).loadMapValue(R7, ROUNDS);
  a.bind(next).load(4, R1, R7, 0).jump('ge', R1, packets, end);
  // The assembler has neither `may_goto` nor calls of functions: a jump and a helper stand in for them.
  a.bind(limit).goto(end);
  a.mov(R1, R6).bind(call).call(0).goto(next);
  a.bind(end).mov(R0, verdict).exit();
  const { instructions } = a.finish();
  return instructions.map((instruction, index) => {
    if (index === limit.position) return { ...instruction, opcode: MAY_GOTO };
    if (index === call.position) return { ...instruction, src: PSEUDO_CALL, imm: instructions.length - index - 1 };
    return instruction;
  });
}

/** Puts the addresses of the next frame and of its end where the program finds them. Leaves R1, the context. */
function nextPacket(packets: number, frame: number, start: number): Instruction[] {
  const a = new Assembler();
  a.loadMapValue(R3, ROUNDS).load(4, R2, R3, 0).mov(R0, R2).alu('add', R0, 1).store(4, R3, 0, R0);
  a.alu('and', R2, packets - 1).alu('mul', R2, frame);
  a.loadMapValue(R3, POOL, start).alu('add', R3, R2).store(8, R10, PACKET, R3);
  a.alu('add', R3, frame - start).store(8, R10, PACKET_END, R3);
  return a.finish().instructions;
}

/** Loads the frame's address or its end in place of the context's field. */
function frameLoad(instruction: Instruction): Instruction | undefined {
  if (instruction.opcode !== LOAD_WORD || instruction.src !== R6.number) return undefined;
  const place = { [XDP_DATA]: PACKET, [XDP_DATA_END]: PACKET_END }[instruction.offset];
  if (place === undefined) return undefined;
  return { ...instruction, opcode: LOAD_DOUBLE, src: R10.number, offset: place };
}

/** Netfilter programs load `skb->data` by the register that holds the `sk_buff`; nothing before does the like. */
function isDataLoad({ opcode, src }: Instruction): boolean {
  return opcode === LOAD_DOUBLE && src === R9.number;
}

/** The real call, then the same place of the pool's packet: where it begins in the packet is in R2. */
function slice(call: Instruction): Instruction[] {
  const a = new Assembler();
  a.store(8, R10, SLICE_AT, R2).call(0);
  // No header begins farther off than a packet is long; the verifier is to know it.
  a.load(8, R0, R10, SLICE_AT)
    .alu('and', R0, SLACK - 1)
    .load(8, R1, R10, PACKET)
    .alu('add', R0, R1);
  return a.finish().instructions.map((instruction) => (instruction.opcode === CALL ? call : instruction));
}

/** A jump of one instruction that reaches everywhere (`gotol`, kernel 6.6). */
function jumpLong(from: number, to: number): Instruction {
  return { opcode: CLASS.JMP32 | JUMP.always, dst: 0, src: 0, offset: 0, imm: to - from - 1 };
}

/** Refuses programs whose meaning the loop would change, or whose packets it could not replace. */
function checkBody({ name, type, instructions }: Program): void {
  const wrong = (what: string): never => {
    throw new Error(`the loop cannot hold ${name}: it ${what}`);
  };
  for (const [index, { opcode, src, dst, offset, imm }] of instructions.entries()) {
    if (opcode === CALL && src === PSEUDO_CALL) wrong('calls a function of its own');
    if (opcode === CALL && src === 0 && imm === 12) wrong('tail-calls');
    const isLoad = (opcode & 7) === CLASS.LDX;
    const isStore = (opcode & 7) === CLASS.ST || (opcode & 7) === CLASS.STX;
    const onStack = (isLoad && src === R10.number) || (isStore && dst === R10.number);
    const isAddress = opcode === CLASS.ALU64 && instructions[index - 1]?.src === R10.number;
    if ((onStack ? offset : isAddress ? imm : 0) < LOWEST_OF_PROGRAMS) wrong('uses all of the stack');
  }
  const isRead = instructions.some((each) => (type === 'xdp' ? frameLoad(each) !== undefined : isDataLoad(each)));
  const isEmpty = instructions.length === 2;
  if (!isEmpty && !isRead) wrong('reads no packet in a known way');
}
