// Early programs in the kernel: they drop and count just what their lists drop, while the guards hold and no connection
// is known, and let everything else pass uncounted.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { EarlyFacts } from '../../src/base/early.ts';
import type { Family } from '../../src/base/family.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { FieldValues } from '../../src/base/predicate.ts';
import { normalizeWide } from '../../src/base/wide-intervals.ts';
import type { Program } from '../../src/bpf/image.ts';
import { DEFAULT_BUDGET } from '../../src/classify/budget.ts';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import { Flattener } from '../../src/classify/flatten.ts';
import { GUARD_MAP, GUARDS, guardMap } from '../../src/codegen/guards.ts';
import { areaSize } from '../../src/codegen/manifest.ts';
import {
  readSurroundings,
  SURROUNDINGS_MAP,
  surroundingsMap,
  surroundingsProgram,
} from '../../src/codegen/surroundings.ts';
import { EARLY_TABLES, earlyProgram } from '../../src/codegen/xdp-early.ts';
import { filterTable } from '../../src/engine/compile.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { Meanings } from '../../src/graph/chains.ts';
import { sequentialSlots } from '../../src/graph/slots.ts';
import { createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { closeDescriptor } from '../../src/kernel/syscall.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { fieldsOf } from '../harness/fields.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { Namespace } from '../harness/namespace.ts';
import { buildFrame, ETHERTYPE } from '../harness/packet-builder.ts';
import { EVERYTHING, EVERYTHING6 } from '../harness/random-rules.ts';

const [PASS, DROP] = [2, 1];
const TRACKING = { ipv4: 'iptables-legacy', ipv6: 'ip6tables-legacy' };
const COUNTERS = 'cnt_xdp';
const single = (addresses: readonly number[]) =>
  [...new Set(addresses)].sort((a, b) => a - b).map((low) => ({ low, high: low }));
const single6 = (addresses: readonly bigint[]) => normalizeWide(addresses.map((low) => ({ low, high: low })));
const half = <T>(addresses: readonly T[]) => addresses.filter((_, index) => index % 2 === 0);
const OWN = half(EVERYTHING.destinations.INPUT);
const OWN6 = half(EVERYTHING6.destinations.INPUT);
// Frames of test runs come in by the loopback device, whose MAC address is all zeros.
const FACTS: Readonly<Record<Family, EarlyFacts>> = {
  ipv4: {
    family: 'ipv4',
    local: single(OWN),
    routed: single(EVERYTHING.destinations.FORWARD.filter((address) => !OWN.includes(address))),
    devices: [
      {
        name: 'lo',
        sources: single(EVERYTHING.sources.slice(1).filter((address) => address < 0xe0000000)),
        forwards: true,
      },
    ],
  },
  ipv6: {
    family: 'ipv6',
    local: single6(OWN6),
    routed: single6(EVERYTHING6.destinations.FORWARD.filter((address) => !OWN6.includes(address))),
    devices: [{ name: 'lo', sources: single6(EVERYTHING6.sources.slice(1)), forwards: true }],
  },
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

function tableOf(text: string, family: Family) {
  return filterTable(parseRuleset(text, { file: 'test', family }).ruleset);
}

/** Whether early programs look at a packet, and whether a router would let it come to FORWARD. */
function lookedAt(packet: HookPacket, tracked: boolean): { readonly isAsked: boolean; readonly forwardable: 0 | 1 } {
  const { bytes } = packet;
  const data = Buffer.from(bytes);
  const isTracked = (protocol: number) => !tracked || protocol === 6 || protocol === 17;
  if (packet.family !== 'ipv6') {
    const isWhole = (data.readUInt16BE(6) & 0x3fff) === 0 && bytes[0] === 0x45;
    const fits = bytes.length <= 68 || (bytes[6]! & 0x40) === 0;
    return { isAsked: isWhole && isTracked(bytes[9]!), forwardable: bytes[8]! > 1 && fits ? 1 : 0 };
  }
  const [protocol, type] = [bytes[6]!, bytes[40]];
  const isPlain = bytes[0]! >> 4 === 6 && !EXTENSIONS.includes(protocol & 63);
  const isWhole = data.readUInt16BE(4) > 0 && data.readUInt16BE(4) <= bytes.length - 40;
  const isDiscovery = protocol === 58 && (type === undefined || (type >= 133 && type <= 137));
  const forwardable = bytes[7]! > 1 && bytes.length <= 1280 ? 1 : 0;
  return { isAsked: isPlain && isWhole && !isDiscovery && isTracked(protocol), forwardable };
}

/** Whether software that puts packets of a flow together, as it does at the loopback device, leaves a packet alone. */
function staysAlone({ protocol, tcpFlags }: FieldValues): boolean {
  return protocol === 1 || protocol === 58 || (protocol === 6 && (tcpFlags & 0x26) !== 0);
}

/** Headers that others may follow, and numbers that the program takes for one of them. */
const EXTENSIONS = [0, 43, 44, 51, 60];

function classificationOf(table: ReturnType<typeof tableOf>, family: Family) {
  const flattener = new Flattener();
  const options = { budget: DEFAULT_BUDGET, hidden: { FORWARD: ['outDevice' as const] } };
  const early = flattener.early(flattener.flatten(new Meanings(family).chains(table), options), FACTS[family]);
  // In tables a list's counters are known together with its verdict.
  return early && classifyLists({ INPUT: early }, { budget: { ...DEFAULT_BUDGET, linearRules: 0 } });
}

it.each([
  ['ipv4', false, false],
  ['ipv4', true, false],
  ['ipv4', false, true],
  ['ipv6', false, false],
  ['ipv6', true, false],
  ['ipv6', false, true],
] as const)(
  'drop and count what their lists drop, %s; connections tracked: %s; strict: %s',
  (family, tracked, strict) => {
    const features = probeFeatures();
    const seen = { dropped: 0, passed: 0 };
    const namespace = new Namespace('early');
    try {
      if (family === 'ipv6') namespace.sysctl('net.ipv6.conf.lo.disable_ipv6', 0);
      if (tracked) namespace.exec(TRACKING[family], ['-A', 'INPUT', '-m', 'state', '--state', 'NEW']);
      const inDevices = ['lo', 'lo', 'eth0'];
      const vocabulary = family === 'ipv4' ? { ...EVERYTHING, inDevices } : { ...EVERYTHING6, inDevices };
      fc.assert(
        fc.property(scenarios({ vocabulary, packets: 30 }), (scenario) => {
          const table = tableOf(rulesetText(scenario), family);
          const classification = classificationOf(table, family);
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
              earlyProgram({ family, classification, tracked, strict, features, capacity, counters: COUNTERS, mark }),
              {
                [GUARD_MAP]: guards.map,
                [COUNTERS]: counters.map,
                ...(tables.length > 0 && { [EARLY_TABLES]: objects.map(contents).map }),
              },
            );
            const run = (descriptor: number, frame: Uint8Array) =>
              namespace.enter(() => testRun(descriptor, frame).result);
            const addresses = { destination: MAC, source: MAC, etherType: ETHERTYPE[family] };
            const frames = scenario.packets.map(({ bytes }) => buildFrame(bytes, addresses));
            expect(frames.map((frame) => run(program, frame))).toEqual(frames.map(() => PASS));
            run(
              objects.load(surroundingsProgram(features, family), { [SURROUNDINGS_MAP]: around.map }),
              new Uint8Array(64),
            );
            guards.bytes.set(readSurroundings(around.bytes).words, GUARDS[family]);
            const counted = new Map<number, bigint>();
            for (const [n, packet] of scenario.packets.entries()) {
              const { ...fields } = fieldsOf(packet);
              const { isAsked: isWhole, forwardable } = lookedAt(packet, tracked);
              const isAsked = isWhole && (!strict || staysAlone(fields));
              const asked = { ...fields, forwardable, inDevice: 'lo', outDevice: '' };
              const found = evaluateClassification(classification, 'INPUT', asked);
              const isDropped = isAsked && found.verdict === 'drop';
              const result = run(program, frames[n]!);
              // Where rules are asked one by one, what counts and goes on is left to netfilter.
              const mayPass = classification.segments.some((each) => each.finish === 'linear' && each.tests.length > 0);
              if (!(mayPass && result === PASS)) expect([n, result]).toEqual([n, isDropped ? DROP : PASS]);
              seen[result === DROP ? 'dropped' : 'passed']++;
              // The last slot counts what was dropped early.
              if (result === DROP)
                for (const slot of [...found.counted, capacity]) counted.set(slot, (counted.get(slot) ?? 0n) + 1n);
            }
            const banks = [{ type: 'xdp', map: COUNTERS }] as const;
            const layout = { capacity, possibleCpus: features.possibleCpus, heads: true, banks } as const;
            for (const [slot, { packets }] of readSlots(0, layout, () => counters.bytes).entries()) {
              expect([slot, packets]).toEqual([slot, counted.get(slot) ?? 0n]);
            }
          } finally {
            objects.close();
          }
        }),
        { numRuns: 25, seed: 5 },
      );
    } finally {
      namespace.remove();
    }
    // Random packets of IPv6 more often have extension headers.
    expect(seen.dropped).toBeGreaterThan(family === 'ipv4' ? 20 : 5);
    expect(seen.passed).toBeGreaterThan(100);
  },
);
