// A classification as a program for the XDP hook as it is, or for a test hook like it: one that defers what it cannot
// decide, or that finds a connection state to be had late (the last byte of the source address plays it).

import type { Features } from '../../src/base/features.ts';
import type { EnforcingPlacement } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { FieldValues } from '../../src/base/predicate.ts';
import { Assembler } from '../../src/bpf/assembler.ts';
import { R1, R6 } from '../../src/bpf/instruction.ts';
import type { Classification } from '../../src/classify/classification.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import { emitCounterArea, type HookAbi, SLOT_COUNTERS } from '../../src/codegen/actions.ts';
import { compileImage, type Image } from '../../src/codegen/compile.ts';
import { loadField, storeField } from '../../src/codegen/key.ts';
import { offloadImage } from '../../src/codegen/offload.ts';
import { emitSegments, fieldsOf, segmentOrder } from '../../src/codegen/segments.ts';
import { directAccess } from '../../src/codegen/table-access.ts';
import { emitXdpPrologue, XDP_ABI } from '../../src/codegen/xdp.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { fieldsOf as packetFields } from './fields.ts';
import type { Runner } from './oracle.ts';
import { buildFrame, buildPacket } from './packet-builder.ts';
import type { Choice } from './random.ts';

const LOCAL_ADDRESS = 0x0a000001;

export interface TestHook {
  readonly slots: number;
  readonly features: Features;
  readonly addressGeneration: number;
  readonly undecided?: HookAbi['undecided'];
  /** Whether no connection state can be had. */
  readonly blind?: boolean;
}

/** The image that the compiler makes. */
export function plainImage(classification: Classification, placement: EnforcingPlacement, hook: TestHook): Image {
  const { slots, features, addressGeneration } = hook;
  return compileImage({
    family: 'ipv4',
    classification,
    capacity: slots,
    ownerOf: (slot) => ({ kind: 'rule', chain: 'INPUT', index: slot, text: `rule ${slot}`, line: slot + 1 }),
    placement,
    features,
    facts: { localDestinations: [{ low: LOCAL_ADDRESS, high: LOCAL_ADDRESS }], addressGeneration },
    file: 'test.rules',
  });
}

/** The same with an XDP program of the test hook. */
export function hookImage(classification: Classification, hook: TestHook): Image {
  const { slots, features, addressGeneration, undecided: meaning = 'drop', blind = false } = hook;
  const image = plainImage({ ...classification, segments: classification.segments.map(withoutLate) }, 'xdp', hook);
  const a = new Assembler();
  const { INPUT, FORWARD } = classification.entries;
  const order = segmentOrder(classification, [INPUT!, FORWARD!]);
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  const undecided = a.label('undecided');
  const fields = new Set([...fieldsOf(classification, order), 'src' as const]);
  a.mov(R6, R1);
  emitCounterArea(a, image.manifest.banks[0]!.map, features.possibleCpus, slots);
  const facts = { localDestinations: [{ low: LOCAL_ADDRESS, high: LOCAL_ADDRESS }], addressGeneration };
  const ways = { input: labels.get(INPUT!)!, forward: labels.get(FORWARD!)!, undecided };
  emitXdpPrologue(a, features, facts, fields, ways);
  emitSegments(a, order, labels, undecided, {
    classification,
    abi: { ...XDP_ABI, undecided: meaning },
    undecidedSlot: slots,
    features,
    access: directAccess(classification.tables.length),
    mark: () => {},
    ...(blind ? {} : { fetchLate }),
  });
  const program = { name: 'test', type: 'xdp' as const, ...a.finish(), lines: [] };
  return { ...image, programs: [{ point: 'XDP', program }] };
}

function fetchLate(a: Assembler): void {
  loadField(a, R1, 'src');
  a.alu('and', R1, 0xff);
  storeField(a, 'state', R1);
}

/** The form for a card, with counters that a process can map into memory. */
export function cardImage(classification: Classification, { slots }: TestHook): Image {
  const image = offloadImage({
    classification,
    capacity: slots,
    ownerOf: (slot) => ({ kind: 'rule', chain: 'INPUT', index: slot, text: `rule ${slot}`, line: slot + 1 }),
    device: { name: 'lo', mac: new Uint8Array(6) },
    localDestinations: [{ low: LOCAL_ADDRESS, high: LOCAL_ADDRESS }],
    file: 'test.rules',
  });
  return { ...image, maps: image.maps.map((map) => ({ ...map, mmapable: map.name === SLOT_COUNTERS })) };
}

function withoutLate(segment: Classification['segments'][number]): typeof segment {
  if (segment.finish === 'linear' || segment.result.kind === 'masks' || segment.result.kind === 'walk') return segment;
  const { late: _, ...result } = segment.result;
  return { ...segment, result };
}

/** What a packet of the test hook is. */
export function hookFields(packet: HookPacket): FieldValues {
  const fields = packetFields(packet);
  return { ...fields, state: fields.src & 0xff };
}

/** Packets of any protocol, of up to 64 bytes behind the IPv4 header. */
export function anyPackets(choice: Choice, hooks: readonly HookPacket['hook'][], count: number): HookPacket[] {
  return Array.from({ length: count }, () => {
    const hook = choice.pick(hooks);
    const payload = Uint8Array.from({ length: choice.integer(0, 64) }, () => choice.integer(0, 255));
    const bytes = buildPacket({
      source: (0x0b000000 + choice.integer(0, 0xffffff)) >>> 0,
      destination: hook === 'FORWARD' ? 0x0c000001 : LOCAL_ADDRESS,
      transport: { kind: 'other', protocol: choice.integer(0, 255) },
      payload,
    });
    return {
      hook,
      inDevice: hook === 'OUTPUT' ? '' : 'lo',
      outDevice: hook === 'INPUT' ? '' : 'lo',
      bytes,
    };
  });
}

export interface Judged {
  readonly verdict: 'accept' | 'drop';
  /** How often the packet was counted, by slot; the last is the slot of undecided packets. */
  readonly counts: readonly number[];
}

/** What a hook that drops what is undecided makes of a packet. */
export function expectedOf(classification: Classification, packet: HookPacket, slots: number): Judged {
  const counts = new Array<number>(slots + 1).fill(0);
  const { verdict, counted } = evaluateClassification(classification, packet.hook, hookFields(packet));
  for (const slot of counted) counts[slot]!++;
  if (verdict === 'undecided') counts[slots]!++;
  return { verdict: verdict === 'accept' ? 'accept' : 'drop', counts };
}

/** What a run of an image makes of each packet. */
export function runImage(runner: Runner, image: Image, packets: readonly HookPacket[]): Judged[] {
  const run = runner.start(image);
  try {
    const mac = new Uint8Array(6);
    const read = () => readSlots(1, image.manifest, (_, map) => run.counters(map)).map(({ packets: n }) => Number(n));
    let before = read();
    return packets.map((packet) => {
      const verdict = run.run(packet, buildFrame(packet.bytes, { destination: mac, source: mac }));
      const after = read();
      const counts = after.map((count, slot) => count - before[slot]!);
      before = after;
      return { verdict, counts };
    });
  } finally {
    run.stop();
  }
}
