import { expect, test } from 'vitest';
import type { PacketRow } from '../../bench/classify-tables.ts';
import { forcedTable } from '../../bench/forced-tables.ts';

const row = (finish: string, traffic: string, loop: number, single: number): PacketRow => ({
  ...{ ruleset: 'acl', rules: 1_000, placement: 'xdp', finish, traffic, decided: 1 },
  ...{ loop: { ours: [loop], empty: [5] }, single: { ours: [single], empty: [20] } },
});

test('a finish is a line, with every traffic beside the other, above the empty program', () => {
  const table = forcedTable(
    [row('dense', 'uniform', 15, 30), row('dense', 'zipf', 10, 29), row('tuples', 'uniform', 45, 60)],
    ['uniform', 'zipf'],
  );
  expect(table.columns.map(({ title }) => title)).toEqual([
    ...['ruleset', 'rules', 'asked for'],
    ...['uniform, loop', 'uniform, single', 'zipf, loop', 'zipf, single'],
  ]);
  expect(table.rows).toEqual([
    ['acl', '1 000', 'dense', '10.0', '10.0', '5.00', '9.00'],
    ['acl', '1 000', 'tuples', '40.0', '40.0', '', ''],
  ]);
});
