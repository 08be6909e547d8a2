// The counters of a generation in a fake kernel, for tests that play the programs: whose cell is where the store says.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { areaSize, HEAD_SIZE, SLOT_SIZE } from '../../src/codegen/manifest.ts';
import type { CounterLayout } from '../../src/engine/counters.ts';
import type { StoredManifest } from '../../src/engine/in-force.ts';
import { counterPin } from '../../src/engine/layout.ts';
import { readPlan } from '../../src/engine/slots.ts';
import type { SlotPlan } from '../../src/graph/slots.ts';
import { Store } from '../../src/store/store.ts';
import type { FakeKernel } from './fake-kernel.ts';

export class CounterCells {
  private readonly bytes: Uint8Array;
  private readonly layout: CounterLayout;
  private readonly plan: SlotPlan;
  private cpu = 0;

  private constructor(bytes: Uint8Array, layout: CounterLayout, plan: SlotPlan) {
    this.bytes = bytes;
    this.layout = layout;
    this.plan = plan;
  }

  /** `directory` holds `run` and `state` of the one namespace there is. Stays good when the map is unpinned. */
  static open(directory: string, kernel: FakeKernel, generation: number): CounterCells {
    const [namespace] = readdirSync(join(directory, 'state'));
    const store = Store.open(join(directory, 'state', namespace!, 'store.sqlite'));
    try {
      const row = store.generation(generation)!;
      const layout = store.counterMap(row.counterMap)!.layout as CounterLayout;
      const [pins] = readdirSync(join(directory, 'run', 'bpf'));
      const pin = join(directory, 'run', 'bpf', pins!, counterPin(row.family, row.counterMap, layout.banks[0]!.map));
      const plan = readPlan(row.manifest as StoredManifest, row.slots, layout.capacity);
      return new CounterCells(kernel.map(kernel.openPin(pin)!).bytes, layout, plan);
    } finally {
      store.close();
    }
  }

  /** The slots of a chain's rules, and of its policy if it has one. */
  slotsOf(chain: string): number[] {
    const { rules, policy } = this.plan.chains.find((each) => each.chain === chain)!;
    return policy < 0 ? [...rules] : [...rules, policy];
  }

  /** Counts packets of 100 bytes, on each CPU in turn. */
  add(slot: number, packets: bigint): void {
    this.cpu = (this.cpu + 1) % this.layout.possibleCpus;
    const view = new DataView(
      this.bytes.buffer,
      this.cpu * areaSize(this.layout.capacity) + HEAD_SIZE + slot * SLOT_SIZE,
    );
    view.setBigUint64(0, view.getBigUint64(0, true) + packets, true);
    view.setBigUint64(8, view.getBigUint64(8, true) + packets * 100n, true);
  }
}
