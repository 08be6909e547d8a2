import { describe, expect, it } from 'vitest';
import type { Features } from '../../../src/base/features.ts';
import { disassemble } from '../../../src/bpf/disassemble.ts';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { XDP_ABI } from '../../../src/codegen/xdp.ts';
import { compileRuleset } from '../../../src/engine/compile.ts';
import { readSlots } from '../../../src/engine/counters.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildFrame, buildPacket, fixHeaderChecksum } from '../../harness/packet-builder.ts';
import { parsePacket } from '../../harness/packet-notation.ts';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i eth0 -p tcp -m tcp --dport 80 -j DROP
COMMIT
`;
const GENERATION = 7;

/** Runs the ruleset on a frame and says what happened, and what was counted: rule, policies, undecided. */
function judge(bytes: Uint8Array, addressGeneration: number, features: Features = FEATURES, linear?: number) {
  const { ruleset } = parseRuleset(RULES, { file: 'test.rules' });
  const compiled = compileRuleset(ruleset, {
    placement: 'xdp',
    allowInexact: ['loopback', 'output', 'out-device'],
    features,
    facts: { localDestinations: [{ low: 0x0a000001, high: 0x0a000001 }], addressGeneration: GENERATION },
    file: 'test.rules',
  });
  if (!compiled.ok) throw new Error('not compiled');
  const { image } = compiled;
  const maps = new Map(image.maps.map(({ name, valueSize }) => [name, new Uint8Array(valueSize)]));
  const mac = new Uint8Array(6);
  const frame = buildFrame(bytes, { destination: mac, source: mac });
  const device = { ifindex: 2, name: 'eth0', mac, addressGeneration };
  const result = runXdp(prepare(image.programs[0]!.program), {
    ...{ frame, device, maps, features },
    linear: linear ?? frame.length,
  });
  const counted = readSlots(1, image.manifest, (_, map) => maps.get(map));
  return {
    code: disassemble(image.programs[0]!.program),
    verdict: result === XDP_ABI.drop ? 'drop' : 'accept',
    counted: counted.flatMap(({ packets, bytes: size }, slot) => (packets === 0n ? [] : [[slot, Number(size)]])),
  };
}

const INPUT_RULE = 0;
const FORWARD_POLICY = 2;
const UNDECIDED = 4;

describe('at XDP', () => {
  it('a packet whose total length is 0 is as long as the frame', () => {
    const { bytes } = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn payload=100');
    const whole = judge(bytes, GENERATION);
    bytes.set([0, 0], 2);
    fixHeaderChecksum(bytes);
    expect(judge(bytes, GENERATION)).toEqual(whole);
    expect(whole).toMatchObject({ verdict: 'drop', counted: [[INPUT_RULE, 140]] });
  });

  it('a frame of several buffers is judged where its headers are in the first, and undecided where not', () => {
    const { bytes } = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn options=8 payload=100');
    const whole = judge(bytes, GENERATION);
    expect(whole).toMatchObject({ verdict: 'drop', counted: [[INPUT_RULE, 148]] });
    const [ethernet, upToPorts] = [14, 14 + 28 + 4];
    for (let linear = ethernet; linear < ethernet + 148; linear++) {
      const expected = linear < upToPorts ? { verdict: 'drop', counted: [[UNDECIDED, 148]] } : whole;
      expect(judge(bytes, GENERATION, FEATURES, linear), `${linear}`).toMatchObject(expected);
    }
    // As long as the frame.
    bytes.set([0, 0], 2);
    fixHeaderChecksum(bytes);
    expect(judge(bytes, GENERATION, FEATURES, 60)).toEqual(whole);
    // Longer than the frame, and cut off with it.
    bytes.set([0, 149], 2);
    fixHeaderChecksum(bytes);
    for (const linear of [60, 162]) {
      expect(judge(bytes, GENERATION, FEATURES, linear)).toMatchObject({ verdict: 'accept', counted: [] });
    }
    expect(judge(bytes.subarray(0, 19), GENERATION)).toMatchObject({ verdict: 'accept', counted: [] });
  });

  it('nothing is taken for another host’s once addresses have changed', () => {
    const forwarded = parsePacket('FORWARD in=eth0 out=eth1 tcp 11.0.0.1:1234 > 10.0.0.9:80 syn');
    expect(judge(forwarded.bytes, GENERATION)).toMatchObject({ verdict: 'accept', counted: [[FORWARD_POLICY, 40]] });
    expect(judge(forwarded.bytes, GENERATION + 1)).toMatchObject({ verdict: 'drop', counted: [[UNDECIDED, 40]] });
  });

  it('counters are added to atomically where softirqs can be preempted, and only there', () => {
    const { bytes } = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn');
    const plain = judge(bytes, GENERATION);
    const atomic = judge(bytes, GENERATION, { ...FEATURES, preemptRt: true });
    expect(plain.code).not.toContain('lock ');
    expect(atomic.code).toContain('lock ');
    expect(atomic.counted).toEqual(plain.counted);
  });

  it('counters are found whatever the number of CPUs', () => {
    const { bytes } = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn');
    for (const possibleCpus of [1, 2, 3, 64, 96]) {
      const judged = judge(bytes, GENERATION, { ...FEATURES, possibleCpus });
      expect(judged).toMatchObject({ verdict: 'drop', counted: [[INPUT_RULE, 40]] });
    }
  });

  it('kernel structures are copied where they cannot be read by plain loads', () => {
    const old: Features = { ...FEATURES, functions: {} };
    for (const [line, generation] of [
      ['INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn', GENERATION],
      ['INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn options=8', GENERATION],
      ['FORWARD in=eth0 out=eth1 tcp 11.0.0.1:1234 > 10.0.0.9:80 syn', GENERATION],
      ['FORWARD in=eth0 out=eth1 tcp 11.0.0.1:1234 > 10.0.0.9:80 syn', GENERATION + 1],
      ['FORWARD in=eth0 out=eth1 tcp 11.0.0.1:1234 > 10.0.0.9:80 syn options=8', GENERATION + 1],
    ] as const) {
      const { bytes } = parsePacket(line);
      const { code, ...judged } = judge(bytes, generation, old);
      expect(code).toContain('bpf_probe_read_kernel');
      expect(judge(bytes, generation)).toMatchObject(judged);
    }
  });

  it('what was local when the rules were applied is judged as that', () => {
    const { bytes } = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:80 syn');
    expect(judge(bytes, GENERATION + 1)).toMatchObject({ verdict: 'drop', counted: [[INPUT_RULE, 40]] });
  });

  it('a header of any length is judged if its sum is right, and passed on if one bit of it is not', () => {
    const choice = seededChoice(5, 0);
    for (let words = 0; words <= 10; words++) {
      // All ones, all zeros and anything: sums that carry at every place.
      for (const fill of [() => 0xff, () => 0, () => choice.integer(0, 255)]) {
        const bytes = buildPacket({
          source: 0x0bffffff,
          destination: 0x0a000001,
          transport: { kind: 'tcp', sport: 1234, dport: 80, flags: 2 },
          options: Uint8Array.from({ length: 4 * words }, fill),
          id: choice.integer(0, 0xffff),
        });
        const counted = [[INPUT_RULE, 40 + 4 * words]];
        expect(judge(bytes, GENERATION)).toMatchObject({ verdict: 'drop', counted });
        const bit = choice.integer(0, 7);
        bytes[choice.integer(4, 19 + 4 * words)]! ^= 1 << bit;
        expect(judge(bytes, GENERATION)).toMatchObject({ verdict: 'accept', counted: [] });
      }
    }
  });
});
