// How many rules the kernel's verifier takes, with the time it may take on a slow machine.

import { expect, it } from 'vitest';
import { Commands } from '../harness/commands.ts';
import { withNamespaces } from '../harness/namespace.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const RULES = 2000;

/** Rules that share nothing that could be merged. */
function manyRules(count: number): string {
  const rules = Array.from({ length: count }, (_, i) => {
    const address = `${1 + (i % 200)}.${(i * 7) % 256}.${(i >> 3) % 256}.${i % 251}`;
    return `-A INPUT -s ${address} -p tcp -m tcp --dport ${1 + i} -j ${i % 3 === 0 ? 'ACCEPT' : 'DROP'}`;
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
