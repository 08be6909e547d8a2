// Sets and maps of nftables, as far as rules alone can change them (include/uapi/linux/netfilter/nf_tables.h).
//
// What is in a set that packets change, or time, is not known; of all others each change counts as one of the rules.
// In a set of intervals, elements are where an interval begins or ends: a value is in it if the nearest element at or below
// it is no end (`nft_rbtree_lookup`, net/netfilter/nft_set_rbtree.c). In one of several fields, an element has both its bounds.

import { attribute, attributes, dump, FAMILY, listOf, text } from './netlink.ts';

/** NFNL_SUBSYS_NFTABLES << 8, with NFT_MSG_GETSET and NFT_MSG_GETSETELEM */
const [GET_SET, GET_ELEMENTS] = [(10 << 8) | 10, (10 << 8) | 13];
/** `struct nfgenmsg` */
const NFGENMSG = 4;
const SET = { table: 1, name: 2, flags: 3, keyLength: 5 } as const;
const ELEMENTS = { table: 1, set: 2, list: 3 } as const;
const ELEMENT = { key: 1, data: 2, flags: 3, keyEnd: 10 } as const;
/** What counts or limits the packets that meet an element: one expression, an object, several expressions. */
const COUNTING = [7, 9, 11] as const;
const VALUE = 1;
/** NFT_SET_INTERVAL, TIMEOUT, EVAL, CONCAT */
const [INTERVAL, TIMEOUT, EVAL, CONCAT] = [0x4, 0x10, 0x20, 0x80];
const [INTERVAL_END, CATCH_ALL] = [1, 2];
/** More elements than this would be tables of their own. */
const MOST_ELEMENTS = 1000;

export interface SetElement {
  /** Bounds of the key, both in it. Of several fields, each has bounds of its own. */
  readonly low: Buffer;
  readonly high: Buffer;
  /** Of a map: what it leads to. */
  readonly data?: Buffer;
}

export interface SetContents {
  readonly keyLength: number;
  /** Whether an element holds for all between two numbers that span the whole key. */
  readonly isSpan: boolean;
  readonly elements: readonly SetElement[];
  /** Whether an element may do anything with packets that meet it, as counters do. */
  readonly counts: boolean;
  /** What all others lead to, or are in; absent where there is nothing of the kind. */
  readonly others?: { readonly data?: Buffer };
}

/** The sets of one table. */
export class NftSets {
  private readonly family: number;
  private readonly table: string;
  /** Names of sets that rules update. */
  private readonly updated: ReadonlySet<string>;
  private known: ReadonlyMap<string, { readonly flags: number; readonly keyLength: number }> | undefined;
  private readonly read = new Map<string, SetContents | undefined>();

  constructor(family: number, table: string, updated: readonly string[]) {
    this.family = family;
    this.table = table;
    this.updated = new Set(updated);
  }

  /** What is in a set; `undefined` where that is not certain, or too much. */
  contents(name: string): SetContents | undefined {
    if (!this.read.has(name)) this.read.set(name, this.readContents(name));
    return this.read.get(name);
  }

  private readContents(name: string): SetContents | undefined {
    this.known ??= this.list();
    const set = this.known.get(name);
    if (set === undefined || (set.flags & (TIMEOUT | EVAL)) !== 0 || this.updated.has(name)) return undefined;
    const request = this.request([
      attribute(ELEMENTS.table, Buffer.from(`${this.table}\0`, 'latin1')),
      attribute(ELEMENTS.set, Buffer.from(`${name}\0`, 'latin1')),
    ]);
    const messages = dump('list the elements of an nftables set', FAMILY.netfilter, GET_ELEMENTS, request);
    const all = messages
      .flatMap((message) => listOf(attributes(message, NFGENMSG).get(ELEMENTS.list)))
      .map((element) => attributes(element, 0));
    if (all.length > MOST_ELEMENTS) return undefined;
    return contentsOf(all, set.flags, set.keyLength);
  }

  private list(): Map<string, { flags: number; keyLength: number }> {
    const request = this.request([attribute(SET.table, Buffer.from(`${this.table}\0`, 'latin1'))]);
    const found = new Map<string, { flags: number; keyLength: number }>();
    for (const message of dump('list the nftables sets', FAMILY.netfilter, GET_SET, request)) {
      const set = attributes(message, NFGENMSG);
      if (message.readUInt8(0) !== this.family || text(set.get(SET.table)) !== this.table) continue;
      const flags = set.get(SET.flags)?.readUInt32BE(0) ?? 0;
      found.set(text(set.get(SET.name))!, { flags, keyLength: set.get(SET.keyLength)!.readUInt32BE(0) });
    }
    return found;
  }

  private request(asked: readonly Buffer[]): Buffer {
    return Buffer.concat([Buffer.from([this.family, 0, 0, 0]), ...asked]);
  }
}

type Attributes = ReadonlyMap<number, Buffer>;

function contentsOf(all: readonly Attributes[], flags: number, keyLength: number): SetContents | undefined {
  const isSpan = (flags & (INTERVAL | CONCAT)) === INTERVAL;
  const flagsOf = (element: Attributes) => element.get(ELEMENT.flags)?.readUInt32BE(0) ?? 0;
  const withData = (element: Attributes) => {
    const data = element.get(ELEMENT.data);
    return data === undefined ? {} : { data };
  };
  const others = all.find((element) => (flagsOf(element) & CATCH_ALL) !== 0);
  const keyed = all.flatMap((element) => {
    const [low, high] = [ELEMENT.key, ELEMENT.keyEnd].map((key) => valueIn(element.get(key)));
    const isEnd = (flagsOf(element) & INTERVAL_END) !== 0;
    return low === undefined ? [] : [{ low, high: high ?? low, isEnd, ...withData(element) }];
  });
  if (keyed.length + (others === undefined ? 0 : 1) !== all.length) return undefined;
  if (!keyed.every(({ low, high }) => low.length === keyLength && high.length === keyLength)) return undefined;
  const counts = all.some((element) => COUNTING.some((each) => element.has(each)));
  const known = { keyLength, isSpan, counts, ...(others && { others: withData(others) }) };
  if (!isSpan) return { ...known, elements: keyed.map(({ isEnd: _, ...element }) => element) };
  const sorted = keyed.sort((a, b) => Buffer.compare(a.low, b.low) || Number(b.isEnd) - Number(a.isEnd));
  const elements = sorted.flatMap(({ isEnd, ...element }, i): SetElement[] => {
    const next = sorted[i + 1];
    if (isEnd || next?.low.equals(element.low) === true) return [];
    return [{ ...element, high: next === undefined ? Buffer.alloc(keyLength, 0xff) : before(next.low) }];
  });
  return { ...known, elements };
}

function valueIn(nested: Buffer | undefined): Buffer | undefined {
  return nested === undefined ? undefined : attributes(nested, 0).get(VALUE);
}

/** The number before another. */
function before(value: Buffer): Buffer {
  const found = Buffer.from(value);
  for (let i = found.length - 1; i >= 0; i--) {
    if (found[i]! > 0) {
      found[i]!--;
      break;
    }
    found[i] = 0xff;
  }
  return found;
}
