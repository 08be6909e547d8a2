import { describe, expect, it } from 'vitest';
import type { HookPacket } from '../../../src/base/packet.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import type { MapDefinition } from '../../../src/bpf/image.ts';
import { R0, R1, R2, R3, R10 } from '../../../src/bpf/instruction.ts';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import type { ActionList, Classification, LinearSegment } from '../../../src/classify/classification.ts';
import type { Image } from '../../../src/codegen/compile.ts';
import { offloadImage } from '../../../src/codegen/offload.ts';
import { MOST_INSTRUCTIONS, offloadViolations } from '../../../src/codegen/offload-limits.ts';
import { XDP_ABI } from '../../../src/codegen/xdp.ts';
import { compileRuleset, filterTable } from '../../../src/engine/compile.ts';
import { readSlots } from '../../../src/engine/counters.ts';
import { interpret } from '../../../src/reference/interpret.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildFrame } from '../../harness/packet-builder.ts';
import { parsePacket } from '../../harness/packet-notation.ts';
import { mapValue } from '../../harness/vm-runner.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 7);
const RULES = [
  '-A INPUT -i lo+ -j ACCEPT',
  '-A INPUT -i eth0 -s 11.0.0.0/24',
  '-A INPUT -p tcp -m tcp --dport 22 -s 11.0.0.0/16 -j ACCEPT',
  '-A INPUT -p tcp -m tcp --dport 22 -j DROP',
  '-A INPUT -p tcp -m tcp --dport 1000:2000 -j ACCEPT',
  '-A INPUT -p udp -m udp --sport 53 -j ACCEPT',
  '-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP',
  '-A INPUT -p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP',
];
const TEXT = `*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${RULES.join('\n')}\nCOMMIT\n`;
const DESTINATIONS = [{ low: 0x0a000001, high: 0x0a000001 }];

function rulesetImage(): Image {
  const compiled = compileRuleset(parseRuleset(TEXT, { file: 'x' }).ruleset, {
    placement: 'xdp',
    allowInexact: ['loopback', 'output', 'out-device'],
    features: FEATURES,
    facts: { localDestinations: DESTINATIONS },
    file: 'x',
    finish: 'dense',
  });
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  return cardImage(compiled.classification, compiled.image.manifest.capacity);
}

function cardImage(classification: Classification, capacity: number): Image {
  return offloadImage({
    classification,
    capacity,
    ownerOf: (slot) => ({ kind: 'rule', chain: 'INPUT', index: slot, text: `rule ${slot}`, line: 1 }),
    device: { name: 'eth0', mac: MAC },
    localDestinations: DESTINATIONS,
    file: 'x',
  });
}

/** Verdict and slots counted; a deferred packet is accepted and counted nowhere. */
function judge(image: Image, frame: Uint8Array): { verdict: string; counted: number[] } {
  const { program } = image.programs[0]!;
  const maps = new Map(image.maps.map((definition) => [definition.name, mapValue(definition)]));
  const elementSizes = new Map(image.maps.map(({ name, valueSize }) => [name, valueSize]));
  const device = { ifindex: 1, name: 'unknown to the card', mac: MAC };
  const result = runXdp(prepare(program), { features: FEATURES, frame, device, maps, elementSizes });
  const counted = readSlots(1, image.manifest, (_, map) => maps.get(map));
  return {
    verdict: result === XDP_ABI.drop ? 'drop' : 'accept',
    counted: counted.flatMap(({ packets }, slot) => (packets === 0n ? [] : [slot])),
  };
}

const DEFERRED = { verdict: 'accept', counted: [] };
const frameOf = ({ bytes }: HookPacket) => buildFrame(bytes, { destination: MAC, source: MAC });

