import { expect, it } from 'vitest';
import { Assembler } from '../../../src/bpf/assembler.ts';
import { disassemble } from '../../../src/bpf/disassemble.ts';
import { emitForeignWords } from '../../../src/codegen/foreign-words.ts';
import { EARLY_FEATURES } from '../../harness/fake-kernel.ts';

const TABLE = { tableRules: 16, size: 0, policies: 32, userChains: 52, rules: 64 };

/** What is emitted on a kernel of so many CPUs. */
function emitted(possibleCpus: number): string {
  const a = new Assembler();
  const layout = { ...EARLY_FEATURES.surroundings!, foreign: { table: TABLE } };
  const features = { ...EARLY_FEATURES, possibleCpus };
  emitForeignWords(a, 1800, { features, layout, family: 'ipv4', known: () => {}, take: () => {} });
  return disassemble({ name: 'words', type: 'xdp', ...a.exit().finish() });
}

it('sums up iptables-legacy’s rules, but where there can be but one CPU, as counters lie among them then', () => {
  expect(emitted(2).match(/bpf_iter_num_new/g)).toHaveLength(3);
  expect(emitted(1)).not.toContain('bpf_iter_num_new');
});
