// Programs written by hand that decide nothing: nothing less can be had, so ours are compared with them.
//
// The empty ones do not look at the frame: they cost what the mode of XDP does. Whatever decides by a packet must read it, and
// the frame was written by another CPU: the first look pays for its way between the caches, little or much, as the host has
// placed the two CPUs. Whatever counts packets must bump a counter of its own CPU.

import { Assembler } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import { R1, R2, R3, R4, R5, R6, R8 } from '../../src/bpf/instruction.ts';
import { emitCount, emitCounterArea, emitVerdict } from '../../src/codegen/actions.ts';
import { passProgram } from '../../src/codegen/dispatcher.ts';
import { areaSize } from '../../src/codegen/manifest.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { DATA, DATA_END, ETHERNET, ETHERTYPE_IPV4 } from '../../src/codegen/xdp-frame.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { attachXdp, closeDescriptor, createMap, loadProgram, mapMemory, unmapMemory } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import type { Namespace } from '../harness/namespace.ts';
import type { Dropper } from './veth-subjects.ts';

/** What a program does before it drops: nothing; look at the headers of IPv4 and TCP or UDP; count the packet, too. */
type Work = 'nothing' | 'reads' | 'counts';

const COUNTERS = 'drops';
/** Of an IPv4 header without options, and of the ports behind it. */
const [TOTAL_LENGTH, SOURCE, DESTINATION, PORTS, END] = [2, 12, 16, 20, 24];

/** Accepts every frame, without a look at it: what a mode of XDP costs by itself. */
export function emptyPass(mode: 'native' | 'generic'): Dropper {
  return {
    name: `empty XDP_PASS, ${mode}`,
    enforce: (_, namespace, device) => {
      const link = attach(passProgram('xdp'), new Map(), namespace, device, mode);
      return { dropped: () => undefined, remove: () => closeDescriptor(link) };
    },
  };
}

function attach(
  program: Program,
  maps: ReadonlyMap<string, number>,
  namespace: Namespace,
  name: string,
  mode: 'native' | 'generic',
): number {
  const loaded = loadProgram(program, maps);
  try {
    return namespace.enter(() => attachXdp(loaded, { ifindex: namespace.device(name).index, name }, mode));
  } finally {
    closeDescriptor(loaded);
  }
}

/** Drops every frame in native XDP. */
export function handDropper(name: string, work: Work): Dropper {
  return {
    name,
    isNative: true,
    isForDropsOnly: true,
    enforce: (_, namespace, device) => {
      const { possibleCpus } = probeFeatures();
      const valueSize = areaSize(0) * possibleCpus;
      const definition: MapDefinition = { name: COUNTERS, type: 'array', valueSize, maxEntries: 1, mmapable: true };
      const map = createMap(definition);
      const memory = mapMemory(map, valueSize);
      const program = dropProgram(work, possibleCpus);
      const link = attach(program, new Map([[COUNTERS, map]]), namespace, device, 'native');
      const layout = { capacity: 0, possibleCpus, heads: true, banks: [{ type: 'xdp', map: COUNTERS }] } as const;
      return {
        dropped: () => (work === 'counts' ? Number(readSlots(map, layout, () => memory)[0]!.packets) : undefined),
        remove: () => {
          closeDescriptor(link);
          unmapMemory(memory);
          closeDescriptor(map);
        },
      };
    },
  };
}

function dropProgram(work: Work, possibleCpus: number): Program {
  const a = new Assembler();
  const pass = a.label('no IPv4 header');
  a.from({ file: 'bench', line: 1, column: 1, text: `drop: ${work}` });
  if (work !== 'nothing') {
    a.mov(R6, R1).load(4, R2, R6, DATA).load(4, R3, R6, DATA_END);
    a.mov(R4, R2)
      .alu('add', R4, ETHERNET + END)
      .jump('gt', R4, R3, pass);
    a.load(2, R4, R2, ETHERNET - 2).jump('ne', R4, ETHERTYPE_IPV4, pass);
    // None of the bench's frames has a zero in any of them.
    for (const at of [SOURCE, DESTINATION, PORTS]) a.load(4, R5, R2, ETHERNET + at).jump('eq', R5, 0, pass);
    a.load(2, R8, R2, ETHERNET + TOTAL_LENGTH).bigEndian(R8, 16);
  }
  if (work === 'counts') {
    emitCounterArea(a, COUNTERS, possibleCpus, 0);
    emitCount(a, XDP_ABI, 0);
  }
  emitVerdict(a, XDP_ABI, 'drop');
  if (work !== 'nothing') emitVerdict(a.bind(pass), XDP_ABI, 'accept');
  return { name: 'drop', type: 'xdp', ...a.finish() };
}
