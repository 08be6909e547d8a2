// What a rule of nftables asks of packets, and what it does (include/uapi/linux/netfilter/nf_tables.h).
//
// A rule is a row of expressions: some load a part of the packet into registers, others compare these, and the rule ends where
// one does not hold. Parts that are understood are known by the bytes of the registers that they are in; of all else nothing
// is. A rule may ask for one of several devices, and a map leads to several chains: it is told as several rules.
// iptables-nft's rules have matches and targets of iptables among them.

import type { Family } from '../base/family.ts';
import {
  ADDRESS_BYTES,
  asksAddress,
  asksDevice,
  asksFlags,
  asksMasked,
  asksNumber,
  bigEndian,
  type ForeignConditions,
  type ForeignRule,
  NEVER,
} from '../base/foreign-rules.ts';
import { normalize } from '../base/intervals.ts';
import { normalizeWide } from '../base/wide-intervals.ts';
import { LOOKING, matchAsks } from './foreign-legacy.ts';
import { attributes, text } from './netlink.ts';
import type { NftSets, SetContents } from './nft-sets.ts';

const EXPRESSION = { name: 1, data: 2 } as const;
const DATA = { value: 1, verdict: 2, code: 1, chain: 2 } as const;
const META = { to: 1, key: 2, from: 3 } as const;
const PAYLOAD = { to: 1, base: 2, offset: 3, length: 4, from: 5 } as const;
const COMPARE = { register: 1, operation: 2, data: 3 } as const;
const RANGE = { register: 1, operation: 2, low: 3, high: 4 } as const;
const BITWISE = { from: 1, to: 2, length: 3, mask: 4, xor: 5, operation: 6 } as const;
const IMMEDIATE = { to: 1, data: 2 } as const;
const CT = { to: 1, from: 4 } as const;
const LOOKUP = { set: 1, from: 2, to: 3, flags: 5, inverted: 1 } as const;
const MATCH = { name: 1, revision: 2, data: 3 } as const;
export const TARGET = { name: 1, data: 3 } as const;
const META_KEYS: ReadonlyMap<number, readonly [field: Part, bytes: number]> = new Map([
  [6 /* IIFNAME */, ['device', 16]],
  [15 /* NFPROTO */, ['family', 1]],
  [16 /* L4PROTO */, ['protocol', 1]],
]);
const [NETWORK, TRANSPORT] = [1, 2];
const [EQUAL, NOT_EQUAL, AT_MOST, AT_LEAST] = [0, 1, 3, 5];
/** NFPROTO_IPV4, NFPROTO_IPV6 */
const PROTOCOL_FAMILY: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };
const VERDICT_REGISTER = 0;
/** NFT_JUMP and NFT_GOTO; NFT_CONTINUE, NFT_RETURN and NF_ACCEPT. */
const LEADING: readonly number[] = [-3, -4];
const CONTINUE = -1;
const PASSING: readonly number[] = [CONTINUE, -5, 1];
const LONGEST_NAME = 16;
/** The largest value that an expression loads, as a map does (NFT_DATA_VALUE_MAXLEN): all registers. */
const MOST_BYTES = 64;
/** Expressions that do nothing but load what is not understood here. */
const LOADING: ReadonlySet<string> = new Set(['byteorder', 'fib', 'hash', 'rt', 'socket', 'xfrm']);
/** A rule that is told as more than this asks for less. */
const MOST_RULES = 500;

type Part = 'device' | 'family' | 'protocol' | 'src' | 'dst' | 'sport' | 'dport' | 'tcpFlags';

/** Parts of a header: where they begin, and their bytes. */
const HEADERS: Readonly<Record<Family, readonly (readonly [part: Part, at: number, size: number])[]>> = {
  ipv4: [
    ['protocol', 9, 1],
    ['src', 12, 4],
    ['dst', 16, 4],
  ],
  ipv6: [
    ['protocol', 6, 1],
    ['src', 8, 16],
    ['dst', 24, 16],
  ],
};
const TRANSPORT_PARTS = [
  ['sport', 0, 2],
  ['dport', 2, 2],
  ['tcpFlags', 13, 1],
] as const;

export interface Expression {
  readonly name: string;
  readonly data: ReadonlyMap<number, Buffer>;
}

export function expressionOf(element: Buffer): Expression {
  const found = attributes(element, 0);
  return {
    name: text(found.get(EXPRESSION.name))!,
    data: attributes(found.get(EXPRESSION.data) ?? Buffer.alloc(0), 0),
  };
}

/** A part of the packet in the registers. */
interface Held {
  readonly part: Part;
  /** The first byte, and how many there are: of an address maybe the first ones alone. */
  readonly at: number;
  readonly bytes: number;
  /** Of an address, or of flags. */
  readonly mask?: Buffer;
}

