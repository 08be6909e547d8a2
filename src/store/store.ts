// What outlives a command: one SQLite file per network namespace, with its generations and counter bases, and the rules
// that are kept without being enforced.
//
// The store never says which generation is in force. The kernel's generation word alone does; a row is written before
// the flip, and a row whose flip never came is just one the kernel does not name.
//
// Write-ahead log with synchronous=FULL: a transaction is on disk before its call returns (a commit synchronises the
// log; NORMAL would lose the last ones at a power cut), a process killed while writing leaves a log whose unfinished
// end the next opener ignores, and readers see the last commit without waiting for a writer. It needs a local file system, which the
// state directory is. Several processes may have the file open; a second writer waits for the busy timeout.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import type { Counters } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import { decodeCounters, decodeSlots, encodeCounters, encodeSlots } from './blobs.ts';
import { isSqliteError, openDatabase } from './driver.ts';
import { StoreError } from './errors.ts';
import { migrate, SCHEMA_VERSION } from './migrations.ts';

/** `prepared`: written for a flip, in force if and only if the kernel says so. `retired`: was replaced. */
type GenerationState = 'prepared' | 'retired';

/** Where counters that a flip has not yet taken over come from. */
interface Carry {
  /** The generation that was in force before. */
  readonly from: number;
  /** For each slot of the new generation the slot of the old one, or −1. */
  readonly slots: readonly number[];
}

/** One applied ruleset. */
export interface Generation {
  /** The kernel's generation word, 1 … 2³²−1. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly state: GenerationState;
  readonly sourceFile: string;
  /** The ruleset as it was given. */
  readonly sourceText: string;
  /** The canonical ruleset, without counters. */
  readonly text: string;
  /** How it was asked for (placement, devices …) and what was made of it: plain JSON values. */
  readonly request: unknown;
  readonly manifest: unknown;
  /** Per slot: what a reader subtracts from the programs' counters. */
  readonly counterBase: readonly Counters[];
  /** Until the old generation's counters are folded into the base. */
  readonly carry?: Carry;
}

/** A generation without the parts that grow with the ruleset. */
export type GenerationSummary = Pick<Generation, 'id' | 'created' | 'state' | 'sourceFile' | 'request'>;

/** A ruleset at placement `none`: nothing of it is in the kernel. */
export interface KeptRuleset {
  readonly sourceFile: string;
  /** The canonical ruleset with all counters (`iptables-save -c`). */
  readonly text: string;
}

/** What the namespace is known by, and where numbering stands. */
export type MetaKey = 'cookie' | 'inode' | 'bootId' | 'name' | 'lastGeneration';

interface Row {
  id: number;
  created: string;
  state: GenerationState;
  source_file: string;
  source_text: string;
  text: string;
  request: string;
  manifest: string;
  counter_base: Buffer;
  carry_from: number | null;
  carry_map: Buffer | null;
}

const LAST_ID = 0xffffffff;

export class Store {
  readonly path: string;
  private readonly db: Database.Database;

  private constructor(path: string, db: Database.Database) {
    this.path = path;
    this.db = db;
  }

