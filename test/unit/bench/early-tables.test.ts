import { expect, test } from 'vitest';
import { type EarlyRow, partsTable, wireTable } from '../../bench/early-tables.ts';

const MEDIANS = {
  'dropped, placement xdp': 14,
  'dropped, early': 18,
  'dropped, netfilter': 16,
  'accepted, early': 10,
  'accepted, netfilter': 15,
};
const MEDIANS_STATEFUL = {
  'dropped, early': 120,
  'accepted, early': 11,
  'of a connection, early': 131,
  'of a connection, netfilter': 22,
};

function rowsOf(medians: Readonly<Record<string, number>>, stateful: boolean): EarlyRow[] {
  return Object.entries(medians).map(([name, median]) => {
    const [packet, subject] = name.split(', ') as [string, string];
    return { stateful, packet, subject, above: [median - 1, median, median + 1], verdict: 'drop' };
  });
}

test('parts are differences of medians, and none is less than nothing', () => {
  const rows = [...rowsOf(MEDIANS, false), ...rowsOf(MEDIANS_STATEFUL, true)];
  expect(partsTable(rows).rows.map(([, cost]) => cost)).toEqual(['4.00', '102', '120', '10.0', '16.0', '15.0', '22.0']);
  const faster = rowsOf({ ...MEDIANS, 'dropped, early': 13 }, false);
  expect(partsTable([...faster, ...rowsOf(MEDIANS_STATEFUL, true)]).rows[0]![1]).toBe('0.00');
  expect(() => partsTable(rows.slice(1))).toThrow('no row of placement xdp, dropped');
});

test('on a wire, each is compared with iptables-legacy of the same rules and packets', () => {
  const { title, rows } = wireTable([
    { stateful: false, packet: 'dropped', subject: 'nft', cpu: [900, 1000, 1100] },
    { stateful: false, packet: 'dropped', subject: 'iptables-legacy', cpu: [500] },
    { stateful: true, packet: 'dropped', subject: 'nft', cpu: [900] },
  ]);
  expect(title).toContain('3 samples');
  expect(rows).toEqual([
    ['without state', 'dropped', 'nft', '1 000', '900', '2.00×'],
    ['without state', 'dropped', 'iptables-legacy', '500', '500', '1.00×'],
    ['with connection state', 'dropped', 'nft', '900', '900', ''],
  ]);
});
