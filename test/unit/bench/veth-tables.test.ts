import { expect, test } from 'vitest';
import { dropTables } from '../../bench/veth-tables.ts';

test('each is compared with the empty program of the same number of rules, round by round; a refusal is no number', () => {
  const [table] = dropTables([
    { rules: 100, subject: 'empty XDP_DROP', cpu: [50, 40, 60], rate: [4e6, 5e6, 3e6] },
    { rules: 100, subject: 'XDP_DROP that reads and counts', cpu: [60, 40, 45], rate: [4e6, 5e6, 3e6] },
    { rules: 100, subject: 'bpfilter, xdp, native XDP', cpu: [60, 44, 90], rate: [4e6, 5e6, 3e6] },
    { rules: 100, subject: 'iptables-legacy', cpu: [500], rate: [500_000] },
    { rules: 1000, subject: 'empty XDP_DROP', cpu: [100], rate: [4e6] },
    { rules: 1000, subject: 'iptables-legacy', cpu: [500], rate: [500_000] },
    { rules: 1000, subject: 'bpfilter, netfilter', refused: 'too many' },
  ]);
  expect(table!.title).toContain('1 to 3 samples');
  expect(table!.rows.map((row) => row.slice(2))).toEqual([
    ['50.0', '45.0–55.0', '1.00×', '1.00–1.00', '1.00×', '1.00×', '4 000'],
    ['45.0', '42.5–52.5', '1.00×', '0.88–1.10', '0.94×', '1.00×', '4 000'],
    // 1.2, 1.1 and 1.5 times; 52 of 45; of the floor 1, 1.1 and 2 times.
    ['60.0', '52.0–75.0', '1.20×', '1.15–1.35', '1.16×', '1.10×', '4 000'],
    ['500', '500–500', '10.0×', '10.0–10.0', '11.1×', '8.33×', '500'],
    ['100', '100–100', '1.00×', '1.00–1.00', '1.00×', '', '4 000'],
    ['500', '500–500', '5.00×', '5.00–5.00', '5.00×', '', '500'],
    ['refused'],
  ]);
  expect(table!.notes).toContain('1 000: bpfilter, netfilter: too many');
});

test('what native XDP takes is told by its parts', () => {
  const row = (subject: string, cpu: number) => ({ rules: 1000, subject, cpu: [cpu], rate: [1e6] });
  const [table] = dropTables([
    ...[row('empty XDP_DROP', 100), row('XDP_DROP that reads', 105), row('XDP_DROP that reads and counts', 108)],
    ...[row('bpfilter, xdp, native XDP, one packet', 112), row('bpfilter, xdp, native XDP', 130)],
  ]);
  expect(table!.notes!.at(-1)).toBe(
    '1 000: of what native XDP takes, quiet, 1 is the empty program, 0.05 for the first look at the frame, 0.03 for a counter, 0.04 for the rest of the program, 0.18 for tables and counters that are not in the nearest caches.',
  );
});
