// How many rules the kernel takes: any number of those that are looked up in tables, and thousands of others.

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

it('loads 9000 rules that no table holds, and each is asked by itself', async () => {
  await withNamespaces(['large'], ([namespace]) => {
    const commands = new Commands(namespace!, DIST);
    try {
      // Masks with holes that stand for too many ranges to look up, and too many masks for a hash.
      const addresses = Array.from({ length: 9000 }, (_, i) => `0.${i >> 8}.0.${i & 255}/0.255.${1 + (i % 90)}.255`);
      const rules = addresses.map((address) => `-A INPUT -s ${address} -j DROP\n`).join('');
      commands.run('restore', [], `*filter\n${rules}COMMIT\n`);
      expect(commands.run('save', []).match(/^-A INPUT/gm)).toHaveLength(addresses.length);
    } finally {
      commands.remove();
    }
  });
});
