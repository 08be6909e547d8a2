// Decision lists against what is made of them: the plain walk = the classification = the programs, verdicts and counters.

import { FILTER_CHAINS } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Field, FieldValues } from '../../src/base/predicate.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Condition, ListSegment } from '../../src/classify/decision-list.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import { indexedField } from '../../src/classify/indexes/field-index.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { finishFields } from '../../src/codegen/finishes/emit-finish.ts';
import type { FlowCacheChoice } from '../../src/codegen/flow-cache.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { fieldImage, fieldPacket, keyValues } from './field-program.ts';
import { fieldsOf } from './fields.ts';
import { IPV4_FIELDS } from './list-conditions.ts';
import type { Runner } from './oracle.ts';
import { buildFrame, buildPacket } from './packet-builder.ts';
import { hookFields, hookImage, plainImage } from './segment-image.ts';
import { printFields, walkSegments } from './walk-lists.ts';

/** Transport bytes of a packet beyond its ports, at most: a test run takes no more than a page. */
const MOST_BYTES = 1400;

/** Packets of which the classification says other than the walk; the first few, in sentences. */
export function classificationDisagreements(
  segments: readonly ListSegment[],
  classification: Classification,
  packets: readonly FieldValues[],
): string[] {
  return packets.flatMap((fields) => {
    const wanted = walkSegments(segments, 0, fields);
    const found = evaluateClassification(classification, 'INPUT', fields);
    if (found.verdict === wanted.verdict && found.counted.join() === wanted.counted.join()) return [];
    const tell = ({ verdict, counted }: typeof found) => `${verdict} by ${counted.join(' ') || 'nothing'}`;
    return [`${printFields(fields)}: ${tell(found)}, where the list says ${tell(wanted)}`];
  });
}

/** Whether packets can show it all: connection states can be fetched late and not otherwise. */
export function isProgrammable({ segments }: Classification): boolean {
  const asks = (field: Field): boolean => !IPV4_FIELDS.includes(field);
  return segments.every((segment) =>
    segment.finish === 'linear'
      ? !segment.tests.some(({ predicate }) => asks(predicate.field))
      : !segment.lookups.some((lookup) => lookup.kind === 'index' && asks(indexedField(lookup.index))) &&
        !finishFields(segment.result).some(asks),
  );
}

/** What programs made of the classification say other than the walk. */
export function programDisagreements(
  segments: readonly ListSegment[],
  classification: Classification,
  values: readonly FieldValues[],
  runner: Runner,
): string[] {
  const slots = slotsOf(segments);
  // Connection states are what the test hook at XDP finds late; elsewhere all else can be seen.
  const asksState = segments.some(({ list }) => list.conditions.some((each) => each.some(isState)));
  const everywhere = Object.fromEntries(FILTER_CHAINS.map((chain) => [chain, classification.entries.INPUT!]));
  const all = { ...classification, entries: everywhere };
  const image = asksState ? hookImage(all, { ...runner, slots }) : plainImage(all, 'netfilter', { ...runner, slots });
  const shown = values.map((fields) => {
    const packet = asksState ? wholePacket(fields) : packetWith(fields, runner);
    return { seen: asksState ? hookFields(packet) : fieldsOf(packet), packet, frame: frameOf(packet) };
  });
  return runDisagreements(segments, slots, image, shown, runner);
}

/** The same of programs that are given the values themselves, which any list has; with flow caches, if wanted. */
export function fieldDisagreements(
  segments: readonly ListSegment[],
  classification: Classification,
  values: readonly FieldValues[],
  runner: Runner,
  flowCache: FlowCacheChoice = 'off',
): string[] {
  const slots = slotsOf(segments);
  const image = fieldImage(classification, { ...runner, slots, flowCache });
  const shown = values.map((fields) => {
    const packet = fieldPacket(fields);
    return { seen: keyValues(fields), packet, frame: packet.bytes };
  });
  return runDisagreements(segments, slots, image, shown, runner);
}

function slotsOf(segments: readonly ListSegment[]): number {
  return 1 + segments.reduce((most, { list }) => list.slots.reduce((a, b) => Math.max(a, b), most), 0);
}

interface Shown {
  /** What the program can know of the packet. */
  readonly seen: FieldValues;
  readonly packet: HookPacket;
  readonly frame: Uint8Array;
}

function runDisagreements(
  segments: readonly ListSegment[],
  slots: number,
  image: Image,
  shown: readonly Shown[],
  runner: Runner,
): string[] {
  const counts = new Array<number>(slots + 1).fill(0);
  const bytes = new Array<bigint>(slots + 1).fill(0n);
  const verdicts = shown.map(({ seen, packet }) => {
    const { verdict, counted } = walkSegments(segments, 0, seen);
    for (const slot of verdict === 'undecided' ? [...counted, slots] : counted) {
      counts[slot]!++;
      bytes[slot]! += BigInt(packet.bytes.length);
    }
    return verdict === 'accept' ? 'accept' : 'drop';
  });
  const run = runner.start(image);
  try {
    const wrong = shown.flatMap(({ seen, packet, frame }, i) => {
      const found = run.run(packet, frame);
      if (found === verdicts[i]) return [];
      return [`${printFields(seen)}: ${runner.name} says ${found}, the list ${verdicts[i]}`];
    });
    for (const [slot, found] of readSlots(0, image.manifest, (_, map) => run.counters(map)).entries()) {
      if (found.packets === BigInt(counts[slot]!) && found.bytes === bytes[slot]) continue;
      const wanted = `${counts[slot]} packets ${bytes[slot]} bytes`;
      wrong.push(
        `slot ${slot}: ${runner.name} counts ${found.packets} packets ${found.bytes} bytes, the list ${wanted}`,
      );
    }
    return wrong;
  } finally {
    run.stop();
  }
}

const isState = ({ field }: Condition): boolean => field === 'state';

function frameOf({ bytes }: HookPacket): Uint8Array {
  return buildFrame(bytes, { destination: new Uint8Array(6), source: new Uint8Array(6) });
}

/**
 * A packet that has these values as far as any can: connection states are not there, ICMP is where the source port is,
 * and a fragment or a cut header has no ports. The kernel's test runs know the loopback device only, as where to.
 */
function packetWith(fields: FieldValues, { name }: Pick<Runner, 'name'>): HookPacket {
  const { src, dst, protocol, fragment, transportLength, sport, dport, tcpFlags } = fields;
  const payload = new Uint8Array(Math.min(transportLength, MOST_BYTES));
  const header = new Uint8Array(14);
  const view = new DataView(header.buffer);
  view.setUint16(0, sport);
  view.setUint16(2, dport);
  header[13] = tcpFlags;
  payload.set(header.subarray(0, payload.length));
  const bytes = buildPacket({
    source: src,
    destination: dst,
    transport: { kind: 'other', protocol },
    payload,
    fragmentOffset: fragment,
  });
  const devices =
    name === 'the kernel'
      ? { inDevice: '', outDevice: 'lo' }
      : { inDevice: fields.inDevice, outDevice: fields.outDevice };
  return { hook: 'FORWARD', ...devices, bytes };
}

/** The same for the test hook: whole packets to another host, from no group, by the loopback device. */
export function wholePacket(fields: FieldValues): HookPacket {
  const { src, dst } = fields;
  const settled = { ...fields, src: src >= 0xe0000000 ? src & 0x7fffffff : src, dst: dst & 0x3fffffff, fragment: 0 };
  const { bytes } = packetWith(settled, { name: '' });
  return { hook: 'FORWARD', inDevice: 'lo', outDevice: '', bytes };
}
