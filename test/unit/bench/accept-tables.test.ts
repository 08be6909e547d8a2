import { expect, test } from 'vitest';
import { acceptTables } from '../../bench/accept-tables.ts';

test('rates are compared with those of no firewall at the same number of rules', () => {
  const [table] = acceptTables([
    { rules: 10, subject: 'no firewall', bulk: [1e9, 2e9, 3e9], rounds: [1_000] },
    { rules: 10, subject: 'us', bulk: [1e9], rounds: [900] },
    { rules: 20, subject: 'us', bulk: [1e9], rounds: [900] },
    { rules: 20, subject: 'them', refused: 'no' },
  ]);
  expect(table!.rows.map((row) => row.slice(2))).toEqual([
    ['16.0', '1.00×', '1 000', '1.00×'],
    ['8.00', '0.50×', '900', '0.90×'],
    ['8.00', '', '900', ''],
    ['refused'],
  ]);
  expect(table!.notes!.at(-1)).toBe('20: them: no');
});
