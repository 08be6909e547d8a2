// An IPv6 ruleset as the program that the classifier makes of it, behind a prologue of the bench: no hook takes IPv6 yet.
//
// The decision list is made straight from the rules. The prologue reads what it needs for that and checks no more than
// that there is an IPv6 header; it stands in for the one that a hook would have.

import type { Features } from '../../src/base/features.ts';
import type { Field, Literal, NumericField, WideField } from '../../src/base/predicate.ts';
import { Assembler, type Label } from '../../src/bpf/assembler.ts';
import { R1, R2, R3, R4, R6, R8 } from '../../src/bpf/instruction.ts';
import type { Classification } from '../../src/classify/classification.ts';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import { type Condition, type DecisionList, END } from '../../src/classify/decision-list.ts';
import { emitCounterArea, emitVerdict } from '../../src/codegen/actions.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { closeSlots, copyWide, storeField } from '../../src/codegen/key.ts';
import { areaSize } from '../../src/codegen/manifest.ts';
import { emitSegments, fieldsOf, segmentOrder } from '../../src/codegen/segments.ts';
import { directAccess, TABLE_MAP } from '../../src/codegen/table-access.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import type { SlotOwner } from '../../src/graph/graph.ts';
import type { Prefix6, Ruleset6 } from './ipv6-rulesets.ts';
import type { PortRange } from './rule-shape.ts';

/** Rule by rule, then the policy. */
export function decisionsOf({ rules, policy }: Ruleset6): DecisionList {
  const conditions = new Conditions();
  const endOf = (verdict: 'ACCEPT' | 'DROP'): number => (verdict === 'ACCEPT' ? END.accept : END.drop);
  const then = Int32Array.from([...rules.map(({ verdict }) => endOf(verdict)), endOf(policy)]);
  return {
    length: rules.length + 1,
    conditions: [
      ...rules.map(({ source, destination, protocol, sport, dport }) =>
        [
          conditions.address('src6', source),
          conditions.address('dst6', destination),
          conditions.numbers('protocol', protocol === undefined ? undefined : { low: protocol, high: protocol }),
          conditions.numbers('sport', sport.low === 0 && sport.high === 0xffff ? undefined : sport),
          conditions.numbers('dport', dport.low === 0 && dport.high === 0xffff ? undefined : dport),
        ]
          .filter((each) => each !== undefined)
          .sort((a, b) => a.id - b.id),
      ),
      [],
    ],
    slots: Int32Array.from({ length: rules.length + 1 }, (_, slot) => slot),
    then,
  };
}

/** Equal conditions are one object. */
class Conditions {
  private readonly known = new Map<string, Condition>();

  address(field: WideField, { value, length }: Prefix6): Condition | undefined {
    if (length === 0) return undefined;
    const high = value | ((1n << BigInt(128 - length)) - 1n);
    return this.make(field, `${value.toString(36)}/${length}`, () => ({
      literal: { kind: 'wide', field, set: [{ low: value, high }] },
    }));
  }

  numbers(field: NumericField, range: PortRange | undefined): Condition | undefined {
    if (range === undefined) return undefined;
    const set = [range];
    return this.make(field, `${range.low}-${range.high}`, () => ({ literal: { kind: 'in', field, set }, set }));
  }