  /**
   * Opens or makes the file; its directory is made with mode 0700. `busySeconds` is how long a call waits for another
   * writer; `maxPages` bounds the file (pages of 4096 bytes). Throws `StoreError`.
   */
  static open(path: string, options: { busySeconds?: number; maxPages?: number } = {}): Store {
    return attempt('open the store', path, () => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // SQLite gives its log files the mode of the file they belong to.
      closeSync(openSync(path, 'a', 0o600));
      const db = openDatabase(path, { timeout: (options.busySeconds ?? 5) * 1000 });
      try {
        db.pragma('journal_mode = WAL');
        db.pragma('synchronous = FULL');
        if (options.maxPages !== undefined) db.pragma(`max_page_count = ${options.maxPages}`);
        const version = migrate(db);
        if (version > SCHEMA_VERSION) {
          const detail = `the file has schema ${version}, this program knows ${SCHEMA_VERSION}`;
          throw new StoreError('open the store', path, 'NEWER_SCHEMA', detail);
        }
      } catch (error) {
        db.close();
        throw error;
      }
      return new Store(path, db);
    });
  }

  /** Runs `work` as one transaction: all of it is kept or nothing. May be nested. */
  transaction<T>(work: () => T): T {
    return this.attempt('write', () => this.db.transaction(work).immediate());
  }

  /**
   * Reserves the number of a new generation: never 0, greater than all handed out before and than `inForce`, and of
   * other parity than that, since the parity of the kernel's word chooses the program slot.
   */
  nextGenerationId(inForce: number): number {
    return this.transaction(() => {
      const last = Number(this.meta('lastGeneration') ?? '0');
      let id = Math.max(last, inForce) + 1;
      if (id % 2 === inForce % 2) id++;
      if (id > LAST_ID) throw new Error(`no generation number is left after ${last}`);
      this.setMeta('lastGeneration', String(id));
      return id;
    });
  }

  insertGeneration(generation: Omit<Generation, 'created' | 'state'>): void {
    const { id, carry } = generation;
    this.attempt(`record generation ${id}`, () =>
      this.db
        .prepare(
          `INSERT INTO generation (id, created, state, source_file, source_text, text, request, manifest,
                                   counter_base, carry_from, carry_map)
           VALUES (?, ?, 'prepared', ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          id,
          new Date().toISOString(),
          generation.sourceFile,
          generation.sourceText,
          generation.text,
          JSON.stringify(generation.request),
          JSON.stringify(generation.manifest),
          encodeCounters(generation.counterBase),
          carry?.from ?? null,
          carry === undefined ? null : encodeSlots(carry.slots),
        ),
    );
  }

  generation(id: number): Generation | undefined {
    return this.attempt(`read generation ${id}`, () => {
      const row = this.db.prepare<[number], Row>('SELECT * FROM generation WHERE id = ?').get(id);
      return row === undefined ? undefined : fromRow(row);
    });
  }

  /** All generations, oldest first. */
  generations(): GenerationSummary[] {
    return this.attempt('list the generations', () =>
      this.db
        .prepare<[], Row>('SELECT id, created, state, source_file, request FROM generation ORDER BY id')
        .all()
        .map((row) => ({
          id: row.id,
          created: row.created,
          state: row.state,
          sourceFile: row.source_file,
          request: JSON.parse(row.request) as unknown,
        })),
    );
  }

  /** Replaces the counter base; `foldCarry` says that the old generation's counters are in it now. One atomic write. */
  setCounterBase(id: number, base: readonly Counters[], options: { foldCarry: boolean }): void {
    const fold = options.foldCarry ? ', carry_from = NULL, carry_map = NULL' : '';
    this.update(id, `write the counter base of generation ${id}`, `counter_base = ?${fold}`, encodeCounters(base));
  }

  /** Marks a generation as replaced. */
  retire(id: number): void {
    this.update(id, `retire generation ${id}`, 'state = ?', 'retired');
  }

  /** Forgets a generation that never came into force. Its number is not used again. */
  discard(id: number): void {
    this.attempt(`discard generation ${id}`, () => this.db.prepare('DELETE FROM generation WHERE id = ?').run(id));
  }

  /** Forgets all but the `keep` newest generations, `inForce` and those whose counters are still to be carried over. */
  prune(keep: number, inForce: number): void {
    this.attempt('remove old generations', () =>
      this.db
        .prepare(
          `DELETE FROM generation
           WHERE id <> ? AND id NOT IN (SELECT id FROM generation ORDER BY id DESC LIMIT ?)
             AND id NOT IN (SELECT carry_from FROM generation WHERE carry_from IS NOT NULL)`,
        )
        .run(inForce, keep),
    );
  }

  /** The ruleset of a family that is kept and not enforced. */
  kept(family: Family): KeptRuleset | undefined {
    return this.attempt('read the kept rules', () =>
      this.db
        .prepare<[string], KeptRuleset>('SELECT source_file AS sourceFile, text FROM kept WHERE family = ?')
        .get(family),
    );
  }

  /** Keeps a ruleset in place of the one of its family that was kept before. */
  keep(family: Family, { sourceFile, text }: KeptRuleset): void {
    this.attempt('keep the rules', () =>
      this.db
        .prepare('INSERT OR REPLACE INTO kept (family, changed, source_file, text) VALUES (?, ?, ?, ?)')
        .run(family, new Date().toISOString(), sourceFile, text),
    );
  }

  /** Forgets what is kept of a family. */
  forget(family: Family): void {
    this.attempt('forget the kept rules', () => this.db.prepare('DELETE FROM kept WHERE family = ?').run(family));
  }

  meta(key: MetaKey): string | undefined {
    return this.attempt(`read ${key}`, () =>
      this.db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck().get(key),
    );
  }

  setMeta(key: MetaKey, value: string): void {
    this.attempt(`write ${key}`, () =>
      this.db
        .prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(key, value),
    );
  }

  close(): void {
    this.db.close();
  }

  private update(id: number, operation: string, assignments: string, value: string | Buffer): void {
    const done = this.attempt(operation, () =>
      this.db.prepare(`UPDATE generation SET ${assignments} WHERE id = ?`).run(value, id),
    );
    if (done.changes !== 1) throw new Error(`the store has no generation ${id}`);
  }

  private attempt<T>(operation: string, work: () => T): T {
    return attempt(operation, this.path, work);
  }
}

function fromRow(row: Row): Generation {
  return {
    id: row.id,
    created: row.created,
    state: row.state,
    sourceFile: row.source_file,
    sourceText: row.source_text,
    text: row.text,
    request: JSON.parse(row.request) as unknown,
    manifest: JSON.parse(row.manifest) as unknown,
    counterBase: decodeCounters(row.counter_base),
    ...(row.carry_from === null || row.carry_map === null
      ? {}
      : { carry: { from: row.carry_from, slots: decodeSlots(row.carry_map) } }),
  };
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
