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

test('the generations of version 1 are there in the newest, and nothing is kept', () => {
  const db = fileOf(1);
  db.prepare("INSERT INTO meta (key, value) VALUES ('lastGeneration', '7')").run();
  db.prepare(
    `INSERT INTO generation (id, created, state, source_file, source_text, text, request, manifest, counter_base)
     VALUES (7, '2026-01-01T00:00:00.000Z', 'prepared', 'rules', 'given', 'canonical', '{"placement":"xdp"}', '{}', x'')`,
  ).run();
  db.close();
  const store = Store.open(path);
  try {
    expect(store.generation(7)).toMatchObject({ text: 'canonical', request: { placement: 'xdp' }, counterBase: [] });
    expect(store.nextGenerationId(7)).toBe(8);
    expect(store.kept('ipv4')).toBeUndefined();
    expect(store.kept('ipv6')).toBeUndefined();
  } finally {
    store.close();
  }
});
