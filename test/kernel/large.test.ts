// How many rules the kernel takes: any number of those that are looked up in tables, and of others what its verifier can
// follow.

import { expect, it } from 'vitest';
import { Commands } from '../harness/commands.ts';
import { withNamespaces } from '../harness/namespace.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const RULES = 20_000;

/** Rules that share nothing that could be merged. */
function manyRules(count: number): string {
  const rules = Array.from({ length: count }, (_, i) => {
    const address = `${1 + (i % 200)}.${(i * 7) % 256}.${(i >> 3) % 256}.${i % 251}`;
    return `-A INPUT -s ${address} -p tcp -m tcp --dport ${1 + (i % 60_000)} -j ${i % 3 === 0 ? 'ACCEPT' : 'DROP'}`;
  });
  return `*filter\n${rules.join('\n')}\nCOMMIT\n`;
}

it(`loads ${RULES} different rules in one chain`, async () => {
  await withNamespaces(['large'], ([namespace]) => {
    const commands = new Commands(namespace!, DIST);
    try {
      commands.run('restore', [], manyRules(RULES));
      expect(commands.run('save', []).match(/^-A INPUT/gm)).toHaveLength(RULES);
    } finally {
      commands.remove();
    }
  });
});

it('says so where the verifier cannot follow, and leaves the old rules in force', async () => {
  await withNamespaces(['large'], ([namespace]) => {
    const commands = new Commands(namespace!, DIST);
    try {
      commands.run('restore', [], '*filter\n-A INPUT -p udp -j DROP\nCOMMIT\n');
      const before = commands.run('save', ['-c']).replaceAll(/^#.*$/gm, '');
      // Masks with holes that stand for too many ranges to look up, and too many masks: each rule is asked by itself.
      const addresses = Array.from({ length: 9000 }, (_, i) => `0.${i >> 8}.0.${i & 255}/0.255.${1 + (i % 90)}.255`);
      const rules = addresses.map((address) => `-A INPUT -s ${address} -j DROP\n`).join('');
      const attempt = () => commands.run('restore', [], `*filter\n${rules}COMMIT\n`);
      expect(attempt).toThrow(/^.*<stdin>:8\d\d\d:1: error: .*\[too-large\]\n {2}-A INPUT -s 0\./ms);
      expect(commands.run('save', ['-c']).replaceAll(/^#.*$/gm, '')).toBe(before);
    } finally {
      commands.remove();
    }
  });
});
