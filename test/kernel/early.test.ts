// Early programs in the kernel: they drop and count just what their lists drop, while the guards hold and no connection
// is known, and let everything else pass uncounted.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { EarlyFacts } from '../../src/base/early.ts';
import { Ipv4View } from '../../src/base/packet.ts';
import type { Program } from '../../src/bpf/image.ts';
import { DEFAULT_BUDGET } from '../../src/classify/budget.ts';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import { Flattener } from '../../src/classify/flatten.ts';
import { GUARD_MAP, GUARDS, guardMap } from '../../src/codegen/guards.ts';
import { areaSize, SLOT_SIZE } from '../../src/codegen/manifest.ts';
import {
  readSurroundings,
  SURROUNDINGS_MAP,
  surroundingsMap,
  surroundingsProgram,
} from '../../src/codegen/surroundings.ts';
import { EARLY_TABLES, earlyProgram } from '../../src/codegen/xdp-early.ts';
import { filterTable } from '../../src/engine/compile.ts';
import { Meanings } from '../../src/graph/chains.ts';
import { sequentialSlots } from '../../src/graph/slots.ts';
import { createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { closeDescriptor } from '../../src/kernel/syscall.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { fieldsOf } from '../harness/fields.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { Namespace } from '../harness/namespace.ts';
import { buildFrame } from '../harness/packet-builder.ts';
import { EVERYTHING } from '../harness/random-rules.ts';

const [PASS, DROP] = [2, 1];
const COUNTERS = 'cnt_xdp';
const single = (addresses: readonly number[]) =>
  [...new Set(addresses)].sort((a, b) => a - b).map((low) => ({ low, high: low }));
const OWN = EVERYTHING.destinations.INPUT.filter((_, index) => index % 2 === 0);
// Frames of test runs come in by the loopback device, whose MAC address is all zeros.
const FACTS: EarlyFacts = {
  local: single(OWN),
  routed: single(EVERYTHING.destinations.FORWARD.filter((address) => !OWN.includes(address))),
  devices: [
    {
      name: 'lo',
      sources: single(EVERYTHING.sources.slice(1).filter((address) => address < 0xe0000000)),
      forwards: true,
    },
  ],
};
const MAC = new Uint8Array(6);

/** Maps and programs of a test, closed with it. */
class Objects {
  private readonly open: (() => void)[] = [];

  map(definition: Parameters<typeof createMap>[0]): { readonly map: number; readonly bytes: Uint8Array } {
    const map = createMap(definition);
    this.open.push(() => closeDescriptor(map));
    const bytes = mapMemory(map, definition.valueSize);
    this.open.push(() => unmapMemory(bytes));
    return { map, bytes };
  }

  load(program: Program, maps: Readonly<Record<string, number>>): number {
    const descriptor = loadProgram(program, new Map(Object.entries(maps)));
    this.open.push(() => closeDescriptor(descriptor));
    return descriptor;
  }

  close(): void {
    for (const close of this.open.reverse()) close();
  }
}

function tableOf(text: string) {
  return filterTable(parseRuleset(text, { file: 'test' }).ruleset);
}

function classificationOf(table: ReturnType<typeof tableOf>) {
  const flattener = new Flattener();
  const options = { budget: DEFAULT_BUDGET, hidden: { FORWARD: ['outDevice' as const] } };
  const early = flattener.early(flattener.flatten(new Meanings().chains(table), options), FACTS);
  // In tables a list's counters are known together with its verdict.
  return early && classifyLists({ INPUT: early }, { budget: { ...DEFAULT_BUDGET, linearRules: 0 } });
}

it.each([false, true])('drop and count what their lists drop; connections tracked: %s', (tracked) => {
  const features = probeFeatures();
  const seen = { dropped: 0, passed: 0 };
  const namespace = new Namespace('early');
  try {
    if (tracked) namespace.exec('iptables-legacy', ['-A', 'INPUT', '-m', 'state', '--state', 'NEW']);
    const vocabulary = { ...EVERYTHING, inDevices: ['lo', 'lo', 'eth0'] };
    fc.assert(
      fc.property(scenarios({ vocabulary, packets: 30 }), (scenario) => {
        const table = tableOf(rulesetText(scenario));
        const classification = classificationOf(table);
        if (classification === undefined) return;
        const { capacity } = sequentialSlots(table);
        const objects = new Objects();
        try {
          const [guards, around] = [objects.map(guardMap()), objects.map(surroundingsMap())];
          const definition = { type: 'array' as const, maxEntries: 1, mmapable: true };
          const size = areaSize(capacity);
          const counters = objects.map({ ...definition, name: COUNTERS, valueSize: size * features.possibleCpus });
          const { tables } = classification;
          const contents = { ...definition, name: EARLY_TABLES, valueSize: tables.length, contents: tables };
          const mark = () => () => {};
          const program = objects.load(
            earlyProgram({ classification, tracked, features, capacity, counters: COUNTERS, mark }),
            {
              [GUARD_MAP]: guards.map,
              [COUNTERS]: counters.map,
              ...(tables.length > 0 && { [EARLY_TABLES]: objects.map(contents).map }),
            },
          );
          const run = (descriptor: number, frame: Uint8Array) =>
            namespace.enter(() => testRun(descriptor, frame).result);
          const frames = scenario.packets.map(({ bytes }) => buildFrame(bytes, { destination: MAC, source: MAC }));
          expect(frames.map((frame) => run(program, frame))).toEqual(frames.map(() => PASS));
          run(
            objects.load(surroundingsProgram(features, 'ipv4'), { [SURROUNDINGS_MAP]: around.map }),
            new Uint8Array(64),
          );
          guards.bytes.set(readSurroundings(around.bytes).words, GUARDS.ipv4);
          const counted = new Map<number, bigint>();
          for (const [n, packet] of scenario.packets.entries()) {
            const { ...fields } = fieldsOf(packet);
            const view = new Ipv4View(packet);
            const bytes = Buffer.from(packet.bytes);
            const isWhole = (bytes.readUInt16BE(6) & 0x3fff) === 0 && bytes[0] === 0x45;
            const fits = bytes.length <= 68 || (bytes[6]! & 0x40) === 0;
            const forwardable = bytes[8]! > 1 && fits ? 1 : 0;
            const asked = { ...fields, forwardable, inDevice: 'lo', outDevice: '' };
            const found = evaluateClassification(classification, 'INPUT', asked);
            const isAsked = !tracked || [6, 17].includes(view.protocol);
            const isDropped = isWhole && isAsked && found.verdict === 'drop';
            const result = run(program, frames[n]!);
            // Where rules are asked one by one, what counts and goes on is left to netfilter.
            const mayPass = classification.segments.some((each) => each.finish === 'linear' && each.tests.length > 0);
            if (!(mayPass && result === PASS)) expect([n, result]).toEqual([n, isDropped ? DROP : PASS]);
            seen[result === DROP ? 'dropped' : 'passed']++;
            // The last slot counts what was dropped early.
            if (result === DROP)
              for (const slot of [...found.counted, capacity]) counted.set(slot, (counted.get(slot) ?? 0n) + 1n);
          }
          const data = new DataView(counters.bytes.buffer, counters.bytes.byteOffset);
          for (let slot = 0; slot <= capacity; slot++) {
            let sum = 0n;
            for (let cpu = 0; cpu < features.possibleCpus; cpu++) {
              sum += data.getBigUint64(cpu * size + slot * SLOT_SIZE, true);
            }
            expect([slot, sum]).toEqual([slot, counted.get(slot) ?? 0n]);
          }
        } finally {
          objects.close();
        }
      }),
      { numRuns: 25 },
    );
  } finally {
    namespace.remove();
  }
  expect(seen.dropped).toBeGreaterThan(20);
  expect(seen.passed).toBeGreaterThan(100);
});
