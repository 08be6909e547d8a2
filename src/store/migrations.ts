// The schema, as the steps that led to it. A step is never edited once released; a change is a new step.
//
// `PRAGMA user_version` holds the number of steps that were run. They run in one immediate transaction, so of two
// processes that open a new file at once one migrates and the other waits and finds the work done.

import type Database from 'better-sqlite3';

const MIGRATIONS: readonly string[] = [
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
];

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the file to a version; returns the one found if that is newer. Tests make older files with `to`. */
export function migrate(db: Database.Database, to: number = SCHEMA_VERSION): number {
  const version = () => db.pragma('user_version', { simple: true }) as number;
  if (version() >= to) return version();
  db.transaction(() => {
    for (let step = version(); step < to; step++) {
      db.exec(MIGRATIONS[step]!);
      db.pragma(`user_version = ${step + 1}`);
    }
  }).immediate();
  return version();
}
