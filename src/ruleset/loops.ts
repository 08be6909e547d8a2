// Chains that reach themselves. The kernel refuses them only where a packet could get there: from a built-in chain on,
// along the rules up to the first one that ends every packet's walk (mark_source_chains, net/ipv4/netfilter/ip_tables.c).

import type { Chain, Rule, Table } from './model.ts';

const VERDICTS = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN']);

/** The rules that close a loop, with the chains they stand in. */
export function findLoops(table: Table): { readonly chain: string; readonly rule: Rule }[] {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]));
  const loops: { chain: string; rule: Rule }[] = [];
  const entered = new Set<string>();
  const left = new Set<string>();
  // Explicit stack: chains may be nested deeper than calls can be.
  const path: { chain: Chain; next: number }[] = [];
  const enter = (chain: Chain) => {
    entered.add(chain.name);
    path.push({ chain, next: 0 });
  };
  for (const builtin of table.chains) {
    if (builtin.policy === undefined || entered.has(builtin.name)) continue;
    enter(builtin);
    for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
      const rule = here.chain.rules[here.next++];
      if (rule === undefined || endsAll(rule)) {
        left.add(here.chain.name);
        path.pop();
        continue;
      }
      const { target } = rule;
      if (target.kind !== 'jump' && target.kind !== 'goto') continue;
      const next = chains.get(target.chain);
      if (next === undefined || left.has(next.name)) continue;
      if (entered.has(next.name)) loops.push({ chain: here.chain.name, rule });
      else enter(next);
    }
  }
  return loops;
}

/** Whether no packet gets past the rule: a verdict of the kernel's own without any condition. */
function endsAll(rule: Rule): boolean {
  const { source, destination, inInterface, outInterface, protocol, fragment, matches, target } = rule;
  const hasCondition = source ?? destination ?? inInterface ?? outInterface ?? protocol ?? fragment ?? matches[0];
  return target.kind === 'extension' && VERDICTS.has(target.extension) && hasCondition === undefined;
}
