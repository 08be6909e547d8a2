import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreError } from '../../../src/store/errors.ts';
import { type CounterMap, type NewGeneration, Store } from '../../../src/store/store.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipb-store-'));
  path = join(directory, 'state', 'store.sqlite');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function withStore<T>(work: (store: Store) => T, options?: Parameters<typeof Store.open>[1]): T {
  const store = Store.open(path, options);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

function sample(id: number, rest: Partial<NewGeneration> = {}): NewGeneration {
  return {
    id,
    family: 'ipv4',
    sourceFile: 'rules.v4',
    lines: ['*filter', 'COMMIT'],
    request: { placement: 'netfilter' },
    manifest: { chains: [] },
    counterMap: id,
    slots: Int32Array.of(),
    ...rest,
  };
}

function storeError(work: () => unknown): StoreError {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function sampleMap(id: number, rest: Partial<CounterMap> = {}): CounterMap {
  return { id, family: 'ipv4', layout: { capacity: 3 }, base: new BigInt64Array(8), ...rest };
}

test('a generation comes back as it was written, also after reopening', () => {
  const written = sample(3, { counterMap: 2, slots: Int32Array.of(5, 0, 7) });
  withStore((store) => store.insertGeneration(written));
  const { lines, ...row } = written;
  const read = withStore((store) => store.generation(3));
  expect(read).toEqual({ ...row, state: 'prepared', created: expect.any(String) });
  expect(read?.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(withStore((store) => [store.text(3), store.created(3)])).toEqual(['*filter\nCOMMIT\n', read?.created]);
  expect(withStore((store) => [store.generation(4), store.text(4), store.created(4)])).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a counter map comes back as it was written, also after reopening', () => {
  const base = BigInt64Array.of(-1n, 2n ** 63n - 1n, 5n, -(2n ** 63n), 0n, 7n, 0n, 0n);
  const written = sampleMap(3, { base, carry: { from: 2, slots: Int32Array.of(1, -1) } });
  withStore((store) => {
    store.insertCounterMap(sampleMap(2));
    store.insertCounterMap(written);
  });
  withStore((store) => {
    expect(store.counterMap(2)).toEqual(sampleMap(2));
    expect(store.counterMap(3)).toEqual(written);
    expect([1, 2, 3].map((id) => store.isCarrying(id))).toEqual([false, false, true]);
    expect(store.counterMap(1)).toBeUndefined();
  });
});

test('the file is for root alone', () => {
  withStore(() => {});
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, 'state')).mode & 0o777).toBe(0o700);
});

test('numbers alternate in parity with the one in force, grow, are never 0 and never used twice', () => {
  withStore((store) => {
    expect(store.nextGenerationId(0, [])).toBe(1);
    store.insertGeneration(sample(1));
    expect(store.nextGenerationId(1, [])).toBe(2);
    store.insertGeneration(sample(2));
    store.discard(2);
    expect(store.nextGenerationId(1, [])).toBe(4);
  });
  expect(withStore((store) => store.nextGenerationId(1, []))).toBe(6);
  // A lost store meets a kernel that is further on.
  rmSync(join(directory, 'state'), { recursive: true });
  expect(withStore((store) => store.nextGenerationId(41, []))).toBe(42);
});

test('folding the carry replaces the base and ends the carry', () => {
  const carry = { from: 7, slots: Int32Array.of(0) };
  withStore((store) => {
    store.insertCounterMap(sampleMap(1, { base: BigInt64Array.of(0n, 0n), carry }));
    store.setCounterBase(1, BigInt64Array.of(1n, 60n), { foldCarry: false });
    expect(store.counterMap(1)?.carry).toEqual(carry);
    store.setCounterBase(1, BigInt64Array.of(-9n, -540n), { foldCarry: true });
    expect(store.counterMap(1)?.carry).toBeUndefined();
    expect(store.counterMap(1)?.base).toEqual(BigInt64Array.of(-9n, -540n));
    expect(() => store.setCounterBase(2, BigInt64Array.of(), { foldCarry: false })).toThrow('no counter map 2');
  });
});