  private make(
    field: Field,
    text: string,
    content: () => { readonly literal: Literal['predicate'] } & Pick<Condition, 'set'>,
  ): Condition {
    const key = `${field} ${text}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const { literal, ...set } = content();
    const made = { id: this.known.size + 1, field, literals: [{ predicate: literal, negated: false }], ...set };
    this.known.set(key, made);
    return made;
  }
}

export interface Compiled6 {
  readonly classification: Classification;
  readonly image: Image;
}

const COUNTERS = 'cnt_xdp';

/** Classifies and emits; `options` are the classifier's. */
export function compile6(
  ruleset: Ruleset6,
  features: Features,
  options: Parameters<typeof classifyLists>[1] = {},
): Compiled6 {
  const list = decisionsOf(ruleset);
  const classification = classifyLists({ FORWARD: { segments: [{ list, exits: {} }], entry: 0 } }, options);
  const capacity = list.length;
  const { possibleCpus } = features;
  const counters = { name: COUNTERS, valueSize: areaSize(capacity) * possibleCpus, mmapable: true };
  const { tables } = classification;
  const maps = [
    { type: 'array', maxEntries: 1, ...counters } as const,
    ...(tables.length === 0
      ? []
      : [
          {
            ...({ name: TABLE_MAP, type: 'array', valueSize: tables.length, maxEntries: 1 } as const),
            ...{ mmapable: false, readOnly: true, contents: tables },
          },
        ]),
  ];
  return {
    classification,
    image: {
      programs: [{ point: 'XDP', program: { name: 'ipv6', type: 'xdp', ...emit(classification, capacity, features) } }],
      maps,
      manifest: {
        ...{ placement: 'xdp', capacity, possibleCpus, heads: true, banks: [{ type: 'xdp', map: COUNTERS }] },
        ...{ tests: 0, lists: classification.lists.length },
      },
    },
  };
}

function emit(classification: Classification, capacity: number, { possibleCpus }: Features) {
  const a = new Assembler();
  const mark = (): void => {
    a.from({ file: 'bench', line: 1, column: 1, text: 'ipv6' });
  };
  const order = segmentOrder(classification, [classification.entries.FORWARD!]);
  const labels = new Map(order.map((number) => [number, a.label(`segment ${number}`)]));
  const pass = a.label('not IPv6');
  mark();
  a.mov(R6, R1);
  emitCounterArea(a, COUNTERS, possibleCpus, capacity);
  emitPrologue(a, fieldsOf(classification, order), pass);
  emitSegments(a, order, labels, a.label('undecided'), {
    ...{
      classification,
      abi: XDP_ABI,
      undecidedSlot: capacity,
      access: directAccess(classification.tables.length),
      mark,
    },
  });
  a.bind(pass);
  emitVerdict(a, XDP_ABI, 'accept');
  return a.finish();
}

const ETHERNET = 14;
const HEADER = 40;
const PORTS = 4;
/** ETH_P_IPV6 as a little-endian load of the two bytes reads it. */
const ETHERTYPE_IPV6 = 0xdd86;

/** Fills the fields asked for into the key, and R8 with the packet's bytes. */
function emitPrologue(a: Assembler, fields: ReadonlySet<Field>, pass: Label): void {
  a.load(4, R2, R6, 0).load(4, R3, R6, 4);
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + HEADER + PORTS)
    .jump('gt', R1, R3, pass);
  a.load(2, R1, R2, 12).jump('ne', R1, ETHERTYPE_IPV6, pass);
  a.mov(R4, R2);
  if (fields.has('src6')) copyWide(a, 'src6', ETHERNET + 8);
  if (fields.has('dst6')) copyWide(a, 'dst6', ETHERNET + 24);
  a.load(2, R8, R2, ETHERNET + 4)
    .bigEndian(R8, 16)
    .alu('add', R8, HEADER);
  if (fields.has('protocol')) {
    a.load(1, R1, R2, ETHERNET + 6);
    storeField(a, 'protocol', R1);
  }
  for (const [field, offset] of [
    ['sport', 0],
    ['dport', 2],
  ] as const) {
    if (!fields.has(field)) continue;
    a.load(2, R1, R2, ETHERNET + HEADER + offset).bigEndian(R1, 16);
    storeField(a, field, R1);
  }
  closeSlots(a, fields);
}

/** Whose the counters are. */
export function owners6({ rules }: Ruleset6): SlotOwner[] {
  const chain = 'FORWARD';
  return [
    ...rules.map((_, index): SlotOwner => ({ kind: 'rule', chain, index, text: '', line: 1 })),
    { kind: 'policy', chain, line: 1 },
  ];
}
