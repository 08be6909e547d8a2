// What outlives a command: one SQLite file per network namespace, with its generations and counter bases, and the rules
// that are kept without being enforced.
//
// The store never says which generation is in force. The kernel's generation word alone does; a row is written before
// the flip, and a row whose flip never came is just one the kernel does not name. Each family has generations and counter
// maps of its own; numbers are unique over both.
//
// Write-ahead log with synchronous=FULL: a transaction is on disk before its call returns (a commit synchronises the
// log), a process killed while writing leaves a log whose unfinished end the next opener ignores, and readers see the last
// commit without waiting for a writer. The transaction in front of a flip alone is NORMAL, as rules should not wait for a
// disk: other processes see it, a kill leaves it, and only a power cut, which takes the kernel's rules too, may take it
// before `sync`, or the next transaction, has returned. It needs a local file system, which the state directory is. Several
// processes may have the file open; a second writer waits for the busy timeout.

import { closeSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { makeDirectory } from '../base/directory.ts';
import type { Family } from '../base/family.ts';
import { encodeBase, encodeSlots } from './blobs.ts';
import { isSqliteError, openCopy, openDatabase } from './driver.ts';
import { StoreError } from './errors.ts';
import { migrate, SCHEMA_VERSION } from './migrations.ts';
import { fromMapRow, fromRow, type MapRow, type Row, summaryFromRow } from './rows.ts';
import { RulesetTexts } from './texts.ts';

/** `prepared`: written for a flip, in force if and only if the kernel says so. `retired`: was replaced. */
type GenerationState = 'prepared' | 'retired';

/** The counters of one generation, or of several that follow each other. */
export interface CounterMap {
  /** That of the first generation that counts in it. */
  readonly id: number;
  readonly family: Family;
  /** How it is laid out in the kernel: plain JSON values. */
  readonly layout: unknown;
  /** Packets and bytes by slot: what a reader subtracts from what programs counted. */
  readonly base: BigInt64Array;
  /** Until the counts of the map of before are folded into the base. */
  readonly carry?: Carry;
}

/** Where counts that a flip has not yet taken over come from. */
interface Carry {
  /** The counter map that was in use before. */
  readonly from: number;
  /** For each slot of the new map the slot of the old one, or −1. */
  readonly slots: Int32Array;
}

/** One applied ruleset. */
export interface Generation {
  /** The kernel's generation word, 1 … 2³²−1. */
  readonly id: number;
  readonly family: Family;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly state: GenerationState;
  readonly sourceFile: string;
  /** How it was asked for (placement, devices …) and what was made of it: plain JSON values. */
  readonly request: unknown;
  readonly manifest: unknown;
  /** Where its rules count. */
  readonly counterMap: number;
  /** The slots of its rules and policies in that map; which is whose, the manifest says. */
  readonly slots: Int32Array;
}

/** A generation without the parts that grow with the ruleset. */
export type GenerationSummary = Pick<Generation, 'id' | 'family' | 'created' | 'state' | 'sourceFile' | 'request'>;

/** What is written of a generation before it comes into force. */
export interface NewGeneration extends Omit<Generation, 'created' | 'state'> {
  /** The canonical ruleset, without counters: its lines, without their ends. They must not change any more. */
  readonly lines: readonly string[];
}

/** A ruleset at placement `none`: nothing of it is in the kernel. */
export interface KeptRuleset {
  readonly sourceFile: string;
  /** The canonical ruleset with all counters (`iptables-save -c`). */
  readonly text: string;
}

/** What the namespace is known by, and where numbering stands. */
export type MetaKey = 'cookie' | 'inode' | 'bootId' | 'name' | 'lastGeneration';

const LAST_ID = 0xffffffff;

/** In bytes. */
const PAGE_SIZE = 16384;

export class Store {
  readonly path: string;
  /** Of the file: one at the same path that has another is another store. */
  readonly inode: number;
  /** Why the file cannot be written to: then this is a copy of it, and whatever would write throws that. */
  readonly unwritable: StoreError | undefined;
  private readonly db: Database.Database;
  /** The statements so far, by their text. */
  private readonly statements = new Map<string, Database.Statement>();
  private readonly texts = new RulesetTexts((text) => this.prepare(text));
  private isSynced = true;

  private constructor(path: string, db: Database.Database, unwritable?: StoreError) {
    this.path = path;
    this.inode = statSync(path).ino;
    this.db = db;
    this.unwritable = unwritable;
  }

  /**
   * Opens or makes the file; its directory is made with mode 0700. `busySeconds` is how long a call waits for another
   * writer; `maxPages` bounds the file (pages of `PAGE_SIZE` bytes). A file on a full or read-only file system can be read
   * all the same. Throws `StoreError`.
   */
  static open(path: string, options: { busySeconds?: number; maxPages?: number } = {}): Store {
    try {
      return Store.openFile(path, options);
    } catch (error) {
      if (!(error instanceof StoreError && error.isUnwritable)) throw error;
      return Store.readCopy(path, error);
    }
  }

  private static readCopy(path: string, unwritable: StoreError): Store {
    return attempt('read the store', path, () => {
      const db = openCopy(path);
      if (db === undefined) throw unwritable;
      checkVersion(path, migrate(db));
      db.pragma('query_only = ON');
      return new Store(path, db, unwritable);
    });
  }

  private static openFile(path: string, options: { busySeconds?: number; maxPages?: number }): Store {
    return attempt('open the store', path, () => {
      makeDirectory(dirname(path), 0o700);
      // SQLite gives its log files the mode of the file they belong to.
      closeSync(openSync(path, 'a', 0o600));
      const db = openDatabase(path, { timeout: (options.busySeconds ?? 5) * 1000 });
      try {
        // Of a new file: a ruleset is written in a quarter of the calls.
        db.pragma(`page_size = ${PAGE_SIZE}`);
        db.pragma('journal_mode = WAL');
        db.pragma('synchronous = FULL');
        if (options.maxPages !== undefined) db.pragma(`max_page_count = ${options.maxPages}`);
        checkVersion(path, migrate(db));
      } catch (error) {
        db.close();
        throw error;
      }
      return new Store(path, db);
    });
  }

  /** Runs `work` as one transaction: all of it is kept or nothing. May be nested. */
  transaction<T>(work: () => T): T {
    return this.attempt('write', () => this.whole(work));
  }

  /** The same, but not nested, and a power cut may take it back until `sync` has returned. */
  unsyncedTransaction<T>(work: () => T): T {
    return this.attempt('write', () => {
      this.db.pragma('synchronous = NORMAL');
      try {
        const result = this.whole(work);
        this.isSynced = false;
        return result;
      } finally {
        this.db.pragma('synchronous = FULL');
      }
    });
  }

  private whole<T>(work: () => T): T {
    try {
      return this.db.transaction(work).immediate();
    } catch (error) {
      this.texts.forget();
      throw error;
    }
  }

  /** Returns once all that was written is on disk. */
  sync(): void {
    if (this.isSynced) return;
    // The commit of anything synchronises the whole log.
    this.transaction(() => this.setMeta('lastGeneration', this.meta('lastGeneration') ?? '0'));
    this.isSynced = true;
  }

  /**
   * Reserves the number of a new generation: never 0, greater than all handed out before and than those `inForce`, and of
   * other parity than the one `replaced`, since the parity of the kernel's word chooses the program slot.
   */
  nextGenerationId(replaced: number, inForce: readonly number[]): number {
    return this.transaction(() => {
      const last = Number(this.meta('lastGeneration') ?? '0');
      let id = Math.max(last, replaced, ...inForce) + 1;
      if (id % 2 === replaced % 2) id++;
      if (id > LAST_ID) throw new Error(`no generation number is left after ${last}`);
      this.setMeta('lastGeneration', String(id));
      return id;
    });
  }

  /** Returns when the store says that was. */
  insertGeneration(generation: NewGeneration): string {
    const { id } = generation;
    const created = new Date().toISOString();
    const { family, sourceFile, request, manifest, counterMap, slots, lines } = generation;
    this.attempt(`record generation ${id}`, () =>
      this.whole(() => {
        this.prepare(
          `INSERT INTO generation (id, family, created, state, source_file, request, manifest, counter_map)
             VALUES (?, ?, ?, 'prepared', ?, ?, ?, ?)`,
        ).run(id, family, created, sourceFile, JSON.stringify(request), JSON.stringify(manifest), counterMap);
        this.texts.insert(id, slots, lines);
      }),
    );
    return created;
  }

  generation(id: number): Generation | undefined {
    return this.attempt(`read generation ${id}`, () => {
      const row = this.prepare<[number], Row>(
        `SELECT id, family, created, state, source_file, request, manifest, counter_map, slots
           FROM generation JOIN ruleset ON generation = id WHERE id = ?`,
      ).get(id);
      return row === undefined ? undefined : fromRow(row);
    });
  }

  /** When a generation was recorded: of two with one number, in stores that were lost and made anew, each has its own. */
  created(id: number): string | undefined {
    return this.attempt(`read generation ${id}`, () =>
      this.prepare<[number], string>('SELECT created FROM generation WHERE id = ?').pluck().get(id),
    );
  }

  /** The canonical ruleset of a generation, without counters. */
  text(id: number): string | undefined {
    return this.attempt(`read generation ${id}`, () => this.texts.read(id));
  }

  /** All generations of both families, oldest first. */
  generations(): GenerationSummary[] {
    return this.attempt('list the generations', () =>
      this.prepare<[], Row>('SELECT id, family, created, state, source_file, request FROM generation ORDER BY id')
        .all()
        .map(summaryFromRow),
    );
  }

  insertCounterMap({ id, family, layout, base, carry }: CounterMap): void {
    this.attempt(`record counter map ${id}`, () =>
      this.prepare(
        `INSERT INTO counter_map (id, family, layout, slots, carry_from, carry_map, counter_base)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ).run(
        id,
        family,
        JSON.stringify(layout),
        base.length / 2,
        carry?.from ?? null,
        carry === undefined ? null : encodeSlots(carry.slots),
        encodeBase(base),
      ),
    );
  }

  counterMap(id: number): CounterMap | undefined {
    return this.attempt(`read counter map ${id}`, () => {
      const row = this.prepare<[number], MapRow>(
        'SELECT family, layout, slots, carry_from, carry_map, counter_base FROM counter_map WHERE id = ?',
      ).get(id);
      return row === undefined ? undefined : fromMapRow(id, row);
    });
  }

  /** Whether the counts of an earlier map are still to be folded into the base of this one. */
  isCarrying(id: number): boolean {
    return this.attempt(`read counter map ${id}`, () => {
      const from = this.prepare<[number], number | null>('SELECT carry_from FROM counter_map WHERE id = ?')
        .pluck()
        .get(id);
      return from !== undefined && from !== null;
    });
  }

  /** Replaces a counter base; `foldCarry` says that the old map's counts are in it now. One atomic write. */
  setCounterBase(id: number, base: BigInt64Array, options: { foldCarry: boolean }): void {
    const fold = options.foldCarry ? ', carry_from = NULL, carry_map = NULL' : '';
    const done = this.attempt(`write the base of counter map ${id}`, () =>
      this.prepare(`UPDATE counter_map SET slots = ?, counter_base = ?${fold} WHERE id = ?`).run(
        base.length / 2,
        encodeBase(base),
        id,
      ),
    );
    if (done.changes !== 1) throw new Error(`the store has no counter map ${id}`);
  }

  /** Marks a generation as replaced. */
  retire(id: number): void {
    const done = this.attempt(`retire generation ${id}`, () =>
      this.prepare("UPDATE generation SET state = 'retired' WHERE id = ?").run(id),
    );
    if (done.changes !== 1) throw new Error(`the store has no generation ${id}`);
  }

  /** Forgets a generation that never came into force, and its counter map. Its number is not used again. */
  discard(id: number): void {
    this.transaction(() => {
      this.prepare('DELETE FROM generation WHERE id = ?').run(id);
      this.texts.prune();
      this.prepare('DELETE FROM counter_map WHERE id = ?').run(id);
    });
  }

  /**
   * Forgets all generations of a family but the `keep` newest and `inForce`, and all its counter maps but the one that
   * counts for that.
   */
  prune(family: Family, keep: number, inForce: number): void {
    this.attempt('remove old generations', () => {
      this.prepare(
        `DELETE FROM generation
           WHERE family = ? AND id <> ?
             AND id NOT IN (SELECT id FROM generation WHERE family = ? ORDER BY id DESC LIMIT ?)`,
      ).run(family, inForce, family, keep);
      this.texts.prune();
      this.prepare(
        `DELETE FROM counter_map
           WHERE family = ? AND id NOT IN (SELECT counter_map FROM generation WHERE id = ?)`,
      ).run(family, inForce);
    });
  }

  /** The ruleset of a family that is kept and not enforced. */
  kept(family: Family): KeptRuleset | undefined {
    return this.attempt('read the kept rules', () =>
      this.prepare<[string], KeptRuleset>('SELECT source_file AS sourceFile, text FROM kept WHERE family = ?').get(
        family,
      ),
    );
  }

  /** Keeps a ruleset in place of the one of its family that was kept before. */
  keep(family: Family, { sourceFile, text }: KeptRuleset): void {
    this.attempt('keep the rules', () =>
      this.prepare('INSERT OR REPLACE INTO kept (family, changed, source_file, text) VALUES (?, ?, ?, ?)').run(
        family,
        new Date().toISOString(),
        sourceFile,
        text,
      ),
    );
  }

  /** Forgets what is kept of a family. */
  forget(family: Family): void {
    this.attempt('forget the kept rules', () => this.prepare('DELETE FROM kept WHERE family = ?').run(family));
  }

  meta(key: MetaKey): string | undefined {
    return this.attempt(`read ${key}`, () =>
      this.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck().get(key),
    );
  }

  setMeta(key: MetaKey, value: string): void {
    this.attempt(`write ${key}`, () =>
      this.prepare(
        'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      ).run(key, value),
    );
  }

  close(): void {
    this.db.close();
  }

  private prepare<P extends unknown[] = unknown[], R = unknown>(text: string): Database.Statement<P, R> {
    let statement = this.statements.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      this.statements.set(text, statement);
    }
    return statement as Database.Statement<P, R>;
  }

  private attempt<T>(operation: string, work: () => T): T {
    try {
      return attempt(operation, this.path, work);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'SQLITE_READONLY') throw this.unwritable ?? error;
      throw error;
    }
  }
}

function checkVersion(path: string, version: number): void {
  if (version <= SCHEMA_VERSION) return;
  const detail = `the file has schema ${version}, this program knows ${SCHEMA_VERSION}`;
  throw new StoreError('open the store', path, 'NEWER_SCHEMA', detail);
}

/** Runs `work`; what SQLite or the file system refuses becomes a `StoreError`. */
function attempt<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isSqliteError(error)) {
      throw new StoreError(operation, path, error.code, error.message, error);
    }
    if (error instanceof Error && 'syscall' in error && 'code' in error) {
      throw new StoreError(operation, path, String(error.code), error.message, error);
    }
    throw error;
  }
}
