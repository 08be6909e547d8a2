import { expect, test } from 'vitest';
import { commandTables } from '../../bench/commands-tables.ts';

test('each command is compared with the same of iptables-legacy; a refusal is no number and has its reason below', () => {
  const head = { ruleset: 'flows', rules: 100 } as const;
  const [table] = commandTables([
    { ...head, command: 'restore', subject: 'iptables-legacy', samples: [2, 4, 6] },
    { ...head, command: 'restore', subject: 'iptables-bpf', samples: [40] },
    { ...head, command: 'save', subject: 'iptables-bpf', samples: [40] },
    { ...head, rules: 1000, command: 'restore', subject: 'iptables-bpf', refused: 'too many rules' },
  ]);
  expect(table!.title).toBe('Commands, milliseconds');
  expect(table!.rows.map((row) => row.slice(4))).toEqual([
    ['4.00', '3.00 … 5.00', '3', '1.00×'],
    ['40.0', '40.0 … 40.0', '1', '10.0×'],
    ['40.0', '40.0 … 40.0', '1', ''],
    ['refused'],
  ]);
  expect(table!.notes).toEqual(['flows of 1 000: iptables-bpf: too many rules']);
});
