// Seeded faults in what makes drops certain before netfilter: each must be noticed beside iptables-legacy.

import type { Mutation } from './mutations.ts';

/** Faults by who has to notice them: see `early-scenarios.ts`. */
export const EARLY_MUTATIONS = {
  'early verdicts': [
    { file: 'src/codegen/xdp-early.ts', from: '  emitGuards(a, features, family, undecided, devices);\n', to: '' },
    { file: 'src/codegen/xdp-early.ts', from: "jump('le', R3, 1, enter)", to: "jump('lt', R3, 1, enter)" },
    { file: 'src/codegen/early-connection.ts', from: '[SYN, SYN | URG]) a', to: '[SYN, SYN | 1]) a' },
  ],
  'early verdicts of IPv6': [
    { file: 'src/codegen/xdp-early-ipv6.ts', from: "jump('le', R5, 1, not)", to: "jump('lt', R5, 1, not)" },
    { file: 'src/codegen/xdp-early-ipv6.ts', from: '= [133, 137];', to: '= [133, 134];' },
    { file: 'src/codegen/xdp-early-ipv6.ts', from: 'const SMALLEST_MTU = 1280;', to: 'const SMALLEST_MTU = 1500;' },
    {
      file: 'src/codegen/xdp-early-ipv6.ts',
      from: "  a.jump('ne', R1, 0, pass);\n  a.mov(R0, R2)",
      to: '  a.mov(R0, R2)',
    },
    {
      file: 'src/codegen/guards.ts',
      from: "a.load(4, R2, R3, WORDS.more + 4 * place).jump('ne', R1, R2, changed);",
      to: '',
    },
  ],
  'early verdicts beside NAT of IPv6': [
    { file: 'src/base/foreign-rules.ts', from: 'high: value + others', to: 'high: value' },
    { file: 'src/kernel/foreign-legacy.ts', from: 'inverted: 132 }', to: 'inverted: 131 }' },
    { file: 'src/codegen/foreign-words.ts', from: '  use.take(words.rules, 8);\n', to: '' },
    {
      file: 'src/engine/early-foreign.ts',
      from: "if (does === 'nothing') continue;",
      to: "if (does !== 'something') continue;",
    },
  ],
  'early verdicts beside NAT of nftables': [
    // The first: a table of iptables-legacy that is made stays.
    { file: 'src/codegen/foreign-words.ts', from: '    use.take(FOREIGN_WORDS.natList, 8);\n', to: '' },
    { file: 'src/codegen/foreign-words.ts', from: '    use.take(FOREIGN_WORDS.nftables, 4);\n', to: '' },
    { file: 'src/classify/early.ts', from: "keepAt(['NAT', 'PREROUTING'], []);", to: '' },
    { file: 'src/kernel/nft-sets.ts', from: ': before(next.low)', to: ': element.low' },
    {
      file: 'src/kernel/foreign-nft-rule.ts',
      from: 'return isOne === negated ? NEVER',
      to: 'return isOne !== negated ? NEVER',
    },
  ],
  'early verdicts beside raw and mangle': [
    { file: 'src/kernel/foreign-legacy.ts', from: "name !== 'nat' && !isPolicy", to: 'false' },
    { file: 'src/kernel/foreign-legacy.ts', from: 'if (!LOOKING.has(match.name))', to: "if (match.name === 'none')" },
    { file: 'src/engine/early-foreign.ts', from: "at !== 'NAT' && asked.some(", to: "at === 'NAT' && asked.some(" },
    { file: 'src/classify/early.ts', from: "keepAt(['FORWARD'], []);", to: '' },
    {
      file: 'src/kernel/foreign-nft-rule.ts',
      from: "this.around.counts ? this.end('something') : undefined",
      to: 'undefined',
    },
    { file: 'src/codegen/surroundings.ts', from: "if (hook !== 'PREROUTING') a.jump32('sge'", to: "a.jump32('slt'" },
  ],
  'strict early verdicts': [
    { file: 'src/classify/early-strict.ts', from: 'if (isNew !== isInvalid) made', to: 'if (isNew && isInvalid) made' },
    { file: 'src/codegen/early-connection.ts', from: 'strict ? UNVERIFIED : NEW', to: 'NEW' },
    { file: 'src/codegen/xdp-early.ts', from: '  if (strict) emitWhole(a, features, undecided);\n', to: '' },
    {
      file: 'src/engine/early-sync.ts',
      from: "choice === 'strict' ? countingChain(",
      to: "choice !== 'strict' ? countingChain(",
    },
  ],
  'programs and tables that are used again': [
    {
      file: 'src/engine/loaded.ts',
      from: 'spare.programs.every((each, i) => isSame(each, image.programs[i]!))',
      to: 'true',
    },
    {
      file: 'src/engine/loaded.ts',
      from: 'if (a[key as keyof object] !== b[key as keyof object]) return false;',
      to: '',
    },
    {
      file: 'src/engine/loaded.ts',
      from: 'spare.inForce.counterMap === counters.from &&',
      to: '',
    },
    {
      file: 'src/engine/loaded.ts',
      from: 'if (map !== undefined && isRewritable(definition)) this',
      to: "if (map !== undefined && definition.name === 'tables_xdp') this",
    },
    {
      file: 'src/engine/loaded.ts',
      from: 'if (map !== undefined && isRewritable(definition)) this',
      to: "if (map !== undefined && definition.name === 'tables') this",
    },
    { file: 'src/engine/enforcer.ts', from: 'if (isSpare) this.loaded[family].refill(loaded, image);', to: '' },
    { file: 'src/classify/cache.ts', from: ' && areAlike(each.list, list);', to: ';' },
    { file: 'src/classify/cache.ts', from: 'areEqual(a.slots, b.slots) && ', to: '' },
    { file: 'src/classify/cache.ts', from: ' && areEqual(a.then, b.then)', to: '' },
  ],
} as const satisfies Readonly<Record<string, readonly Mutation[]>>;
