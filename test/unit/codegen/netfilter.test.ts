import { describe, expect, it } from 'vitest';
import type { HookPacket } from '../../../src/base/packet.ts';
import { runNetfilter } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { NETFILTER_ABI } from '../../../src/codegen/netfilter.ts';
import { compileRuleset, filterTable } from '../../../src/engine/compile.ts';
import { readSlots } from '../../../src/engine/counters.ts';
import { interpret } from '../../../src/reference/interpret.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { buildPacket } from '../../harness/packet-builder.ts';
import type { Choice } from '../../harness/random.ts';
import { mapValue } from '../../harness/vm-runner.ts';

/** Each asks for another field, and counts. */
const RULES = [
  '-s 11.0.0.1',
  '-d 10.0.0.1',
  '-p udp -m udp --sport 1000:2000',
  '-p udp -m udp --dport 53',
  '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
  '-p icmp -m icmp --icmp-type 8',
  '-p 47',
];

interface Loaded {
  /** What the program does with a packet of which so many bytes are linear. */
  judge(packet: HookPacket, linear: number): string;
  /** What it must do. */
  expected(packet: HookPacket): string;
}

function load(rules: readonly string[]): Loaded {
  const lines = rules.map((rule) => `-A INPUT ${rule}\n`);
  const text = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.join('')}COMMIT\n`;
  const { ruleset } = parseRuleset(text, { file: 'test.rules' });
  const compiled = compileRuleset(ruleset, {
    placement: 'netfilter',
    allowInexact: [],
    features: FEATURES,
    facts: { localDestinations: [] },
    file: 'test.rules',
  });
  if (!compiled.ok) throw new Error('not compiled');
  const { image } = compiled;
  const program = prepare(image.programs[0]!.program);
  const table = filterTable(ruleset);
  return {
    judge({ bytes }, linear) {
      const maps = new Map(image.maps.map((definition) => [definition.name, mapValue(definition)]));
      const options = { features: FEATURES, maps, packet: bytes, linear, inDevice: { name: 'eth0' } };
      const verdict = runNetfilter(program, options) === NETFILTER_ABI.accept ? 'accept' : 'drop';
      const counted = readSlots(1, image.manifest, (_, map) => maps.get(map));
      return describeOutcome(
        verdict,
        counted.slice(0, rules.length).flatMap(({ packets }, slot) => (packets === 0n ? [] : [slot])),
      );
    },
    expected(packet) {
      const { verdict, counted } = interpret(table, packet);
      const slots = counted.flatMap(({ rule }) => (typeof rule === 'number' ? [rule] : []));
      return describeOutcome(verdict, slots);
    },
  };
}

function describeOutcome(verdict: string, counted: readonly number[]): string {
  return `${verdict} ${[...counted].sort((x, y) => x - y).join()}`;
}

function anyPacket(choice: Choice): HookPacket {
  const udp = { kind: 'udp', sport: choice.integer(999, 2001), dport: choice.integer(52, 54) } as const;
  const tcp = { kind: 'tcp', sport: 5, dport: 6, flags: choice.pick([2, 18, 16]) } as const;
  const icmp = { kind: 'icmp', type: choice.pick([0, 8]), code: 0 } as const;
  const whole = choice.chance(0.7);
  const bytes = buildPacket({
    source: choice.pick([0x0b000001, 0x0b000002]),
    destination: choice.pick([0x0a000001, 0x0a000002]),
    transport: choice.pick([udp, tcp, icmp, { kind: 'other', protocol: 47 }] as const),
    options: new Uint8Array(
      4 *
        choice.weighted([
          [4, 0],
          [1, 1],
          [1, 10],
        ]),
    ),
    ...(choice.chance(0.2) ? { fragmentOffset: choice.integer(1, 8191) } : {}),
    ...(whole ? { payload: new Uint8Array(choice.integer(0, 40)) } : { cut: choice.integer(0, 20) }),
  });
  return { hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes };
}

describe('at netfilter', () => {
  const sets = [RULES, ...RULES.map((rule) => [rule])];

  it.each(sets.map((rules) => ({ rules, name: rules.length === 1 ? rules[0] : 'all fields' })))(
    'packets are read the same wherever their bytes lie: $name',
    ({ rules }) => {
      const { judge, expected } = load(rules);
      for (let index = 0; index < (rules.length === 1 ? 25 : 100); index++) {
        const packet = anyPacket(seededChoice(3, index));
        const wanted = expected(packet);
        const { length } = packet.bytes;
        for (const linear of [0, 19, 20, 27, 33, 34, 60, length]) {
          if (linear <= length) expect(`${index}: ${judge(packet, linear)}`).toBe(`${index}: ${wanted}`);
        }
      }
    },
  );

  it('what is shorter than a header is accepted and not counted', () => {
    const { judge } = load(RULES);
    const packet = anyPacket(seededChoice(3, 0));
    const short = { ...packet, bytes: packet.bytes.subarray(0, 19) };
    for (const linear of [0, 19]) expect(judge(short, linear)).toBe('accept ');
  });
});
