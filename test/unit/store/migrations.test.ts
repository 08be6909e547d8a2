// Files that earlier versions wrote: every step is run from each version that came before.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, SCHEMA_VERSION } from '../../../src/store/migrations.ts';
import { Store } from '../../../src/store/store.ts';

let path: string;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'ipb-migrate-')), 'store.sqlite');
});

afterEach(() => {
  rmSync(dirname(path), { recursive: true, force: true });
});

/** A file of an earlier version, and its schema. */
function fileOf(version: number): Database.Database {
  const db = new Database(path);
  expect(migrate(db, version)).toBe(version);
  return db;
}

const schemaOf = (db: Database.Database) => db.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();

test.each(Array.from({ length: SCHEMA_VERSION }, (_, step) => [step]))('from version %i to the newest', (version) => {
  const old = fileOf(version);
  old.close();
  Store.open(path).close();
  const db = new Database(path);
  const found = schemaOf(db);
  expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
  db.close();
  const fresh = new Database(':memory:');
  migrate(fresh);
  expect(found).toEqual(schemaOf(fresh));
  fresh.close();
});

const OLD_SLOTS = [
  { kind: 'rule', chain: 'INPUT', index: 0, text: '-A INPUT', line: 3 },
  { kind: 'rule', chain: 'INPUT', index: 1, text: '-A INPUT', line: 4 },
  { kind: 'policy', chain: 'INPUT', line: 2 },
  { kind: 'rule', chain: 'web', index: 0, text: '-A web', line: 5 },
];

test('the generations of version 1 are there in the newest, as of IPv4, with their counters, and nothing is kept', () => {
  const db = fileOf(1);
  const manifest = { placement: 'xdp', slots: OLD_SLOTS, possibleCpus: 2, banks: [{ type: 'xdp', map: 'cnt_xdp' }] };
  const blob = (array: ArrayBufferView) => Buffer.from(array.buffer as ArrayBuffer);
  db.prepare("INSERT INTO meta (key, value) VALUES ('lastGeneration', '7')").run();
  db.prepare(
    `INSERT INTO generation (id, created, state, source_file, source_text, text, request, manifest, counter_base,
                             carry_from, carry_map)
     VALUES (7, '2026-01-01T00:00:00.000Z', 'prepared', 'rules', 'given', 'canonical', '{"placement":"xdp"}', ?, ?, 6, ?)`,
  ).run(JSON.stringify(manifest), blob(BigInt64Array.of(1n, -2n)), blob(Int32Array.of(3, -1)));
  db.close();
  const store = Store.open(path);
  try {
    expect(store.generation(7)).toEqual({
      ...{ id: 7, family: 'ipv4', created: '2026-01-01T00:00:00.000Z', state: 'prepared', sourceFile: 'rules' },
      request: { placement: 'xdp' },
      manifest: {
        placement: 'xdp',
        chains: [
          { name: 'INPUT', rules: 2, policy: true },
          { name: 'web', rules: 1, policy: false },
        ],
        used: 4,
      },
      counterMap: 7,
      slots: Int32Array.of(0, 1, 2, 3),
    });
    expect(store.counterMap(7)).toEqual({
      id: 7,
      family: 'ipv4',
      layout: { capacity: 4, possibleCpus: 2, banks: [{ type: 'xdp', map: 'cnt_xdp' }] },
      base: BigInt64Array.of(1n, -2n),
      carry: { from: 6, slots: Int32Array.of(3, -1) },
    });
    expect(store.text(7)).toBe('canonical');
    expect(store.nextGenerationId(7, [7])).toBe(8);
    expect(store.kept('ipv4')).toBeUndefined();
    expect(store.kept('ipv6')).toBeUndefined();
  } finally {
    store.close();
  }
});