test('a transaction that throws leaves nothing behind', () => {
  withStore((store) => {
    expect(() =>
      store.transaction(() => {
        store.insertGeneration(sample(1));
        store.setMeta('cookie', '17');
        throw new Error('midway');
      }),
    ).toThrow('midway');
    expect(store.generations()).toEqual([]);
    expect(store.meta('cookie')).toBeUndefined();
  });
});

test('pruning spares what is in force, and the counters of that alone', () => {
  withStore((store) => {
    for (const id of [1, 2, 3, 4, 5]) store.insertGeneration(sample(id, { counterMap: Math.min(id, 2) }));
    for (const id of [1, 2, 6]) store.insertCounterMap(sampleMap(id));
    store.retire(1);
    expect(store.generations().map((g) => [g.id, g.state])).toContainEqual([1, 'retired']);
    store.prune('ipv4', 1, 3);
    expect(store.generations().map((g) => g.id)).toEqual([3, 5]);
    expect([1, 2, 6].map((id) => store.counterMap(id)?.id)).toEqual([undefined, 2, undefined]);
  });
});

test('pruning one family leaves the other alone', () => {
  withStore((store) => {
    for (const id of [1, 2, 3]) {
      store.insertGeneration(sample(id, { family: id === 2 ? 'ipv6' : 'ipv4' }));
      store.insertCounterMap(sampleMap(id, { family: id === 2 ? 'ipv6' : 'ipv4' }));
    }
    store.prune('ipv4', 1, 3);
    expect(store.generations().map(({ id, family }) => [id, family])).toEqual([
      [2, 'ipv6'],
      [3, 'ipv4'],
    ]);
    expect([1, 2, 3].map((id) => store.counterMap(id)?.family)).toEqual([undefined, 'ipv6', 'ipv4']);
  });
});

test('a number is greater than those in force in both families, and of other parity than the one it replaces', () => {
  withStore((store) => {
    expect(store.nextGenerationId(3, [3, 8])).toBe(10);
    expect(store.nextGenerationId(8, [3, 8])).toBe(11);
    expect(store.nextGenerationId(0, [])).toBe(13);
  });
});

test('a generation that is discarded takes its own counter map with it, and no other', () => {
  withStore((store) => {
    for (const id of [1, 2]) store.insertCounterMap(sampleMap(id));
    store.insertGeneration(sample(2));
    store.insertGeneration(sample(4, { counterMap: 2 }));
    store.discard(4);
    expect(store.counterMap(2)?.id).toBe(2);
    store.discard(2);
    expect([1, 2].map((id) => store.counterMap(id)?.id)).toEqual([1, undefined]);
    expect(store.generations()).toEqual([]);
  });
});

test('each family keeps one ruleset, the last one', () => {
  const text = (name: string) => ({ sourceFile: `${name}.rules`, text: `# ${name}\n` });
  withStore((store) => {
    expect(store.kept('ipv4')).toBeUndefined();
    store.keep('ipv4', text('one'));
    store.keep('ipv6', text('six'));
    store.keep('ipv4', text('two'));
  });
  withStore((store) => {
    expect(store.kept('ipv4')).toEqual(text('two'));
    expect(store.kept('ipv6')).toEqual(text('six'));
    store.forget('ipv4');
    store.forget('ipv4');
    expect(store.kept('ipv4')).toBeUndefined();
    expect(store.kept('ipv6')).toEqual(text('six'));
    expect(store.generations()).toEqual([]);
  });
});

test('a full disk is an error that says so, and what was there stays', () => {
  withStore((store) => store.insertGeneration(sample(1)));
  withStore(
    (store) => {
      const error = storeError(() => store.insertGeneration(sample(2, { lines: ['x'.repeat(1_000_000)] })));
      expect(error.code).toBe('SQLITE_FULL');
      expect(error.operation).toBe('record generation 2');
      expect(error.remedy).toMatch(/Free space/);
      expect(store.generations().map((g) => g.id)).toEqual([1]);
    },
    { maxPages: 20 },
  );
});

