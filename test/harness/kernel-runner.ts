// Runs programs in the kernel on test packets (`BPF_PROG_TEST_RUN`): no attaching, no traffic. Needs root.
//
// The kernel shows an XDP program the loopback device as the one the frame came in by, and a netfilter program the
// loopback device as the one that the packet goes out by, at every hook.

import type { Family } from '../../src/base/family.ts';
import { HOOK_NUMBER } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { readAddressGeneration } from '../../src/engine/system-kernel.ts';
import { closeDescriptor, createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { type Runner, verdictOf } from './oracle.ts';

/** Size of `struct nf_hook_state`'s part that may be set: hook and protocol family. */
const HOOK_STATE = 56;
/** NFPROTO_* (include/uapi/linux/netfilter.h). */
const PROTOCOL_FAMILY: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };

export function kernelRunner(): Runner {
  return {
    name: 'the kernel',
    features: probeFeatures(),
    addressGeneration: readAddressGeneration(),
    start(image) {
      const maps = new Map(image.maps.map((definition) => [definition.name, createMap(definition)]));
      const programs = new Map(image.programs.map(({ point, program }) => [point, loadProgram(program, maps)]));
      const memory = new Map(
        image.maps
          .filter(({ mmapable, readOnly = false }) => mmapable && !readOnly)
          .map(({ name, valueSize, maxEntries }) => [name, mapMemory(maps.get(name)!, valueSize * maxEntries)]),
      );
      return {
        run(packet: HookPacket, frame) {
          if (image.manifest.placement === 'xdp') {
            const { result } = testRun(programs.get('XDP')!, frame);
            return verdictOf(result, 'xdp');
          }
          const state = Buffer.alloc(HOOK_STATE);
          state.writeUInt8(HOOK_NUMBER[packet.hook], 0);
          state.writeUInt8(PROTOCOL_FAMILY[packet.family ?? 'ipv4'], 1);
          // The kernel takes a frame, and removes its link header for a packet that comes in; at OUTPUT it leaves it on.
          const data = packet.hook === 'OUTPUT' ? packet.bytes : frame.subarray(0, 14 + packet.bytes.length);
          const { result } = testRun(programs.get(packet.hook)!, data, state);
          return verdictOf(result, 'netfilter');
        },
        counters: (map) => memory.get(map)!,
        stop() {
          for (const bytes of memory.values()) unmapMemory(bytes);
          for (const object of [...programs.values(), ...maps.values()]) closeDescriptor(object);
        },
      };
    },
  };
}
