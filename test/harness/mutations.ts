// Seeded faults: each is one wrong piece of text in place of a right one, and each must be noticed by the oracles.

export interface Mutation {
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
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
  { file: 'src/extensions/ports.ts', from: "portClause('sport', data.source)", to: "portClause('dport', data.source)" },
  // src/graph: how rules follow one another
  { file: 'src/graph/build.ts', from: '          return end;', to: '          return next;' },
  { file: 'src/graph/build.ts', from: '(value | ~mask) >>> 0', to: '(value | (~mask & 0xffff)) >>> 0' },
  {
    file: 'src/graph/build.ts',
    from: 'builder.makeMatch(clause, builder.makeDrop(), node, slot)',
    to: 'builder.makeMatch(clause, no, node, slot)',
  },
  {
    file: 'src/graph/build.ts',
    from: "builder.makeCount(slot, chain.policy === 'DROP' ?",
    to: "builder.makeCount(slot, chain.policy !== 'DROP' ?",
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
    from: "a.jump32('ge', R1, set[middle]!.low, upper);",
    to: "a.jump32('gt', R1, set[middle]!.low, upper);",
  },
  { file: 'src/codegen/tests.ts', from: '(prefix ? 0 : 1)', to: '0' },
  { file: 'src/codegen/tests.ts', from: "alu32('and', R1, predicate.mask)", to: "alu32('or', R1, predicate.mask)" },
  { file: 'src/codegen/actions.ts', from: '.atomicAdd(8, R1, 8, R8);', to: '.atomicAdd(8, R1, 8, R2);' },
  {
    file: 'src/codegen/actions.ts',
    from: "a.load(8, R2, R1, 0).alu('add', R2, 1)",
    to: "a.load(8, R2, R1, 0).alu('add', R2, 2)",
  },
  {
    file: 'src/codegen/actions.ts',
    from: "alu('add', R1, slot * SLOT_SIZE)",
    to: "alu('add', R1, (slot & ~1) * SLOT_SIZE)",
  },
  { file: 'src/codegen/netfilter.ts', from: "alu('and', R2, 0x1fff)", to: "alu('and', R2, 0x3fff)" },
  { file: 'src/codegen/netfilter.ts', from: 'const TRANSPORT_HEADER = 14;', to: 'const TRANSPORT_HEADER = 13;' },
  {
    file: 'src/codegen/netfilter.ts',
    from: "a.load(1, R9, R0, 0).alu('and', R9, 15).alu('lsh', R9, 2);",
    to: 'a.mov(R9, 20);',
  },
  { file: 'src/codegen/netfilter.ts', from: 'a.load(2, R1, R0, 2).bigEndian(R1, 16);', to: 'a.load(2, R1, R0, 2);' },
  { file: 'src/codegen/xdp.ts', from: 'a.load(2, R8, R2, 2).bigEndian(R8, 16);', to: 'a.mov(R8, R5);' },
  { file: 'src/codegen/xdp.ts', from: "a.jump('eq', R1, 0, entries.input);", to: 'a.goto(entries.input);' },
  {
    file: 'src/codegen/xdp.ts',
    from: 'a.load(1, R1, R2, 13);\n  storeField',
    to: 'a.load(1, R1, R2, 12);\n  storeField',
  },
  {
    file: 'src/codegen/linear.ts',
    from: 'for (const slot of list.counters) {',
    to: 'for (const slot of list.counters.slice(1)) {',
  },
];
