// The schema, as the steps that led to it. A step is never edited once released; a change is a new step.
//
// `PRAGMA user_version` holds the number of steps that were run. They run in one immediate transaction, so of two
// processes that open a new file at once one migrates and the other waits and finds the work done.

import type Database from 'better-sqlite3';
import { encodeSlots } from './blobs.ts';

/** SQL, or what SQL cannot say. */
type Step = string | ((db: Database.Database) => void);

const MIGRATIONS: readonly Step[] = [
  `
  CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE generation (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    created      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('prepared', 'retired')),
    source_file  TEXT NOT NULL,
    source_text  TEXT NOT NULL,
    text         TEXT NOT NULL,
    request      TEXT NOT NULL,
    manifest     TEXT NOT NULL,
    counter_base BLOB NOT NULL,
    carry_from   INTEGER,
    carry_map    BLOB,
    CHECK ((carry_from IS NULL) = (carry_map IS NULL))
  ) STRICT;
  `,
  `
  CREATE TABLE kept (
    family      TEXT NOT NULL PRIMARY KEY CHECK (family IN ('ipv4', 'ipv6')),
    changed     TEXT NOT NULL,
    source_file TEXT NOT NULL,
    text        TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  countersApart,
  // Until then only rules of IPv4 could be enforced. The tables are made anew: what grows stands last in a row.
  `
  CREATE TABLE new_generation (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    family       TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
    created      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('prepared', 'retired')),
    source_file  TEXT NOT NULL,
    request      TEXT NOT NULL,
    counter_map  INTEGER NOT NULL,
    manifest     TEXT NOT NULL,
    slots        BLOB NOT NULL,
    text         TEXT NOT NULL
  ) STRICT;
  INSERT INTO new_generation
    SELECT id, 'ipv4', created, state, source_file, request, counter_map, manifest, slots, text FROM generation;
  DROP TABLE generation;
  ALTER TABLE new_generation RENAME TO generation;

  CREATE TABLE new_counter_map (
    id           INTEGER NOT NULL PRIMARY KEY,
    family       TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
    layout       TEXT NOT NULL,
    counter_base BLOB NOT NULL,
    carry_from   INTEGER,
    carry_map    BLOB,
    CHECK ((carry_from IS NULL) = (carry_map IS NULL))
  ) STRICT;
  INSERT INTO new_counter_map
    SELECT id, 'ipv4', layout, counter_base, carry_from, carry_map FROM counter_map;
  DROP TABLE counter_map;
  ALTER TABLE new_counter_map RENAME TO counter_map;
  `,
  // What grows with a ruleset has a table of its own: SQLite writes a row whole, and a generation that is retired changes
  // one word. Of a counter base that ends in zeros, and most are nothing else, only the number of slots is written.
  `
  CREATE TABLE ruleset (
    generation INTEGER NOT NULL PRIMARY KEY,
    slots      BLOB NOT NULL,
    text       TEXT NOT NULL
  ) STRICT;
  INSERT INTO ruleset SELECT id, slots, text FROM generation;
  ALTER TABLE generation DROP COLUMN slots;
  ALTER TABLE generation DROP COLUMN text;

  CREATE TABLE new_counter_map (
    id           INTEGER NOT NULL PRIMARY KEY,
    family       TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
    layout       TEXT NOT NULL,
    slots        INTEGER NOT NULL,
    carry_from   INTEGER,
    carry_map    BLOB,
    counter_base BLOB NOT NULL,
    CHECK ((carry_from IS NULL) = (carry_map IS NULL))
  ) STRICT;
  INSERT INTO new_counter_map
    SELECT id, family, layout, length(counter_base) / 16, carry_from, carry_map, counter_base FROM counter_map;
  DROP TABLE counter_map;
  ALTER TABLE new_counter_map RENAME TO counter_map;
  `,
  // A text may be what differs from another's: the lines between the first `front` of that and its last `back`.
  `
  CREATE TABLE new_ruleset (
    generation INTEGER NOT NULL PRIMARY KEY,
    base       INTEGER,
    front      INTEGER,
    back       INTEGER,
    slots      BLOB NOT NULL,
    text       TEXT NOT NULL,
    CHECK ((base IS NULL) = (front IS NULL) AND (base IS NULL) = (back IS NULL))
  ) STRICT;
  INSERT INTO new_ruleset SELECT generation, NULL, NULL, NULL, slots, text FROM ruleset;
  DROP TABLE ruleset;
  ALTER TABLE new_ruleset RENAME TO ruleset;
  `,
];

/**
 * Counters belong to a map that several generations share; a generation says which slots of it are its rules'. The text
 * that a ruleset was made from is not kept beside what was made of it. What grows with the ruleset stands last in a row:
 * whoever reads a column reads all in front of it.
 */
function countersApart(db: Database.Database): void {
  db.exec(`
  CREATE TABLE counter_map (
    id           INTEGER NOT NULL PRIMARY KEY,
    layout       TEXT NOT NULL,
    counter_base BLOB NOT NULL,
    carry_from   INTEGER,
    carry_map    BLOB,
    CHECK ((carry_from IS NULL) = (carry_map IS NULL))
  ) STRICT;

  CREATE TABLE new_generation (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    created      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('prepared', 'retired')),
    source_file  TEXT NOT NULL,
    request      TEXT NOT NULL,
    counter_map  INTEGER NOT NULL,
    manifest     TEXT NOT NULL,
    slots        BLOB NOT NULL,
    text         TEXT NOT NULL
  ) STRICT;

  INSERT INTO counter_map SELECT id, '{}', counter_base, carry_from, carry_map FROM generation;
  `);
  const insert = db.prepare(
    `INSERT INTO new_generation
     SELECT id, created, state, source_file, request, id, ?, ?, text FROM generation WHERE id = ?`,
  );
  const layout = db.prepare('UPDATE counter_map SET layout = ? WHERE id = ?');
  const rows = db.prepare<[], { id: number; manifest: string }>('SELECT id, manifest FROM generation').all();
  for (const { id, manifest } of rows) {
    const { slots = [], possibleCpus, banks, ...rest } = JSON.parse(manifest) as OldManifest;
    const chains: { name: string; rules: number; policy: boolean }[] = [];
    for (const { kind, chain } of slots) {
      if (chains.at(-1)?.name !== chain) chains.push({ name: chain, rules: 0, policy: false });
      if (kind === 'rule') chains.at(-1)!.rules++;
      else chains.at(-1)!.policy = true;
    }
    const used = slots.length;
    insert.run(JSON.stringify({ ...rest, chains, used }), encodeSlots(Int32Array.from(slots.keys())), id);
    layout.run(JSON.stringify({ capacity: used, possibleCpus, banks }), id);
  }
  db.exec('DROP TABLE generation; ALTER TABLE new_generation RENAME TO generation');
}

/** As the first two versions wrote it; the slots of a chain stand together, its policy's last. */
interface OldManifest {
  readonly slots?: readonly { readonly kind: 'rule' | 'policy'; readonly chain: string }[];
  readonly possibleCpus?: number;
  readonly banks?: readonly unknown[];
}

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the file to a version; returns the one found if that is newer. Tests make older files with `to`. */
export function migrate(db: Database.Database, to: number = SCHEMA_VERSION): number {
  const version = () => db.pragma('user_version', { simple: true }) as number;
  if (version() >= to) return version();
  db.transaction(() => {
    for (let step = version(); step < to; step++) {
      const each = MIGRATIONS[step]!;
      if (typeof each === 'string') db.exec(each);
      else each(db);
      db.pragma(`user_version = ${step + 1}`);
    }
  }).immediate();
  return version();
}
