// A veth pair as a wire: one CPU sends frames of a pool as fast as it can, a kernel thread on another CPU receives them.
//
// The sender is the kernel's test run with live frames: a program writes the pool's next frame and redirects it into the
// pair; no sockets, no skb. The receiving end polls by NAPI in a thread of its own (GRO is what makes a veth poll
// without an XDP program), so the time of that thread is the receiver's whole cost: XDP, skb, GRO, hooks, and dropping.
// The sender is faster; what does not fit into the ring between them is lost before it is received, and not counted.
//
// Both have real-time priority, and each sample begins with frames that are not measured: what else runs on the machine, other
// wires before all, would leave a subject's tables cold again and again, and one without tables has none to lose.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Assembler } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import { R0, R1, R2, R3, R4, R5 } from '../../src/bpf/instruction.ts';
import { closeDescriptor, createMap, loadProgram } from '../../src/kernel/bpf.ts';
import { bpf, COMMAND, pointer } from '../../src/kernel/bpf-call.ts';
import { sleep } from '../../src/kernel/wait.ts';
import { connect, type Namespace } from '../harness/namespace.ts';
import { enableGro } from './gro.ts';
import { FRAME } from './loop-program.ts';

/** CPUs of the sender (this process) and of the receiver. */
const [SENDER_CPU, RECEIVER_CPU] = [0, 1];
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
const REDIRECT = 23;
const BATCH = 64;
/** Frames that are sent before those of a sample. */
const WARM_UP = 50_000;

export interface WireSample {
  /** Frames received in a second. */
  readonly rate: number;
  /** Nanoseconds of the receiving thread for each frame received. */
  readonly cpu: number;
  /** Frames received, with those before the sample. */
  readonly received: number;
}

type Device = ReturnType<Namespace['device']>;

/** Frames that a wire can send, by the program that does. */
export interface Pool {
  readonly program: number;
}

export class Wire {
  readonly device: string;
  private readonly receiver: Namespace;
  private readonly sender: Namespace;
  private readonly ends: { readonly from: Device; readonly to: Device };
  private readonly descriptors: number[] = [];
  private readonly pool: Pool;
  private readonly thread: number;

  /** `number` tells the devices of several wires apart; `frames` are a power of two, without Ethernet addresses. */
  constructor(number: number, sender: Namespace, receiver: Namespace, frames: readonly Uint8Array[]) {
    this.device = `wire${number}r`;
    this.receiver = receiver;
    this.sender = sender;
    connect(sender, `wire${number}s`, receiver, this.device);
    sender.ip(`link set wire${number}s arp off`);
    receiver.ip(`link set ${this.device} arp off`);
    this.ends = { from: sender.device(`wire${number}s`), to: receiver.device(this.device) };
    receiver.enter(() => enableGro(this.ends.to.index));
    receiver.exec('sh', ['-c', `echo 1 > /sys/class/net/${this.device}/threaded`]);
    this.thread = threadOf(this.device);
    pinTo(this.thread, RECEIVER_CPU);
    setRealTime(this.thread, true);
    this.pool = this.poolOf(frames);
  }

  /** Other frames for this wire: a power of two, without Ethernet addresses. */
  poolOf(frames: readonly Uint8Array[]): Pool {
    const { from, to } = this.ends;
    const next: MapDefinition = { name: 'next', type: 'array', valueSize: 8, maxEntries: 1, mmapable: false };
    const maps = new Map<string, number>();
    for (const map of [poolMap(frames, to.mac, from.mac), next]) {
      const descriptor = createMap(map);
      this.descriptors.push(descriptor);
      maps.set(map.name, descriptor);
    }
    const program = loadProgram(senderProgram(from.index, frames.length), maps);
    this.descriptors.push(program);
    return { program };
  }

  /** Sends some frames and then so many, and waits until the receiver is done with those that it got. */
  send(frames: number, pool = this.pool): WireSample {
    const warmUp = this.sendThrough(pool, Math.min(WARM_UP, frames));
    const sample = this.sendThrough(pool, frames);
    return { ...sample, received: warmUp.received + sample.received };
  }

