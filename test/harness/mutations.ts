// Seeded faults: each is one wrong piece of text in place of a right one, and each must be noticed by the oracles.

export interface Mutation {
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** Who has to notice it, if not the compiler's oracle: that of flow caches. */
  readonly oracle?: 'flows';
}

export const MUTATIONS: readonly Mutation[] = [
  // src/extensions: what a match means
  {
    file: 'src/extensions/tcp.ts',
    from: "field: 'fragment', set: interval(1)",
    to: "field: 'fragment', set: interval(2)",
  },
  {
    file: 'src/extensions/tcp.ts',
    from: "field: 'fragment', set: interval(0)",
    to: "field: 'fragment', set: interval(0, 9999)",
  },
  { file: 'src/extensions/tcp.ts', from: 'const HEADER = 20;', to: 'const HEADER = 19;' },
  {
    file: 'src/extensions/tcp.ts',
    from: 'mask, value: set }, negated });',
    to: 'mask, value: set }, negated: false });',
  },
  { file: 'src/extensions/udp.ts', from: 'const HEADER = 8;', to: 'const HEADER = 9;' },
  { file: 'src/extensions/udp.ts', from: "kind: 'dropIf',", to: "kind: 'require'," },
  { file: 'src/extensions/icmp.ts', from: 'const HEADER = 8;', to: 'const HEADER = 4;' },
  { file: 'src/extensions/icmp.ts', from: '[type * 256, type * 256 + 255]', to: '[type * 256, type * 256]' },
  {
    file: 'src/extensions/ports.ts',
    from: '? interval(port.low, port.high) :',
    to: '? interval(port.low, port.high - 1) :',
  },
  {
    file: 'src/extensions/ports.ts',
    from: "predicate: { kind: 'in', field, set }, negated: port.negated",
    to: "predicate: { kind: 'in', field, set }, negated: false",
  },
  { file: 'src/extensions/ports.ts', from: "portClause('sport', data.source,", to: "portClause('dport', data.source," },
  {
    file: 'src/extensions/state/connection-clauses.ts',
    from: 'if (!isTracked) return state !== undefined;',
    to: 'if (!isTracked) return false;',
  },
  // src/graph: how rules follow one another
  { file: 'src/graph/build.ts', from: '      return end;\n', to: '      return next;\n' },
  { file: 'src/graph/chains.ts', from: '(value | ~mask) >>> 0', to: '(value | (~mask & 0xffff)) >>> 0' },
  {
    file: 'src/graph/build.ts',
    from: 'builder.makeMatch(clause, builder.makeDrop(), node, slot)',
    to: 'builder.makeMatch(clause, no, node, slot)',
  },
  {
    file: 'src/graph/build.ts',
    from: "makeCount(policySlot, policy === 'drop' ?",
    to: "makeCount(policySlot, policy !== 'drop' ?",
  },
  {
    file: 'src/graph/build.ts',
    from: 'return builder.makeCall(target.chain, next);',
    to: 'return builder.makeCall(target.chain, end);',
  },
  // src/passes: what an optimization believes
  {
    file: 'src/passes/implied.ts',
    from: 'if (isSubset(known.set, asked.set)) return true;',
    to: 'if (intersect(known.set, asked.set).length > 0) return true;',
  },
  {
    file: 'src/passes/implied.ts',
    from: 'return isSubset(asked.set, known.set) ? false : undefined;',
    to: 'return false;',
  },
  {
    file: 'src/passes/implied.ts',
    from: 'if (asked.field !== known.field) return undefined;',
    to: 'if (asked.kind !== known.kind) return undefined;',
  },
  { file: 'src/passes/merge-tests.ts', from: 'if (shared !== other) continue;', to: '' },
  {
    file: 'src/passes/merge-tests.ts',
    from: 'const no = skip(builder, mapped(node.no), predicate, false);',
    to: 'const no = skip(builder, mapped(node.no), predicate, true);',
  },
  { file: 'src/passes/merge-tests.ts', from: 'id = next ? node.yes : node.no;', to: 'id = next ? node.no : node.yes;' },
  // src/classify
  {
    file: 'src/classify/linear.ts',
    from: 'counters.push(node.slot);',
    to: 'if (!counters.length) counters.push(node.slot);',
  },
  {
    file: 'src/classify/linear.ts',
    from: 'yes: edge(node.yes), no: edge(node.no)',
    to: 'yes: edge(node.no), no: edge(node.yes)',
  },
  // src/codegen: what the programs do
  { file: 'src/codegen/tests.ts', from: "jump32('le', R2, high - low, yes)", to: "jump32('lt', R2, high - low, yes)" },
  {
    file: 'src/codegen/tests.ts',
    from: "a.jump32('ge', value, set[middle]!.low, upper);",
    to: "a.jump32('gt', value, set[middle]!.low, upper);",
  },
  { file: 'src/base/device-name.ts', from: '(prefix ? 0 : 1)', to: '0' },
  {
    file: 'src/codegen/tests.ts',
    from: "alu32('and', R1, predicate.mask).jump32('eq'",
    to: "alu32('or', R1, predicate.mask).jump32('eq'",
  },
  {
    file: 'src/codegen/actions.ts',
    from: '.atomicAdd(8, counter, HEAD_SIZE + 8, R8);',
    to: '.atomicAdd(8, counter, HEAD_SIZE + 8, R2);',
  },
  {
    file: 'src/codegen/actions.ts',
    from: "a.load(8, R2, counter, offset).alu('add', R2, 1)",
    to: "a.load(8, R2, counter, offset).alu('add', R2, 2)",
  },
  {
    file: 'src/codegen/actions.ts',
    from: "alu('add', R1, slot * SLOT_SIZE)",
    to: "alu('add', R1, (slot & ~1) * SLOT_SIZE)",
  },
  { file: 'src/codegen/netfilter.ts', from: 'FRAGMENT_OFFSET = 0x1fff', to: 'FRAGMENT_OFFSET = 0x3fff' },
  { file: 'src/codegen/transport-fields.ts', from: 'const FLAGS_OFFSET = 13;', to: 'const FLAGS_OFFSET = 12;' },
  {
    file: 'src/codegen/netfilter.ts',
    from: "a.load(1, R9, R0, 0).alu('and', R9, 15).alu('lsh', R9, 2);",
    to: 'a.mov(R9, 20);',
  },
  { file: 'src/codegen/xdp.ts', from: 'a.load(2, R8, R2, 2).bigEndian(R8, 16);', to: 'a.mov(R8, R5);' },
  {
    file: 'src/codegen/linear.ts',
    from: 'for (const slot of counters) {',
    to: 'for (const slot of counters.slice(1)) {',
  },
  { file: 'src/codegen/connection.ts', from: 'const UNTRACKED = 7;', to: 'const UNTRACKED = 6;' },
  {
    file: 'src/codegen/connection.ts',
    from: ".alu('and', R2, INFO_MASK).alu('lsh', R2, 2);",
    to: ".alu('and', R2, INFO_MASK).alu('lsh', R2, 3);",
  },
  // src/classify: classes, combinations, outcomes
  { file: 'src/classify/sweep.ts', from: 'leaving]!]! < at) active', to: 'leaving]!]! <= at) active' },
  {
    file: 'src/classify/number-sets.ts',
    from: 'this.hashes[found - 1] === hash && this.equals(found - 1, elements, length)',
    to: 'this.offsets[found]! - this.offsets[found - 1]! === length',
  },
  { file: 'src/classify/prune.ts', from: 'asked[i] !== 1 ||', to: '' },
  { file: 'src/classify/reach.ts', from: 'if (goal >= 0 || furthest > i) continue;', to: 'if (goal >= 0) continue;' },
  { file: 'src/classify/chain-parts.ts', from: '    this.ended.forget(returns[0]!);\n', to: '' },
  { file: 'src/classify/split-list.ts', from: 'codes.set(goal, END[name]);', to: 'codes.set(goal, END.call);' },
  { file: 'src/classify/rule-decisions.ts', from: "region === 'odd' && shape", to: "region === 'main' && shape" },
  { file: 'src/classify/finishes/cell-outcomes.ts', from: 'resume = goal;', to: 'resume = decision;' },
  {
    file: 'src/classify/finishes/dense.ts',
    from: "kind: 'cross', rows, columns, cells",
    to: "kind: 'cross', rows: columns, columns: rows, cells",
  },
  { file: 'src/classify/finishes/dense.ts', from: '+= from - LATE;', to: '+= from + 1 - LATE;' },
  { file: 'src/classify/finishes/tuples-layers.ts', from: 'usedLow |= low[each]!;', to: 'usedLow = low[each]!;' },
  // src/codegen: tables
  {
    file: 'src/codegen/table-segment.ts',
    from: 'multiply(a, R1, columnCount);',
    to: 'multiply(a, R1, columnCount - 1);',
  },
  {
    file: 'src/codegen/finishes/exact-hash.ts',
    from: "if (isLast) a.jump('ne', R1, key[0]!, miss);",
    to: "if (isLast) a.jump('eq', R1, 0, miss);",
  },
  {
    file: 'src/codegen/finishes/tuples.ts',
    from: "jump('sgt', scratch, 0, later)",
    to: "jump('sle', scratch, 0, later)",
  },
  { file: 'src/codegen/finishes/masks.ts', from: "a.alu('or', R4, number + 1);", to: "a.alu('or', R4, 1);" },
  {
    file: 'src/codegen/outcomes.ts',
    from: "a.jump('eq', R9, END_CODES[exit], context",
    to: "a.jump('eq', R9, END_CODES.next, context",
  },
  // src/codegen/flow-cache.ts: what is known of packets that came before
  {
    file: 'src/codegen/flow-cache.ts',
    from: 'used += widthOf(field);',
    to: 'used += widthOf(field) >> 1;',
    oracle: 'flows',
  },
  {
    file: 'src/codegen/flow-cache.ts',
    from: 'for (const offset of [0, 8] as const) words',
    to: 'for (const offset of [0, 0] as const) words',
    oracle: 'flows',
  },
  {
    file: 'src/codegen/flow-cache.ts',
    from: "result.kind !== 'tuples' || result.late !== undefined",
    to: "result.kind !== 'tuples'",
    oracle: 'flows',
  },
  { file: 'src/codegen/flow-cache.ts', from: 'if (isUsed(result.goingOn)) return false;', to: '', oracle: 'flows' },
  {
    file: 'src/codegen/flow-cache.ts',
    from: '.load(4, R9, R3, 8 * key.length)',
    to: '.load(4, R9, R3, 8 * key.length + 4)',
    oracle: 'flows',
  },
  {
    file: 'src/codegen/flow-cache.ts',
    from: "a.load(4, R0, R3, 8 * key.length + 4).alu('xor', R0, number + 1);",
    to: 'a.mov(R0, 0);',
    oracle: 'flows',
  },
  ...['-1', '0, 1'].map((words) => ({
    file: 'src/codegen/flow-cache.ts',
    from: 'for (const word of key.keys()) {\n    loadVariable(a, R1, scratch + 1 + word);\n    a.load(',
    to: `for (const word of [...key.keys()].slice(${words})) {\n    loadVariable(a, R1, scratch + 1 + word);\n    a.load(`,
    oracle: 'flows' as const,
  })),
];
