// How much of its tables a program reads: it runs in the virtual machine, and every look into the tables is noted.

import type { Features } from '../../src/base/features.ts';
import { runXdp } from '../../src/bpf/vm-context.ts';
import { prepare } from '../../src/bpf/vm-prepare.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { TABLE_MAP } from '../../src/codegen/table-access.ts';
import { mapValue } from '../harness/vm-runner.ts';

const LINE = 64;

export interface TableReads {
  /** Looks into the tables for a packet, the mean. */
  readonly reads: number;
  /** Bytes of all cache lines that some packet looked into. */
  readonly touched: number;
}

/** What the XDP program of an image reads for these frames. */
export function tableReads(image: Image, features: Features, frames: readonly Uint8Array[]): TableReads {
  const found = image.programs.find(({ point }) => point === 'XDP');
  if (found === undefined) throw new Error('there is no XDP program');
  const program = prepare(found.program);
  const maps = new Map(image.maps.map((definition) => [definition.name, mapValue(definition)]));
  const tables = maps.get(TABLE_MAP);
  if (tables === undefined) return { reads: 0, touched: 0 };
  const { addressGeneration = 0 } = image.manifest;
  const device = { ifindex: 1, name: 'lo', mac: new Uint8Array(6), addressGeneration };
  const lines = new Set<number>();
  let reads = 0;
  noting(
    tables.buffer,
    (offset) => {
      lines.add(Math.floor(offset / LINE));
      reads++;
    },
    () => {
      for (const frame of frames) runXdp(program, { features, maps, frame: frame.slice(), device });
    },
  );
  return { reads: reads / frames.length, touched: lines.size * LINE };
}

const READERS = ['getUint8', 'getUint16', 'getUint32'] as const;

/** Does `work`, and calls `note` with the place of each look into a buffer. */
function noting(buffer: ArrayBufferLike, note: (offset: number) => void, work: () => void): void {
  const { prototype } = DataView;
  const before = READERS.map((name) => [name, prototype[name]] as const);
  // 64 bits are read as two halves, the upper one first.
  let upper = -1;
  for (const [name, read] of before) {
    prototype[name] = function (this: DataView, offset: number, littleEndian?: boolean): number {
      if (this.buffer === buffer) {
        const place = this.byteOffset + offset;
        if (place !== upper - 4) note(place);
        upper = place;
      }
      return read.call(this, offset, littleEndian);
    };
  }
  try {
    work();
  } finally {
    for (const [name, read] of before) prototype[name] = read;
  }
}