export interface RuleSurroundings {
  readonly family: Family;
  /** What names a chain of the rule's table. */
  chainOf(name: string): string;
  readonly sets: Pick<NftSets, 'contents'>;
  /** Whether it matters what the rule counts. */
  readonly counts: boolean;
}

/** What one rule is told as. */
export function ruleOf(expressions: readonly Expression[], around: RuleSurroundings): ForeignRule[] {
  const reader = new RuleReader(around);
  for (const [i, expression] of expressions.entries()) {
    const ended = reader.read(expression, i === expressions.length - 1);
    if (ended !== undefined) return ended;
  }
  return [];
}

const number = (data: ReadonlyMap<number, Buffer>, key: number): number | undefined => data.get(key)?.readUInt32BE(0);
const value = (nested: Buffer | undefined): Buffer | undefined =>
  nested === undefined ? undefined : attributes(nested, 0).get(DATA.value);

class RuleReader {
  private readonly around: RuleSurroundings;
  /** What has been asked so far: packets go on that all of one of these is true of. */
  private ways: ForeignConditions[] = [[]];
  private held: readonly Held[] = [];

  constructor(around: RuleSurroundings) {
    this.around = around;
  }

  /** The rules, if this expression ends them. */
  read({ name, data }: Expression, isLast: boolean): ForeignRule[] | undefined {
    switch (name) {
      case 'meta':
        if (data.has(META.from)) return this.end('something');
        this.load(number(data, META.to)!, META_KEYS.get(number(data, META.key)!));
        return undefined;
      case 'payload':
        if (data.has(PAYLOAD.from)) return this.end('something');
        this.loadPayload(data);
        return undefined;
      case 'ct':
        if (data.has(CT.from)) return this.end('something');
        this.load(number(data, CT.to)!, undefined);
        return undefined;
      case 'bitwise':
        this.mask(data);
        return undefined;
      case 'cmp':
        this.compare(data);
        return undefined;
      case 'range': {
        const [low, high] = [value(data.get(RANGE.low)), value(data.get(RANGE.high))];
        const isNegated = number(data, RANGE.operation) === NOT_EQUAL;
        if (low !== undefined && high !== undefined)
          this.askOne(number(data, RANGE.register)!, low.length, low, high, isNegated);
        return undefined;
      }
      case 'immediate':
        if (number(data, IMMEDIATE.to) === VERDICT_REGISTER) return this.end(this.doesOf(data.get(IMMEDIATE.data)));
        this.load(number(data, IMMEDIATE.to)!, undefined);
        return undefined;
      case 'lookup':
        return this.lookUp(data, isLast);
      case 'match': {
        const [match, info] = [text(data.get(MATCH.name))!, data.get(MATCH.data)!];
        if (!LOOKING.has(match)) return this.end('something');
        this.ask(matchAsks({ name: match, revision: number(data, MATCH.revision) ?? 0, data: info }));
        return undefined;
      }
      case 'counter':
        return this.around.counts ? this.end('something') : undefined;
      default:
        if (!LOADING.has(name)) return this.end('something');
        this.held = [];
        return undefined;
    }
  }

  private end(does: ForeignRule['does']): ForeignRule[] {
    return this.ways.map((asks) => ({ asks, does }));
  }

  /** What a verdict does. */
  private doesOf(data: Buffer | undefined): ForeignRule['does'] {
    const code = verdictOf(data).get(DATA.code)?.readInt32BE(0);
    if (code === undefined) return 'something';
    if (LEADING.includes(code)) return { leadsTo: this.around.chainOf(text(verdictOf(data).get(DATA.chain))!) };
    return PASSING.includes(code) ? 'nothing' : 'something';
  }

  private ask(asked: ForeignConditions): void {
    if (isNever(asked)) this.ways = [];
    else if (asked.length > 0) this.ways = this.ways.map((way) => [...way, ...asked]);
  }

  /** Puts a part that is understood, or something else, into a register. */
  private load(register: number, loaded: readonly [Part, number] | undefined): void {
    const at = byteOf(register);
    const [part, bytes] = loaded ?? [undefined, MOST_BYTES];
    this.keepBut(at, bytes);
    if (part !== undefined) this.held = [...this.held, { part, at, bytes }];
  }

  private loadPayload(data: ReadonlyMap<number, Buffer>): void {
    const [base, offset, length] = [PAYLOAD.base, PAYLOAD.offset, PAYLOAD.length].map((key) => number(data, key)!);
    const at = byteOf(number(data, PAYLOAD.to)!);
    this.keepBut(at, length!);
    const parts = base === NETWORK ? HEADERS[this.around.family] : base === TRANSPORT ? TRANSPORT_PARTS : [];
    const found = parts.flatMap(([part, from, size]): Held[] => {
      const bytes = Math.min(size, offset! + length! - from);
      const isUnderstood = from >= offset! && bytes > 0 && (bytes === size || isAddress(part));
      return isUnderstood ? [{ part, at: at + from - offset!, bytes }] : [];
    });
    this.held = [...this.held, ...found];
  }