describe('the form for a card', () => {
  const image = rulesetImage();

  it.each([
    'INPUT in=eth0 tcp 11.0.0.9:1234 > 10.0.0.1:22 syn',
    'INPUT in=eth0 tcp 11.0.9.9:1234 > 10.0.0.1:22 syn',
    'INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:22 syn',
    'INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:1999 ack',
    'INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:2001 ack',
    'INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:2001 syn',
    'INPUT in=eth0 udp 12.0.0.9:53 > 10.0.0.1:2001',
    'INPUT in=eth0 icmp 12.0.0.9 > 10.0.0.1 type=8 code=0',
    'INPUT in=eth0 icmp 12.0.0.9 > 10.0.0.1 type=0 code=0',
    'FORWARD in=eth0 out=eth1 udp 12.0.0.9:53 > 10.0.0.2:2001',
  ])('decides %s as iptables does', (line) => {
    const packet = parsePacket(line);
    const { verdict, counted } = interpret(filterTable(parseRuleset(TEXT, { file: 'x' }).ruleset), packet);
    const slots = counted.map(({ chain, rule }) => {
      if (rule !== 'policy') return rule;
      return chain === 'INPUT' ? RULES.length : RULES.length + 1;
    });
    expect(judge(image, frameOf(packet))).toEqual({ verdict, counted: slots });
  });

  it('leaves frames that are not plain to the host', () => {
    const packet = parsePacket('INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:22 syn');
    const plain = frameOf(packet);
    expect(judge(image, plain).counted).not.toEqual([]);
    const broken = (at: number, value: number) => plain.map((byte, index) => (index === at ? value : byte));
    const ETHERNET = 14;
    const frames = {
      'to another device': broken(5, 8),
      'to a group': broken(0, 3),
      'with a tag': Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0, 0, ...plain.subarray(12)]),
      'of another protocol': broken(12, 0x86),
      'with options': broken(ETHERNET, 0x46),
      'with a wrong sum': broken(ETHERNET + 8, 1),
      'a fragment': frameOf(parsePacket('INPUT in=eth0 tcp 12.0.0.9:1234 > 10.0.0.1:22 syn more')),
      'longer than its frame': plain.subarray(0, plain.length - 1),
      'without a header': plain.subarray(0, 33),
    };
    for (const [name, frame] of Object.entries(frames))
      expect({ name, ...judge(image, frame) }).toEqual({ name, ...DEFERRED });
  });

  it('keeps within what a card takes, as programs for the host do not', () => {
    expect(offloadViolations(image.programs[0]!.program, image.maps)).toEqual([]);
    expect(image.programs[0]!.program.instructions.length).toBeLessThan(1000);
  });

  it('leaves the largest segments to the host where a program would be too long', () => {
    const list = (slot: number, then: ActionList['then']): ActionList => ({ counters: [slot], then });
    const tests = (count: number): LinearSegment['tests'] =>
      Array.from({ length: count }, (_, test) => ({
        predicate: { kind: 'in', field: 'src', set: [{ low: test, high: test }] },
        yes: { kind: 'list', list: 0 },
        no: test + 1 < count ? { kind: 'test', test: test + 1 } : { kind: 'list', list: 1 },
      }));
    const large = Math.ceil(MOST_INSTRUCTIONS / 3);
    const segment = (count: number): LinearSegment => ({
      finish: 'linear',
      tests: tests(count),
      entry: { kind: 'test', test: 0 },
    });
    const both = cardImage(
      {
        segments: [segment(large), segment(10)],
        lists: [list(0, { kind: 'drop' }), list(1, { kind: 'accept' })],
        entries: { INPUT: 0, FORWARD: 1 },
        tables: new Uint8Array(0),
      },
      2,
    );
    expect(both.programs[0]!.program.instructions.length).toBeLessThan(500);
    expect(judge(both, frameOf(parsePacket('INPUT in=eth0 udp 12.0.0.9:53 > 10.0.0.1:2001')))).toEqual(DEFERRED);
    const forwarded = frameOf(parsePacket('FORWARD in=eth0 out=eth1 udp 12.0.0.9:53 > 10.0.0.2:2001'));
    expect(judge(both, forwarded)).toEqual({ verdict: 'accept', counted: [1] });
  });
});

describe('what a card would refuse', () => {
  const array: MapDefinition = { name: 'm', type: 'array', valueSize: 4, maxEntries: 9, mmapable: false };
  const code = (build: (a: Assembler) => void): string[] => {
    const a = new Assembler();
    build(a);
    return offloadViolations({ name: 'p', type: 'xdp', ...a.finish() }, []);
  };

  it.each<[string, Partial<MapDefinition>]>([
    ['is a program-array', { type: 'program-array' }],
    ['have 61 bytes', { valueSize: 61 }],
    ['is memory-mapped', { mmapable: true }],
  ])('a map that %s', (words, definition) => {
    const program = { name: 'p', type: 'xdp' as const, instructions: [], lines: [] };
    expect(offloadViolations(program, [array, { ...array, valueSize: 60 }])).toEqual([]);
    expect(offloadViolations(program, [{ ...array, ...definition }])[0]).toContain(words);
  });

  it.each<[string, (a: Assembler) => void]>([
    ['a store of a constant', (a) => a.store(4, R10, -4, 1)],
    ['the address of a map', (a) => a.loadMapValue(R1, 'm')],
    ['a division', (a) => a.alu('mod', R1, 3)],
    ['a call', (a) => a.call(8)],
    ['a call', (a) => a.callKernel('bpf_rdonly_cast', 7)],
    ['an atomic operation', (a) => a.atomicAdd(4, R1, 0, R2)],
    ['4097 instructions', (a) => Array.from({ length: 4097 }, () => a.mov(R0, 0))],
  ])('%s', (words, build) => {
    expect(code(build).join()).toContain(words);
  });

  it('and nothing else', () => {
    const done = new Assembler().label('done');
    const build = (a: Assembler) => {
      a.loadMap(R1, 'm').loadConstant(R2, 0x8300000007n).mov(R2, R10).alu('add', R2, -4).call(1);
      a.jump32('eq', R0, 0, done).mov(R3, 1).atomicAdd(8, R0, 0, R3).store(4, R10, -4, R3).bind(done).exit();
    };
    expect(code(build)).toEqual([]);
  });
});
