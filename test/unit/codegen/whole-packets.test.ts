import { describe, expect, it } from 'vitest';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import type { ActionList, Classification, LinearSegment } from '../../../src/classify/classification.ts';
import { entriesOfWhole } from '../../../src/codegen/whole-packets.ts';
import { XDP_ABI } from '../../../src/codegen/xdp.ts';
import { compileRuleset } from '../../../src/engine/compile.ts';
import { readSlots } from '../../../src/engine/counters.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildFrame, buildPacket, fixHeaderChecksum, type Transport } from '../../harness/packet-builder.ts';

const LOCAL = 0x0a000001;
const RULES = [
  ...['-p udp -m udp --dport 53', '-p tcp -m tcp --dport 80', '-p icmp -m icmp --icmp-type 8'],
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((host) => `-s 11.0.0.${host}`),
];

function compile(rules: readonly string[]) {
  const text = [
    '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]',
    ...['INPUT', 'FORWARD'].flatMap((chain) => rules.map((rule) => `-A ${chain} ${rule} -j DROP`)),
    'COMMIT\n',
  ].join('\n');
  const { ruleset } = parseRuleset(text, { file: 'test.rules' });
  const compiled = compileRuleset(ruleset, {
    placement: 'xdp',
    allowInexact: ['loopback', 'output', 'out-device'],
    features: FEATURES,
    facts: { localDestinations: [{ low: LOCAL, high: LOCAL }], addressGeneration: 0 },
    file: 'test.rules',
    budget: { ...DEFAULT_BUDGET, outcomeWords: 2 },
  });
  if (!compiled.ok) throw new Error('not compiled');
  return compiled;
}

/** What the rules say of a packet, and which slots it counts. */
function judge({ image }: ReturnType<typeof compile>, bytes: Uint8Array): string {
  const maps = new Map(
    image.maps.map(({ name, valueSize, contents }) => [name, contents ?? new Uint8Array(valueSize)]),
  );
  const mac = new Uint8Array(6);
  const frame = buildFrame(bytes, { destination: mac, source: mac });
  const device = { ifindex: 2, name: 'eth0', mac, addressGeneration: 0 };
  for (const { map } of image.manifest.banks) maps.get(map)!.fill(0);
  const result = runXdp(prepare(image.programs[0]!.program), { frame, device, maps, features: FEATURES });
  const counted = readSlots(1, image.manifest, (_, map) => maps.get(map));
  const slots = counted.flatMap(({ packets }, slot) => (packets === 0n ? [] : [slot]));
  return [result === XDP_ABI.drop ? 'drop' : 'accept', ...slots].join(' ');
}

/** A packet of which the header and so many bytes are left. */
function packet(transport: Transport, bytes: number, destination: number): Uint8Array {
  const whole = buildPacket({ source: 0x0b000009, destination, transport, payload: new Uint8Array(40) });
  new DataView(whole.buffer, whole.byteOffset).setUint16(2, 20 + bytes);
  fixHeaderChecksum(whole);
  return whole.subarray(0, 20 + bytes);
}

describe('a plain frame', () => {
  const compiled = compile(RULES);

  it.each([
    ['INPUT', LOCAL, 0],
    ['FORWARD', LOCAL + 8, RULES.length + 1],
  ])('at %s meets the tests of its shape where it has less than a whole header', (_, destination, first) => {
    const udp = { kind: 'udp', sport: 1234, dport: 53 } as const;
    const tcp = { kind: 'tcp', sport: 1234, dport: 80, flags: 2 } as const;
    for (const bytes of [8, 9, 19, 20, 21, 40])
      expect(judge(compiled, packet(udp, bytes, destination))).toBe(`drop ${first}`);
    for (const bytes of [4, 7]) expect(judge(compiled, packet(udp, bytes, destination))).toBe('drop');
    for (const bytes of [20, 21, 40])
      expect(judge(compiled, packet(tcp, bytes, destination))).toBe(`drop ${first + 1}`);
    for (const bytes of [8, 14, 19]) expect(judge(compiled, packet(tcp, bytes, destination))).toBe('drop');
  });
});

function list(then: ActionList['then'], ...counters: number[]): ActionList {
  return { counters, then };
}

describe('the entry of whole packets', () => {
  const test = (
    field: 'fragment' | 'transportLength' | 'protocol',
    low: number,
    high: number,
    yes: number,
    no: number,
  ) => ({
    predicate: { kind: 'in', field, set: [{ low, high }] } as const,
    yes: yes < 0 ? ({ kind: 'list', list: -1 - yes } as const) : ({ kind: 'test', test: yes } as const),
    no: no < 0 ? ({ kind: 'list', list: -1 - no } as const) : ({ kind: 'test', test: no } as const),
  });
  const first = (...tests: LinearSegment['tests']): Classification => ({
    segments: [
      { finish: 'linear', tests, entry: { kind: 'test', test: 0 } },
      { finish: 'linear', tests: [], entry: { kind: 'list', list: 2 } },
      { finish: 'linear', tests: [test('fragment', 1, 9, -3, -3)], entry: { kind: 'test', test: 0 } },
    ],
    lists: [
      list({ kind: 'segment', segment: 1 }),
      list({ kind: 'segment', segment: 2 }),
      list({ kind: 'drop' }),
      list({ kind: 'segment', segment: 1 }, 5),
    ],
    entries: { INPUT: 0 },
    tables: new Uint8Array(0),
  });

  it('is behind tests that whole packets all answer alike', () => {
    expect(entriesOfWhole(first(test('fragment', 0, 0, 1, -2), test('transportLength', 0, 19, -2, -1)), [0])).toEqual([
      1,
    ]);
    expect(entriesOfWhole(first(test('transportLength', 8, 65535, -1, -2)), [0, 1])).toEqual([1, 1]);
  });

  it('is the entry of all where the answer may differ, something is counted, or the shape is asked again', () => {
    expect(entriesOfWhole(first(test('transportLength', 0, 20, -2, -1)), [0])).toBeUndefined();
    expect(entriesOfWhole(first(test('protocol', 6, 6, -1, -1)), [0])).toBeUndefined();
    expect(entriesOfWhole(first(test('fragment', 0, 0, -4, -1)), [0])).toBeUndefined();
    expect(entriesOfWhole(first(test('fragment', 0, 0, -2, -1)), [0])).toBeUndefined();
    expect(entriesOfWhole(first(test('fragment', 0, 0, -1, -1)), [1])).toBeUndefined();
  });
});

it('of a long blacklist the word of the outcome is computed', () => {
  const hosts = Array.from({ length: 60 }, (_, n) => 0x0b000000 + 7 * n);
  const compiled = compile(
    hosts.map((host) => `-s ${[24, 16, 8, 0].map((shift) => (host >>> shift) & 255).join('.')}`),
  );
  const words = compiled.classification.segments.map((each) => each.finish === 'tables' && each.result);
  expect(words[0]).toMatchObject({ kind: 'dense', bySlot: {} });
  const from = (source: number) =>
    judge(compiled, buildPacket({ source, destination: LOCAL, transport: { kind: 'udp', sport: 1, dport: 2 } }));
  for (const [slot, host] of hosts.entries()) expect(from(host)).toBe(`drop ${slot}`);
  for (const host of [0, 0x0b000001, 0x0c000000]) expect(from(host)).toBe(`accept ${hosts.length}`);
});
