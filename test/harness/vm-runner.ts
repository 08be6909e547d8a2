// Runs programs in the virtual machine: no root, any device at any hook, and every access checked.

import type { HookPacket } from '../../src/base/packet.ts';
import type { MapDefinition } from '../../src/bpf/image.ts';
import { runNetfilter, runXdp } from '../../src/bpf/vm-context.ts';
import { prepare } from '../../src/bpf/vm-prepare.ts';
import { connectionInMemory } from './connection-entry.ts';
import { FEATURES } from './fake-kernel.ts';
import { type Runner, verdictOf } from './oracle.ts';

/** As the oracle's frames are addressed. */
const MAC = new Uint8Array(6);

/** What a map's values are at first, one behind the other. */
export function mapValue({ valueSize, maxEntries, contents = new Uint8Array(0) }: MapDefinition): Uint8Array {
  const value = new Uint8Array(valueSize * maxEntries);
  value.set(contents);
  return value;
}

export function vmRunner(): Runner {
  return {
    name: 'the virtual machine',
    features: FEATURES,
    addressGeneration: 0,
    start(image) {
      const programs = new Map(image.programs.map(({ point, program }) => [point, prepare(program)]));
      const maps = new Map(image.maps.map((definition) => [definition.name, mapValue(definition)]));
      const elementSizes = new Map(image.maps.map(({ name, valueSize }) => [name, valueSize]));
      let cpu = 0;
      return {
        run(packet: HookPacket, frame) {
          const { hook, inDevice, outDevice, bytes, connection } = packet;
          cpu = (cpu + 1) % FEATURES.possibleCpus;
          const common = { features: FEATURES, maps, elementSizes, cpu };
          if (image.manifest.placement === 'xdp') {
            const device = { ifindex: 1, name: inDevice, mac: MAC };
            return verdictOf(runXdp(programs.get('XDP')!, { ...common, frame, device }), image.manifest.placement);
          }
          const devices = {
            ...(inDevice === '' ? {} : { inDevice: { name: inDevice } }),
            ...(outDevice === '' ? {} : { outDevice: { name: outDevice } }),
          };
          return verdictOf(
            runNetfilter(programs.get(hook)!, {
              ...common,
              ...devices,
              packet: bytes,
              connection: connectionInMemory(connection, FEATURES),
            }),
            image.manifest.placement,
          );
        },
        counters: (map) => maps.get(map)!,
        stop() {},
      };
    },
  };
}