test('a damaged file, a foreign file and a newer schema are told apart', () => {
  withStore((store) => {
    for (let id = 1; id < 40; id++) store.insertGeneration(sample(id, { lines: ['x'.repeat(5000)] }));
  });
  truncateSync(path, 8 * 4096);
  const damaged = storeError(() => withStore((store) => store.generations()));
  expect(damaged.code).toMatch(/^SQLITE_CORRUPT/);
  expect(damaged.remedy).toMatch(/move it away/);

  rmSync(join(directory, 'state'), { recursive: true });
  mkdirSync(join(directory, 'state'));
  writeFileSync(path, 'something else '.repeat(400));
  expect(storeError(() => Store.open(path)).code).toBe('SQLITE_NOTADB');

  rmSync(path);
  withStore(() => {});
  const db = new Database(path);
  db.pragma('user_version = 99');
  db.close();
  expect(storeError(() => Store.open(path))).toMatchObject({ code: 'NEWER_SCHEMA', path });
});

test('a path that cannot be is an error with the errno', () => {
  writeFileSync(join(directory, 'state'), '');
  expect(storeError(() => Store.open(path)).code).toMatch(/^E(NOTDIR|EXIST)$/);
});

test('readers do not wait for a writer, a second writer does and then says who is in the way', () => {
  withStore((one) => {
    one.insertGeneration(sample(1));
    withStore(
      (two) => {
        one.transaction(() => {
          one.insertGeneration(sample(2));
          expect(two.generations().map((g) => g.id)).toEqual([1]);
          const error = storeError(() => two.setMeta('name', 'blue'));
          expect(error.code).toBe('SQLITE_BUSY');
          expect(error.remedy).toMatch(/Another process/);
        });
        expect(two.generations().map((g) => g.id)).toEqual([1, 2]);
      },
      { busySeconds: 0.1 },
    );
  });
});

function startWriter(rounds: number) {
  const script = new URL('./writer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', script, path, String(rounds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const finished: number[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    finished.push(...text.trim().split('\n').map(Number));
  });
  return { child, finished };
}

test('processes that open and write a new store at the same time all succeed', async () => {
  const writers = [1, 2, 3, 4].map(() => startWriter(10));
  const codes = await Promise.all(writers.map(async ({ child }) => (await once(child, 'close'))[0]));
  expect(codes).toEqual([0, 0, 0, 0]);
  const ids = withStore((store) => store.generations().map((g) => g.id));
  expect(ids).toHaveLength(40);
  expect(writers.flatMap((w) => w.finished).sort((a, b) => a - b)).toEqual(ids);
});

test('kill -9 between or within writes leaves a store with every finished round and no half of one', async () => {
  for (let attempt = 0; attempt < 3; attempt++) {
    const { child, finished } = startWriter(1_000_000);
    const before = withStore((store) => store.generations().length);
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, 50 + attempt * 37));
    child.kill('SIGKILL');
    await once(child, 'close');
    withStore((store) => {
      const generations = store.generations();
      expect(generations.length - before).toBeGreaterThanOrEqual(finished.length);
      expect(finished.length).toBeGreaterThan(0);
      for (const { id } of generations.slice(-20)) {
        expect(store.text(id)).toMatch(new RegExp(`^${id} x{20000}\n$`));
        expect(store.counterMap(id)?.base).toEqual(new BigInt64Array(1000).fill(BigInt(id)));
      }
      expect(store.nextGenerationId(0, [])).toBeGreaterThan(generations.at(-1)!.id);
    });
  }
});

test('a transaction that is not on disk yet is whole or nothing, seen by others, and followed by any other', () => {
  withStore((store) => {
    store.unsyncedTransaction(() => store.insertGeneration(sample(1)));
    withStore((other) => expect(other.text(1)).toBe('*filter\nCOMMIT\n'));
    const broken = () =>
      store.unsyncedTransaction(() => {
        store.insertGeneration(sample(2));
        throw new Error('in the middle');
      });
    expect(broken).toThrow('in the middle');
    expect(store.generation(2)).toBeUndefined();
    store.setMeta('lastGeneration', '7');
    store.sync();
    store.sync();
    expect(store.meta('lastGeneration')).toBe('7');
    store.transaction(() => store.insertGeneration(sample(3)));
  });
  withStore((store) => expect(store.generations().map(({ id }) => id)).toEqual([1, 3]));
});
