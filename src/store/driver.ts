// better-sqlite3, loaded when the first file is opened: many commands open none, and it costs them milliseconds.

import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

const require = createRequire(import.meta.url);
let loaded: typeof Sqlite | undefined;

/** Opens or makes a database file. Throws SQLite's errors, which `isSqliteError` tells from others. */
export function openDatabase(path: string, options: Sqlite.Options): Sqlite.Database {
  loaded ??= require('better-sqlite3') as typeof Sqlite;
  return new loaded(path, options);
}

export function isSqliteError(error: unknown): error is InstanceType<typeof Sqlite.SqliteError> {
  return loaded !== undefined && error instanceof loaded.SqliteError;
}
