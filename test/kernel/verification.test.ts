// What the verifier has to go through does not depend on the number of rules: rules are in tables, not in code.

import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/base/family.ts';
import type { EnforcingPlacement, FilterChain } from '../../src/base/hooks.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import { compileRuleset } from '../../src/engine/compile.ts';
import { closeDescriptor, createMap, loadProgram } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { CLASSIFY_RULESETS, formatRuleset } from '../bench/classify-rulesets.ts';
import { processedInstructions } from '../bench/program-info.ts';

const FEW = 100;
const MANY = 10_000;

/** Instructions that the verifier comes to in the program of a ruleset, each as often as it does. */
function processed(kind: string, rules: number, finish: FinishName, placement: EnforcingPlacement): number {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === kind)!.shape(rules);
  return processedOf(formatRuleset(shape), 'ipv4', placement, shape.chain, finish);
}

function processedOf(
  text: string,
  family: Family,
  placement: EnforcingPlacement,
  chain: FilterChain,
  finish: FinishName,
): number {
  const compiled = compileRuleset(parseRuleset(text, { file: 'test.rules', family }).ruleset, {
    placement,
    allowInexact: ['loopback', 'output', 'out-device'],
    features: probeFeatures(),
    facts: {
      ...{ localDestinations: [{ low: 1, high: 1 }], addressGeneration: 1 },
      ipv6: { localDestinations: [{ low: 2n, high: 2n }], ofDevices: [{ ifindex: 2, destination: 3n }] },
    },
    file: 'test.rules',
    finish,
  });
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  const { classification, image } = compiled;
  const finishes = classification.segments.map((each) => (each.finish === 'tables' ? each.result.kind : each.finish));
  expect(finishes).toContain(finish);
  const point = placement === 'xdp' ? 'XDP' : chain;
  const { program } = image.programs.find((each) => each.point === point)!;
  const maps = new Map(image.maps.map((definition) => [definition.name, createMap(definition)]));
  const loaded = loadProgram(program, maps);
  try {
    return processedInstructions(loaded);
  } finally {
    for (const descriptor of [loaded, ...maps.values()]) closeDescriptor(descriptor);
  }
}

/** By how much a program of many rules may exceed one of few: other indexes are chosen, and tuples are walked word by word. */
const CASES = [
  { kind: 'blacklist', finish: 'dense', most: 500 },
  { kind: 'exact', finish: 'masks', most: 500 },
  { kind: 'acl', finish: 'tuples', most: 20_000 },
] as const;

describe.each(['xdp', 'netfilter'] as const)('at %s', (placement) => {
  it.each(CASES)('$finish: a program of many rules is as quickly verified as one of few', ({ kind, finish, most }) => {
    const few = processed(kind, FEW, finish, placement);
    const many = processed(kind, MANY, finish, placement);
    expect(few).toBeGreaterThan(50);
    expect(many - few).toBeLessThanOrEqual(most);
  });

  it.each(['dense', 'tuples'] as const)(
    '%s of IPv6: trees of addresses grow by a level, the walk over headers not at all',
    (finish) => {
      const [few, many] = [FEW, MANY].map((rules) =>
        processedOf(rulesOfIpv6(rules), 'ipv6', placement, 'INPUT', finish),
      );
      expect(few).toBeGreaterThan(50);
      expect(many! - few!).toBeLessThanOrEqual(3000);
    },
  );
});

/** Rules of sources and ports, a few of each port. */
function rulesOfIpv6(count: number): string {
  const rules = Array.from({ length: count }, (_, index) => {
    const source = `2001:db8:${index.toString(16)}::/48`;
    return `-A INPUT -s ${source} -p tcp -m tcp --dport ${1000 + (index % 7)} -j DROP\n`;
  });
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('')}COMMIT\n`;
}
