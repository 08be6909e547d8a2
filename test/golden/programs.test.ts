// The program of a small ruleset, instruction by instruction: INPUT at netfilter. `vitest -u` writes it anew.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { disassemble } from '../../src/bpf/disassemble.ts';
import { compileRuleset } from '../../src/engine/compile.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { FEATURES } from '../harness/fake-kernel.ts';

const folder = new URL('programs/', import.meta.url);

test('ipv6.rules', async () => {
  const text = readFileSync(new URL('ipv6.rules', folder), 'utf8');
  const compiled = compileRuleset(parseRuleset(text, { file: 'ipv6.rules', family: 'ipv6' }).ruleset, {
    placement: 'netfilter',
    allowInexact: [],
    features: FEATURES,
    facts: { localDestinations: [] },
    file: 'ipv6.rules',
  });
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  const { program } = compiled.image.programs.find(({ point }) => point === 'INPUT')!;
  await expect(disassemble(program)).toMatchFileSnapshot(new URL('ipv6.expected', folder).pathname);
});
