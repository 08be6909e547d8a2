// Reading counters: every CPU's slots, and the packets that heads hold.

import { expect, it } from 'vitest';
import { HEAD_SIZE, HELD, SLOT_SIZE, slotsSize } from '../../../src/codegen/manifest.ts';
import { type CounterLayout, copyAreas, readSlots } from '../../../src/engine/counters.ts';

const CAPACITY = 5;
const CPUS = 2;
const LAYOUT: CounterLayout = {
  ...{ capacity: CAPACITY, possibleCpus: CPUS, heads: true },
  banks: [{ type: 'xdp', map: 'counters' }],
};
const AREA = HEAD_SIZE + slotsSize(CAPACITY);

function count(areas: Uint8Array, at: number, packets: number, bytes: number): void {
  const view = new DataView(areas.buffer);
  view.setBigUint64(at, BigInt(packets), true);
  view.setBigUint64(at + 8, BigInt(bytes), true);
}

/** As a program does: the head's last two words. */
function hold(areas: Uint8Array, cpu: number, slot: number, bytes: number): void {
  count(areas, cpu * AREA + HELD.place, HEAD_SIZE + slot * SLOT_SIZE, bytes);
}

const read = (areas: Uint8Array, layout = LAYOUT) =>
  readSlots(1, layout, () => areas).map(({ packets, bytes }) => `${packets}:${bytes}`);

it('adds the packet that each head holds to its slot', () => {
  const areas = new Uint8Array(CPUS * AREA);
  count(areas, HEAD_SIZE + 2 * SLOT_SIZE, 3, 300);
  hold(areas, 0, 2, 100);
  hold(areas, 1, 0, 40);
  expect(read(areas)).toEqual(['1:40', '0:0', '4:400', '0:0', '0:0', '0:0']);
});

it('takes what programs have put into an empty head for nothing', () => {
  const areas = new Uint8Array(CPUS * AREA);
  count(areas, 0, 1, 0);
  expect(read(areas)).toEqual(Array(CAPACITY + 1).fill('0:0'));
});

it('reads areas without heads, as earlier versions had them', () => {
  const { heads: _, ...layout } = LAYOUT;
  const areas = new Uint8Array(CPUS * slotsSize(CAPACITY));
  count(areas, SLOT_SIZE, 3, 300);
  count(areas, slotsSize(CAPACITY) + SLOT_SIZE, 1, 50);
  expect(read(areas, layout)).toEqual(['0:0', '4:350', '0:0', '0:0', '0:0', '0:0']);
});

it('copies areas once more where a packet is counted while they are copied', () => {
  const live = new Uint8Array(CPUS * AREA);
  hold(live, 0, 1, 100);
  const copied = Uint8Array.prototype.slice.bind(live);
  let copies = 0;
  const counting = Object.assign(live, {
    slice: (begin: number, end: number) => {
      const copy = copied(begin, end);
      if (end === CPUS * AREA && copies++ === 0) {
        // The copy is made: now the next packet comes, and the one that was held is added to its slot.
        hold(live, 0, 3, 60);
        count(live, HEAD_SIZE + SLOT_SIZE, 1, 100);
      }
      return copy;
    },
  });
  expect(read(copyAreas(counting, AREA, CPUS))).toEqual(['0:0', '1:100', '0:0', '1:60', '0:0', '0:0']);
  expect(copies).toBe(2);
});