  /** Forgets what is in some bytes. */
  private keepBut(at: number, bytes: number): void {
    this.held = this.held.filter((each) => each.at + each.bytes <= at || each.at >= at + bytes);
  }

  private mask(data: ReadonlyMap<number, Buffer>): void {
    const [from, to] = [BITWISE.from, BITWISE.to].map((key) => byteOf(number(data, key)!)) as [number, number];
    const length = number(data, BITWISE.length)!;
    const [mask, xor] = [BITWISE.mask, BITWISE.xor].map((key) => value(data.get(key)));
    const isPlain = (number(data, BITWISE.operation) ?? 0) === 0 && xor?.every((byte) => byte === 0) === true;
    const masked =
      isPlain && mask?.length === length
        ? this.within(from, length).flatMap((each): Held[] => {
            if (!(isAddress(each.part) || each.part === 'tcpFlags') || each.mask !== undefined) return [];
            const at = each.at - from;
            return [{ ...each, at: to + at, mask: mask.subarray(at, at + each.bytes) }];
          })
        : [];
    this.keepBut(to, length);
    this.held = [...this.held, ...masked];
  }

  private within(at: number, bytes: number): Held[] {
    return this.held.filter((each) => each.at >= at && each.at + each.bytes <= at + bytes);
  }

  private compare(data: ReadonlyMap<number, Buffer>): void {
    const compared = value(data.get(COMPARE.data));
    if (compared === undefined) return;
    const [register, { length }] = [number(data, COMPARE.register)!, compared];
    switch (number(data, COMPARE.operation)) {
      case EQUAL: {
        const at = byteOf(register);
        for (const each of this.namesShortened(at, length)) {
          const part = compared.subarray(each.at - at, each.at - at + each.bytes);
          this.ask(this.conditionsOf(each, [{ low: part, high: part }], false));
        }
        break;
      }
      case NOT_EQUAL:
        this.askOne(register, length, compared, compared, true);
        break;
      case AT_MOST:
        this.askOne(register, length, Buffer.alloc(length), compared, false);
        break;
      case AT_LEAST:
        this.askOne(register, length, compared, Buffer.alloc(length, 0xff), false);
        break;
    }
  }

  /** What is in some bytes: of a device's name maybe the first letters alone. */
  private namesShortened(at: number, bytes: number): Held[] {
    const isShort = (each: Held) => each.part === 'device' && each.at === at && each.bytes > bytes;
    const short = this.held.filter(isShort).map((each) => ({ ...each, bytes }));
    return short.length > 0 ? short : this.within(at, bytes);
  }

  /** Asks of a part that is all there is in some bytes whether it is in a range. */
  private askOne(register: number, bytes: number, low: Buffer, high: Buffer, negated: boolean): void {
    const [only, ...more] = this.namesShortened(byteOf(register), bytes);
    if (only?.bytes === bytes && more.length === 0) this.ask(this.conditionsOf(only, [{ low, high }], negated));
  }

  private lookUp(data: ReadonlyMap<number, Buffer>, isLast: boolean): ForeignRule[] | undefined {
    const contents = this.around.sets.contents(text(data.get(LOOKUP.set))!);
    const at = byteOf(number(data, LOOKUP.from)!);
    const isInverted = ((number(data, LOOKUP.flags) ?? 0) & LOOKUP.inverted) !== 0;
    if (this.around.counts && contents?.counts !== false) {
      if (contents !== undefined && !isInverted) this.askSet(contents, at, false);
      return this.end('something');
    }
    if (number(data, LOOKUP.to) === VERDICT_REGISTER) return this.lead(contents, at, isLast);
    if (contents !== undefined) this.askSet(contents, at, isInverted);
    if (data.has(LOOKUP.to)) this.load(number(data, LOOKUP.to)!, undefined);
    return undefined;
  }

  /** What of a set's key is known; of numbers that span several parts none is. */
  private keyParts({ keyLength, isSpan }: SetContents, at: number): Held[] {
    const found = this.within(at, keyLength);
    const isWhole = found.length === 1 && found[0]!.bytes === keyLength;
    return isSpan && !isWhole ? [] : found;
  }

  /** Packets go on that are in a set. */
  private askSet(contents: SetContents, at: number, inverted: boolean): void {
    if (contents.others !== undefined) return;
    const parts = this.keyParts(contents, at);
    // That several parts are not in it says nothing of one alone.
    if (inverted && parts[0]?.bytes !== contents.keyLength) return;
    for (const part of parts) {
      const values = contents.elements.map((each) => slice(each, part, at));
      if (part.part === 'device' && !inverted) this.askDevices(values.map(({ low }) => low));
      else this.ask(this.conditionsOf(part, values, inverted));
    }
  }