  private sendThrough({ program }: Pool, frames: number): WireSample {
    const [receivedBefore, timeBefore] = [this.received(), runTime(this.thread)];
    const begin = performance.now();
    this.sender.enter(() => sendLive(program, frames));
    const elapsed = performance.now() - begin;
    // It sleeps once its ring is empty; preempted, it is still running.
    do sleep(5);
    while (!isAsleep(this.thread));
    const count = this.received() - receivedBefore;
    if (count === 0) throw new Error(`nothing arrives at ${this.device}`);
    return {
      rate: (1000 * count) / elapsed,
      cpu: Number(runTime(this.thread) - timeBefore) / count,
      received: count,
    };
  }

  close(): void {
    for (const descriptor of this.descriptors) closeDescriptor(descriptor);
  }

  private received(): number {
    const [link] = JSON.parse(this.receiver.ip(`-s -j link show dev ${this.device}`));
    return link.stats64.rx.packets;
  }
}

/** Runs `work` with this thread on the sender's CPU, before all else there. */
export function onSenderCpu<T>(work: () => T): T {
  const before = /: (\S+)$/m.exec(output('taskset', '-cp', `${process.pid}`))![1]!;
  pinTo(process.pid, SENDER_CPU);
  setRealTime(process.pid, true);
  try {
    return work();
  } finally {
    setRealTime(process.pid, false);
    output('taskset', '-cp', before, `${process.pid}`);
  }
}

function pinTo(thread: number, cpu: number): void {
  output('taskset', '-cp', `${cpu}`, `${thread}`);
}

/** Processes that a thread starts do not inherit it. */
function setRealTime(thread: number, isReal: boolean): void {
  output('chrt', ...(isReal ? ['-R', '-f'] : ['-o']), '-p', isReal ? '1' : '0', `${thread}`);
}

function output(command: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`);
  return stdout;
}

/** The kernel thread that polls the device's only queue. */
function threadOf(device: string): number {
  const found = readdirSync('/proc').find((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/comm`, 'utf8').startsWith(`napi/${device}-`);
    } catch {
      // A process that has ended meanwhile.
      return false;
    }
  });
  if (found === undefined) throw new Error(`${device} has no polling thread`);
  return Number(found);
}

/** Nanoseconds that a thread has been running for (Documentation/scheduler/sched-stats.rst). */
function runTime(thread: number): bigint {
  return BigInt(readFileSync(`/proc/${thread}/schedstat`, 'utf8').split(' ')[0]!);
}

function isAsleep(thread: number): boolean {
  return readFileSync(`/proc/${thread}/stat`, 'utf8').split(') ')[1]!.startsWith('S');
}

function poolMap(frames: readonly Uint8Array[], destination: Uint8Array, source: Uint8Array): MapDefinition {
  const contents = new Uint8Array(frames.length * FRAME);
  for (const [index, frame] of frames.entries()) {
    contents.set(frame, index * FRAME);
    contents.set(destination, index * FRAME);
    contents.set(source, index * FRAME + 6);
  }
  return { name: 'frames', type: 'array', valueSize: contents.length, maxEntries: 1, mmapable: false, contents };
}

/** Writes the next frame and redirects it to a device. */
function senderProgram(ifindex: number, frames: number): Program {
  const a = new Assembler();
  const short = a.label('no room for a frame');
  a.from({ file: 'bench', line: 1, column: 1, text: 'sender' });
  a.load(4, R2, R1, 0).load(4, R3, R1, 4).mov(R4, R2).alu('add', R4, FRAME).jump('gt', R4, R3, short);
  a.loadMapValue(R3, 'next').load(4, R4, R3, 0).mov(R5, R4).alu('add', R5, 1).store(4, R3, 0, R5);
  a.alu('and', R4, frames - 1).alu('mul', R4, FRAME);
  a.loadMapValue(R3, 'frames').alu('add', R3, R4);
  for (let offset = 0; offset < FRAME; offset += 8) a.load(8, R4, R3, offset).store(8, R2, offset, R4);
  a.mov(R1, ifindex).mov(R2, 0).call(REDIRECT).exit();
  a.bind(short).mov(R0, 0).exit();
  return { name: 'sender', type: 'xdp', ...a.finish() };
}

function sendLive(program: number, frames: number): void {
  const data = new Uint8Array(FRAME);
  bpf('send live frames', COMMAND.testRun, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(data.length, 8);
    pointer(attr, 16, data);
    attr.writeUInt32LE(frames, 32);
    attr.writeUInt32LE(BPF_F_TEST_XDP_LIVE_FRAMES, 64);
    attr.writeUInt32LE(BATCH, 72);
  });
}
