// The tables of a generation: one run of bytes, which becomes the value of one array map.
//
// Whoever builds a table puts it here and gets a reference with its place; equal tables are put once. Elements are little
// endian. A table begins at a cache line, and has a little room behind it: where it grows by a rule, the tables behind it
// nearly always stay where they are, and with them the code that reads them.

/** A table's place. */
export interface TableRef {
  /** What it is for, for `explain`: `src.high`, `cross src dst`. */
  readonly name: string;
  /** Bytes from the start of all tables; a multiple of 64. */
  readonly offset: number;
  /** Bytes of an element. */
  readonly width: 1 | 2 | 4 | 8;
  /** Number of elements. */
  readonly length: number;
}

const LINE = 64;

/** What large tables are rounded up to: this part of the power of two below their size. */
const ROOM = 1 / 16;

/** Bytes that a table takes with the room behind it. */
export function roomOf({ width, length }: Pick<TableRef, 'width' | 'length'>): number {
  const bytes = width * length;
  const step = Math.max(LINE, ROOM * 2 ** (31 - Math.clz32(bytes)));
  return Math.ceil(bytes / step) * step;
}

/** Columns that a table of rows is made for: with a column more, rows nearly always stay as long as they are. */
export function widthFor(columns: number): number {
  const step = Math.max(1, ROOM * 2 ** (31 - Math.clz32(columns)));
  return Math.ceil(columns / step) * step;
}

export class TablePool {
  /** Every table that was put, equal ones once. */
  readonly tables: TableRef[] = [];
  private readonly contents: Content[] = [];
  /** Contents of other pools, and what they are here. */
  private readonly adopted: (readonly [theirs: Content, ours: Content])[] = [];
  private readonly known = new Map<number, Content[]>();
  private size = 0;

  /** Bytes so far. */
  get bytes(): number {
    return this.size;
  }

  /** Puts a table of 8-, 16- or 32-bit elements (or of 64-bit ones); the array must not change any more. */
  put(name: string, content: Uint8Array | Uint16Array | Uint32Array | BigUint64Array): TableRef {
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    const width = content.BYTES_PER_ELEMENT as TableRef['width'];
    return { ...this.putBytes(name, bytes, width, hashOf(bytes) * 16 + width).ref, name };
  }

  private putBytes(name: string, bytes: Uint8Array, width: TableRef['width'], hash: number): Content {
    const alike = this.known.get(hash) ?? [];
    const same = alike.find((each) => Buffer.compare(each.bytes, bytes) === 0);
    if (same !== undefined) return same;
    const ref: TableRef = { name, offset: this.size, width, length: bytes.length / width };
    const content: Content = { ref, bytes, hash };
    this.size += roomOf(ref);
    this.tables.push(ref);
    this.contents.push(content);
    this.known.set(hash, [...alike, content]);
    return content;
  }

  /** Puts all tables of another pool, and returns `made`, plain data, with references to them in place of the other's. */
  adopt<T>(made: T, from: TablePool): T {
    const moved = new Map<number, TableRef>();
    for (const theirs of from.contents) {
      const { ref, bytes, hash } = theirs;
      const ours = this.putBytes(ref.name, bytes, ref.width, hash);
      this.adopted.push([theirs, ours]);
      moved.set(ref.offset, { ...ours.ref, name: ref.name });
    }
    return moved.size === 0 ? made : (withRefs(made, moved) as T);
  }

  /** Puts class or list numbers in as few bytes as they fit in. */
  putNumbers(name: string, numbers: Uint32Array | Int32Array, maximum: number): TableRef {
    if (maximum <= 0xff) return this.put(name, new Uint8Array(numbers));
    if (maximum <= 0xffff) return this.put(name, new Uint16Array(numbers));
    return this.put(name, new Uint32Array(numbers));
  }

  /**
   * All tables, each at its place; what is between them is no number of anything. It must not change any more: pools whose
   * tables were adopted have them there from now on, as two copies of the largest tables are more than all the rest.
   */
  finish(): Uint8Array {
    const all = new Uint8Array(this.size);
    for (const content of this.contents) {
      const { ref, bytes } = content;
      const end = ref.offset + bytes.length;
      all.set(bytes, ref.offset);
      all.fill(0xff, end, ref.offset + roomOf(ref));
      content.bytes = all.subarray(ref.offset, end);
    }
    for (const [theirs, ours] of this.adopted) theirs.bytes = ours.bytes;
    return all;
  }
}

interface Content {
  readonly ref: TableRef;
  bytes: Uint8Array;
  readonly hash: number;
}

function withRefs(value: unknown, moved: ReadonlyMap<number, TableRef>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => withRefs(each, moved));
  if (isRef(value)) return { ...moved.get(value.offset), name: value.name };
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withRefs(each, moved)]));
}

/** The tables that plain data refers to, each once, by place. */
export function tablesIn(value: unknown): TableRef[] {
  const found = new Map<number, TableRef>();
  const open = [value];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    if (typeof each !== 'object' || each === null) continue;
    if (isRef(each)) found.set(each.offset, each);
    else if (!Array.isArray(each) || typeof each[0] === 'object') open.push(...Object.values(each));
  }
  return [...found.values()].sort((a, b) => a.offset - b.offset);
}

function isRef(value: object): value is TableRef {
  return 'offset' in value && 'width' in value && 'length' in value;
}

/** Reads element `index` of a table, as generated code does; throws where it is out of bounds. */
export function readTable(tables: Uint8Array, { name, offset, width, length }: TableRef, index: number): number {
  if (!(index >= 0 && index < length)) throw new Error(`table ${name} has no element ${index}, it has ${length}`);
  const view = new DataView(tables.buffer, tables.byteOffset + offset + index * width, width);
  switch (width) {
    case 1:
      return view.getUint8(0);
    case 2:
      return view.getUint16(0, true);
    case 4:
      return view.getUint32(0, true);
    case 8:
      throw new Error(`table ${name} has 64-bit elements`);
  }
}

/** The bytes of one table, for tables whose elements are more than one number. */
export function tableView(tables: Uint8Array, { offset, width, length }: TableRef): DataView {
  return new DataView(tables.buffer, tables.byteOffset + offset, width * length);
}

/** Words that the hash of a table looks at, about. */
const HASHED = 1 << 13;

/** A 32-bit hash of bytes, by words where that is faster, and of large tables by some: only equal tables must agree. */
function hashOf(bytes: Uint8Array): number {
  let hash = bytes.length;
  const words = bytes.byteOffset % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : bytes;
  // An odd step, as elements may be some words long.
  const step = Math.floor(words.length / HASHED) | 1;
  for (let i = 0; i < words.length; i += step) {
    hash = (Math.imul(hash ^ words[i]!, 0x9e3779b1) ^ (hash >>> 15)) >>> 0;
  }
  return hash;
}
