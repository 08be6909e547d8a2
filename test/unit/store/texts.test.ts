// Texts that are what differs from another's, held against all that was written.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Store } from '../../../src/store/store.ts';

let path: string;
let store: Store;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'ipb-texts-')), 'store.sqlite');
  store = Store.open(path);
});

afterEach(() => {
  store.close();
  rmSync(dirname(path), { recursive: true, force: true });
});

function insert(id: number, lines: readonly string[]): void {
  const what = { family: 'ipv4', sourceFile: 'rules', request: {}, manifest: {}, counterMap: id } as const;
  store.insertGeneration({ ...what, id, slots: Int32Array.of(id), lines });
}

interface TextRow {
  readonly generation: number;
  readonly base: number | null;
  readonly text: string;
}

/** What the file has of texts. */
function rows(): TextRow[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare<[], TextRow>('SELECT generation, base, text FROM ruleset ORDER BY generation').all();
  } finally {
    db.close();
  }
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
const LINES = Array.from({ length: 100 }, (_, i) => `line ${i}`);

test('of few lines that differ only these are written, and every so often all', () => {
  for (let id = 1; id <= 40; id++) insert(id, LINES.with(id, `other ${id}`));
  for (let id = 1; id <= 40; id++) {
    expect(store.text(id)).toBe(textOf(LINES.with(id, `other ${id}`)));
    expect(store.generation(id)?.slots).toEqual(Int32Array.of(id));
  }
  const whole = rows().filter(({ base }) => base === null);
  expect(whole.map(({ generation }) => generation)).toEqual([1, 17, 33]);
  expect(rows()[1]?.text).toBe('line 1\nother 2\n');
});

test('what is mostly new is written whole, and so is what a process writes first', () => {
  insert(1, LINES);
  insert(2, [...LINES.slice(0, 30), ...LINES.map((line) => `new ${line}`)]);
  insert(3, []);
  insert(4, []);
  store.close();
  store = Store.open(path);
  insert(5, []);
  expect(rows().map(({ base }) => base)).toEqual([null, null, 2, 3, null]);
  for (const id of [3, 4, 5]) expect(store.text(id)).toBe('');
});

test('a text stays for as long as another is made of it, and no longer', () => {
  for (let id = 1; id <= 4; id++) insert(id, [...LINES, `last ${id}`]);
  store.prune('ipv4', 1, 4);
  expect(store.text(4)).toBe(textOf([...LINES, 'last 4']));
  expect(rows().map(({ generation }) => generation)).toEqual([1, 2, 3, 4]);
  store.discard(4);
  expect(rows()).toEqual([]);
  insert(5, LINES);
  expect(rows()).toEqual([{ generation: 5, base: null, text: textOf(LINES) }]);
});

test('nothing is made of what a transaction took back, though its number is used again', () => {
  insert(1, LINES);
  const broken = () =>
    store.transaction(() => {
      insert(2, [...LINES, 'taken back']);
      throw new Error('in the middle');
    });
  expect(broken).toThrow('in the middle');
  const other = Store.open(path);
  other.insertGeneration({
    ...{ id: 2, family: 'ipv6', sourceFile: 'rules', request: {}, manifest: {}, counterMap: 2 },
    ...{ slots: Int32Array.of(), lines: ['something else'] },
  });
  other.close();
  insert(3, [...LINES, 'taken back', 'more']);
  expect(store.text(3)).toBe(textOf([...LINES, 'taken back', 'more']));
});

test('texts come back whatever was written, discarded and pruned in between', () => {
  const edit = fc.record({
    at: fc.nat(60),
    gone: fc.nat(3),
    come: fc.array(fc.constantFrom('a', 'b', ''), { maxLength: 3 }),
    after: fc.constantFrom('nothing', 'nothing', 'discard', 'prune', 'reopen', 'take back'),
  });
  let next = 1;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 5, maxLength: 40 }), (edits) => {
      const expected = new Map<number, string>();
      let lines: readonly string[] = LINES.slice(0, 40);
      for (const { at, gone, come, after } of edits) {
        lines = lines.toSpliced(at, gone, ...come);
        const id = next++;
        if (after === 'take back') {
          expect(() =>
            store.transaction(() => {
              insert(id, lines);
              throw new Error('no');
            }),
          ).toThrow('no');
          next = id;
          continue;
        }
        insert(id, lines);
        expected.set(id, textOf(lines));
        if (after === 'discard') {
          store.discard(id);
          expected.delete(id);
        } else if (after === 'prune') {
          store.prune('ipv4', 3, id);
          for (const known of [...expected.keys()].slice(0, -3)) expected.delete(known);
        } else if (after === 'reopen') {
          store.close();
          store = Store.open(path);
        }
        for (const [known, text] of expected) expect(store.text(known)).toBe(text);
      }
      for (const known of expected.keys()) store.discard(known);
      store.prune('ipv4', 0, 0);
      expect(rows()).toEqual([]);
    }),
    { numRuns: 30 },
  );
});
