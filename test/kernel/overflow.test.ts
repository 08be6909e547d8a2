// What is too much for a structure never keeps a ruleset from being loaded, and what is loaded counts as the rules say;
// what the verifier does does not grow with the rules.

import { describe, expect, it } from 'vitest';
import { type CompileOptions, type CompileResult, compileRuleset } from '../../src/engine/compile.ts';
import { closeDescriptor, createMap, loadProgram } from '../../src/kernel/bpf.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { CLASSIFY_RULESETS, formatRuleset } from '../bench/classify-rulesets.ts';
import { processedInstructions } from '../bench/program-info.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { programDisagreements } from '../harness/oracle.ts';
import { OVERFLOW_RULESETS } from '../harness/overflow-rulesets.ts';

const PACKETS = 60;
const kernel = kernelRunner();

function compiled(text: string, options: Pick<CompileOptions, 'finish'> = {}): Extract<CompileResult, { ok: true }> {
  const { ruleset } = parseRuleset(text, { file: 'test.rules' });
  const { features } = kernel;
  const facts = { localDestinations: [] };
  const all = { ...options, placement: 'netfilter' as const, allowInexact: [], features, facts, file: 'test' };
  const result = compileRuleset(ruleset, all);
  if (!result.ok) throw new Error(result.diagnostics[0]!.message);
  return result;
}

describe('rulesets that no one structure holds', () => {
  it.each(OVERFLOW_RULESETS)('$name: $rules rules', ({ rules, text, packet }) => {
    const choice = seededChoice(1, rules);
    const packets = Array.from({ length: PACKETS }, () => packet(choice, rules));
    expect(programDisagreements(text(rules), packets, { placement: 'netfilter', runners: [kernel] })).toEqual([]);
  });
});

describe('what the verifier does not follow', () => {
  it.each([
    // Each test of a rule that goes on leaves a branch open.
    { why: 'too many open branches', rule: '-A FORWARD -s 10.0.0.0/255.0.255.0', rules: 8300 },
    { why: 'too many instructions', rule: '-A FORWARD', rules: 200_100 },
  ])('is said to be too large: $why', ({ rule, rules }) => {
    const text = ['*filter', ...Array.from({ length: rules }, () => rule), 'COMMIT', ''].join('\n');
    const { image } = compiled(text, { finish: 'linear' });
    const maps = new Map(image.maps.map((definition) => [definition.name, createMap(definition)]));
    const { program } = image.programs.find(({ point }) => point === 'FORWARD')!;
    try {
      expect(() => loadProgram(program, maps)).toThrow(expect.objectContaining({ isTooLarge: true }));
    } finally {
      for (const map of maps.values()) closeDescriptor(map);
    }
  });
});

/** Instructions that the verifier goes through for the program of a chain. */
function verified(name: string, rules: number): number {
  const shape = CLASSIFY_RULESETS.find((each) => each.name === name)!.shape(rules);
  const { image } = compiled(formatRuleset(shape));
  const maps = new Map(image.maps.map((definition) => [definition.name, createMap(definition)]));
  const program = loadProgram(image.programs.find(({ point }) => point === shape.chain)!.program, maps);
  const count = processedInstructions(program);
  for (const object of [program, ...maps.values()]) closeDescriptor(object);
  return count;
}

describe('what the verifier does', () => {
  it.each(['exact', 'blacklist'])('is no more for 16 000 rules than for 4 000: %s', (name) => {
    expect(verified(name, 16_000)).toBeLessThan(1.5 * verified(name, 4000) + 500);
  });

  // More lists, each with its own tables, but few; the kernel's limit is a million.
  it.each(['acl', 'fw', 'ipc'])('is little for 10 000 rules: %s', (name) => {
    expect(verified(name, 10_000)).toBeLessThan(100_000);
  });
});
