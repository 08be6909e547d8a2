// better-sqlite3, loaded when the first file is opened: many commands open none, and it costs them milliseconds.

import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

const require = createRequire(import.meta.url);
let loaded: typeof Sqlite | undefined;

/** Opens or makes a database file. Throws SQLite's errors, which `isSqliteError` tells from others. */
export function openDatabase(path: string, options: Sqlite.Options): Sqlite.Database {
  loaded ??= require('better-sqlite3') as typeof Sqlite;
  return new loaded(path, options);
}

/**
 * Opens a copy in memory of a database file that lies where nothing can be written, or `undefined` where the file alone is
 * not the whole of it: its log still has something. Throws errors of SQLite and of system calls.
 */
export function openCopy(path: string): Sqlite.Database | undefined {
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) return undefined;
  const bytes = readFileSync(path);
  if (bytes.length === 0) return undefined;
  // That it is written through a log (https://sqlite.org/fileformat.html, 1.3.3), for which SQLite would need a file.
  bytes.fill(1, 18, 20);
  loaded ??= require('better-sqlite3') as typeof Sqlite;
  return new loaded(bytes);
}

export function isSqliteError(error: unknown): error is InstanceType<typeof Sqlite.SqliteError> {
  return loaded !== undefined && error instanceof loaded.SqliteError;
}