  /** Packets go on that come in by one of some devices. */
  private askDevices(names: readonly Buffer[]): void {
    if (names.length * this.ways.length > MOST_RULES) return;
    const asked = names.map((name) => namesAsked(name, false));
    this.ways = this.ways.flatMap((way) => asked.map((each) => [...way, ...each]));
  }

  /** Packets go where a map leads them, those that are not in it nowhere. */
  private lead(contents: SetContents | undefined, at: number, isLast: boolean): ForeignRule[] {
    if (contents === undefined || contents.elements.length * this.ways.length > MOST_RULES)
      return this.end('something');
    const parts = this.keyParts(contents, at);
    const all = [
      ...contents.elements.map((element) => ({
        asked: parts.flatMap((part) => this.conditionsOf(part, [slice(element, part, at)], false)),
        data: element.data,
      })),
      ...(contents.others === undefined ? [] : [{ asked: [] as ForeignConditions, data: contents.others.data }]),
    ];
    const goesOn = all.some(({ data }) => verdictOf(data).get(DATA.code)?.readInt32BE(0) === CONTINUE);
    if (goesOn && !isLast) return this.end('something');
    const possible = all.filter(({ asked }) => !isNever(asked));
    return possible.flatMap(({ asked, data }) =>
      this.ways.map((way) => ({ asks: [...way, ...asked], does: this.doesOf(data) })),
    );
  }

  /** That a part is one of some values, or none of them; nothing where that is not understood. */
  private conditionsOf({ part, mask }: Held, values: readonly Values[], negated: boolean): ForeignConditions {
    const { family } = this.around;
    const isPlain = values.every(({ low, high }) => low.equals(high));
    switch (part) {
      case 'device':
        if (!isPlain || (values.length !== 1 && !negated)) return [];
        return values.flatMap(({ low }) => namesAsked(low, negated));
      case 'family': {
        if (!isPlain) return [];
        const isOne = values.some(({ low }) => low[0] === PROTOCOL_FAMILY[family]);
        return isOne === negated ? NEVER : [];
      }
      case 'src':
      case 'dst': {
        const size = ADDRESS_BYTES[family];
        const filled = (bytes: Buffer, rest: number) =>
          bigEndian(Buffer.concat([bytes, Buffer.alloc(size - bytes.length, rest)]));
        if (mask === undefined) {
          const set = normalizeWide(values.map(({ low, high }) => ({ low: filled(low, 0), high: filled(high, 0xff) })));
          return asksAddress(family, part, set, negated);
        }
        if (values.length !== 1 || !isPlain) return [];
        return asksMasked(family, part, filled(values[0]!.low, 0), filled(mask, 0), negated);
      }
      case 'tcpFlags': {
        if (values.length !== 1 || !isPlain) return [];
        return asksFlags(mask?.[0] ?? 0xff, values[0]!.low[0]!, negated);
      }
      default: {
        const set = values.map(({ low, high }) => ({ low: Number(bigEndian(low)), high: Number(bigEndian(high)) }));
        return asksNumber(part, normalize(set.filter(({ low, high }) => low <= high)), negated);
      }
    }
  }
}

interface Values {
  readonly low: Buffer;
  readonly high: Buffer;
}

/** A part's values in those of a key that begins at a byte of the registers. */
function slice({ low, high }: Values, part: Held, at: number): Values {
  const [from, to] = [part.at - at, part.at - at + part.bytes];
  return { low: low.subarray(from, to), high: high.subarray(from, to) };
}

function namesAsked(name: Buffer, negated: boolean): ForeignConditions {
  const end = name.indexOf(0);
  const isWhole = end !== -1 || name.length >= LONGEST_NAME;
  return asksDevice(name.toString('latin1', 0, end === -1 ? name.length : end), !isWhole, negated);
}

function isNever(asked: ForeignConditions): boolean {
  return asked.includes(NEVER[0]!);
}

function verdictOf(data: Buffer | undefined): ReadonlyMap<number, Buffer> {
  return attributes(attributes(data ?? Buffer.alloc(0), 0).get(DATA.verdict) ?? Buffer.alloc(0), 0);
}

function isAddress(part: Part): boolean {
  return part === 'src' || part === 'dst';
}

/** Where a register begins, in bytes: NFT_REG_1 to 4 are four of NFT_REG32_00 to 15 each, which have numbers from 8 on. */
function byteOf(register: number): number {
  return register < 8 ? 16 * (register - 1) : 4 * (register - 8);
}
