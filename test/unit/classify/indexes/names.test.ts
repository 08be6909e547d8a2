// Indexes of device names: the partition, the look-up and the generated code agree, for few entries and for many.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues } from '../../../../src/base/predicate.ts';
import type { NamePartition } from '../../../../src/classify/components.ts';
import { describeIndex } from '../../../../src/classify/indexes/describe.ts';
import { lookUpIndex } from '../../../../src/classify/indexes/look-up.ts';
import { buildNames } from '../../../../src/classify/indexes/names.ts';
import { TablePool } from '../../../../src/classify/tables.ts';
import { indexProgram, inMachine, nameBytes } from '../../../harness/index-program.ts';

type Entry = readonly [text: string, klass: number];

/** `eth+` for a prefix, as in rules. */
function namePartition(other: number, ...list: readonly Entry[]): NamePartition {
  const entries = [...new Map(list).entries()].map(([text, klass]) => {
    const prefix = text.endsWith('+');
    return { name: prefix ? text.slice(0, -1) : text, prefix, class: klass };
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : Number(b.prefix) - Number(a.prefix)));
  const all = [{ name: '', prefix: true, class: other }, ...entries.filter((e) => e.name !== '' || !e.prefix)];
  return { entries: all, classCount: all.reduce((most, each) => Math.max(most, each.class), 0) + 1 };
}

/** What the partition says of itself: the entry with this very name, else the longest prefix. */
function classOf({ entries }: NamePartition, name: string): number {
  const exact = entries.find((entry) => !entry.prefix && entry.name === name);
  const prefixes = entries.filter((entry) => entry.prefix && name.startsWith(entry.name));
  return (exact ?? prefixes.reduce((best, each) => (each.name.length > best.name.length ? each : best))).class;
}

function expectRight(partition: NamePartition, names: Iterable<string>): ReturnType<typeof buildNames> {
  const pool = new TablePool();
  const index = buildNames('inDevice', partition, pool);
  const tables = pool.finish();
  const run = inMachine(indexProgram(index, tables.length), tables);
  for (const name of names) {
    const wanted = classOf(partition, name);
    const found = lookUpIndex(index, { inDevice: name } as FieldValues, tables);
    if (found !== wanted) expect.fail(`${index.kind}: ${name} is of class ${wanted}, the look-up says ${found}`);
    const ran = run(nameBytes(name));
    if (ran !== wanted) expect.fail(`${index.kind}: ${name} is of class ${wanted}, the program says ${ran}`);
  }
  return index;
}

/** Names near an entry's. */
const near = (text: string): string[] => {
  const name = text.replace(/\+$/, '');
  return [name, `${name}0`, `${name}~`, name.slice(0, -1), `${name.slice(0, -1)}~`].map((each) => each.slice(0, 15));
};

const character = fc.constantFrom('a', 'b', 'e', 't', 'h', '0', '1', '.', '\xff');
const name = fc.oneof(
  fc.string({ unit: character, minLength: 1, maxLength: 15 }),
  fc.string({ unit: character, minLength: 1, maxLength: 3 }),
  fc.nat(99).map((i) => `eth${i}`),
);
const entry = fc.tuple(
  fc.tuple(name, fc.boolean()).map(([text, prefix]) => (prefix ? `${text}+` : text)),
  fc.nat(6),
);

describe('names', () => {
  it.each([
    [0, 'few'],
    [12, 'many'],
  ])('of any entries, from %i on (%s)', (minLength) => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength, maxLength: minLength * 3 + 5 }),
        fc.array(name, { maxLength: 10 }),
        fc.nat(6),
        (entries, more, other) => {
          const names = [...entries.flatMap(([text]) => near(text)), ...more, ''];
          expectRight(namePartition(other, ...entries), names);
        },
      ),
      { numRuns: 150, seed: 20 },
    );
  });

  it('compares a few, whole or up to the end of a prefix', () => {
    const partition = namePartition(0, ['eth+', 1], ['eth0', 2], ['wlan-very-long-', 3], ['eight-by+', 4]);
    const names = [
      'eth',
      'eth0',
      'eth01',
      'et',
      'wlan-very-long-',
      'wlan-very-long',
      'eight-by',
      'eight-by7',
      'eight-b',
      '',
    ];
    expect(expectRight(partition, names).kind).toBe('names');
  });

  it('forgets entries that say what the prefix around them says', () => {
    const partition = namePartition(5, ['eth+', 5], ['eth0', 5], ['eth1', 0], ['eth1.+', 5], ['wg+', 2], ['wg0', 2]);
    const index = buildNames('outDevice', partition, new TablePool());
    expect(index).toMatchObject({ kind: 'names', entries: [{ name: 'eth1' }, { name: 'wg' }] });
  });

  it('makes code of one size for hundreds and for thousands', () => {
    const partitionOf = (count: number) =>
      namePartition(
        0,
        ...Array.from({ length: count }, (_, i): Entry => [`veth${i.toString(36)}${i % 3 === 0 ? '+' : ''}`, i + 1]),
      );
    for (const count of [7, 300, 4000]) {
      const partition = partitionOf(count);
      const names = partition.entries.filter((_, i) => i % 17 === 1).flatMap((each) => near(each.name));
      const index = expectRight(partition, ['lo', 'veth', ...names]);
      expect(index.kind).toBe('wide');
      expect(describeIndex(index).loads).toBeLessThan(8);
      expect(indexProgram(index, 0).instructions.length).toBeLessThan(300);
    }
  });
});
