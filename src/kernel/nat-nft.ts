// What chains of nftables of type nat ask of packets at PREROUTING (include/uapi/linux/netfilter/nf_tables.h).
//
// A rule is a row of expressions: some load a part of the packet into a register, others compare it, and the rule ends where
// one does not hold. What the last load has put where is known; of all else nothing is. iptables-nft's rules have matches
// and targets of iptables among them.

import { asksAddress, asksDevice, asksNumber, type NatChains, type NatConditions, type NatRule } from '../base/nat.ts';
import { KernelError } from './errors.ts';
import { LOOKING } from './nat-legacy.ts';
import { attribute, attributes, dump, FAMILY, text } from './netlink.ts';

/** NFNL_SUBSYS_NFTABLES << 8, with NFT_MSG_GETCHAIN and NFT_MSG_GETRULE */
const [GET_CHAIN, GET_RULE] = [(10 << 8) | 4, (10 << 8) | 7];
/** `struct nfgenmsg` */
const NFGENMSG = 4;
/** NFPROTO_INET, NFPROTO_IPV4 */
const SEEING_IPV4: readonly number[] = [1, 2];
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7, hookNumber: 1 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const EXPRESSION = { name: 1, data: 2 } as const;
const DATA = { value: 1, verdict: 2, code: 1, chain: 2 } as const;
const META = { to: 1, key: 2, from: 3 } as const;
const PAYLOAD = { to: 1, base: 2, offset: 3, length: 4, from: 5 } as const;
const COMPARE = { register: 1, operation: 2, data: 3 } as const;
const RANGE = { register: 1, operation: 2, low: 3, high: 4 } as const;
const BITWISE = { from: 1, to: 2, mask: 4, xor: 5, operation: 6 } as const;
const CT = { from: 4 } as const;
const LOOKUP = { to: 3 } as const;
const [META_IIFNAME, META_L4PROTO] = [6, 16];
const [NETWORK, TRANSPORT] = [1, 2];
const [EQUAL, NOT_EQUAL, AT_MOST, AT_LEAST] = [0, 1, 3, 5];
const VERDICT_REGISTER = 0;
/** NFT_JUMP and NFT_GOTO; NFT_CONTINUE, NFT_RETURN and NF_ACCEPT. */
const LEADING: readonly number[] = [-3, -4];
const PASSING: readonly number[] = [-1, -5, 1];
const ACCEPT = 1;
const PREROUTING = 0;
const LONGEST_NAME = 16;
/** Expressions that do nothing but count, or load what is not understood here. */
const HARMLESS: ReadonlySet<string> = new Set(['counter', 'byteorder', 'fib', 'hash', 'rt', 'socket', 'xfrm']);

interface Base {
  readonly family: number;
  readonly table: string;
  readonly key: string;
  readonly hook: number;
  readonly policy: number;
}

type NftChains = Pick<NatChains, 'entered' | 'chains' | 'nftables' | 'hasNftables' | 'mayExpect'>;

/** All chains of tables with chains of NAT. */
export function nftNatChains(): NftChains {
  const bases = natBases();
  const chains = new Map<string, NatRule[]>();
  const at = bases.filter(({ hook }) => hook === PREROUTING);
  let mayExpect = false;
  for (const tableKey of new Set(bases.map(({ family, table }) => keyOf(family, table, '')))) {
    const { family, table } = bases.find((base) => keyOf(base.family, base.table, '') === tableKey)!;
    for (const message of listRules(family, table)) {
      const found = attributes(message, NFGENMSG);
      const expressions = listOf(found.get(RULE.expressions)).map(expressionOf);
      const key = keyOf(family, table, text(found.get(RULE.chain))!);
      if (!chains.has(key)) chains.set(key, []);
      chains.get(key)!.push(ruleOf(expressions, (chain) => keyOf(family, table, chain)));
      mayExpect ||= expressions.some(mayAssign);
    }
  }
  for (const { key, policy } of at) {
    if (policy !== ACCEPT) chains.set(key, [...(chains.get(key) ?? []), { asks: [], does: 'something' }]);
  }
  return {
    ...{ entered: at.map(({ key }) => key), chains, nftables: at.length },
    ...{ hasNftables: bases.length > 0, mayExpect },
  };
}

function keyOf(family: number, table: string, chain: string): string {
  return JSON.stringify([family, table, chain]);
}

function natBases(): Base[] {
  let messages: Buffer[];
  try {
    messages = dump('list the nftables chains', FAMILY.netfilter, GET_CHAIN, Buffer.alloc(NFGENMSG));
  } catch (error) {
    if (error instanceof KernelError) return []; // the kernel has no nftables
    throw error;
  }
  return messages.flatMap((message) => {
    const family = message.readUInt8(0);
    const found = attributes(message, NFGENMSG);
    if (!SEEING_IPV4.includes(family) || text(found.get(CHAIN.type)) !== 'nat') return [];
    const [table, name] = [text(found.get(CHAIN.table))!, text(found.get(CHAIN.name))!];
    const hook = attributes(found.get(CHAIN.hook)!, 0).get(CHAIN.hookNumber)!.readUInt32BE(0);
    const policy = found.get(CHAIN.policy)?.readUInt32BE(0) ?? ACCEPT;
    return [{ family, table, key: keyOf(family, table, name), hook, policy }];
  });
}

function listRules(family: number, table: string): Buffer[] {
  const request = Buffer.concat([
    Buffer.from([family, 0, 0, 0]),
    attribute(RULE.table, Buffer.from(`${table}\0`, 'latin1')),
  ]);
  // Kernels that do not look at the table tell all rules.
  return dump('list the nftables rules', FAMILY.netfilter, GET_RULE, request).filter(
    (message) => message.readUInt8(0) === family && text(attributes(message, NFGENMSG).get(RULE.table)) === table,
  );
}

/** The elements of a list, all of one type. */
function listOf(list: Buffer | undefined): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; list !== undefined && at + 4 <= list.length; ) {
    const length = list.readUInt16LE(at);
    found.push(list.subarray(at + 4, at + length));
    at += Math.max(4, (length + 3) & ~3);
  }
  return found;
}

interface Expression {
  readonly name: string;
  readonly data: ReadonlyMap<number, Buffer>;
}

function expressionOf(element: Buffer): Expression {
  const found = attributes(element, 0);
  return {
    name: text(found.get(EXPRESSION.name))!,
    data: attributes(found.get(EXPRESSION.data) ?? Buffer.alloc(0), 0),
  };
}

/** Whether an expression may assign a helper, by which connections are expected. */
function mayAssign({ name, data }: Expression): boolean {
  return name === 'objref' || (name === 'target' && text(data.get(1)) === 'CT');
}

/** What a register holds: its number, and the part of the packet. */
interface Loaded {
  readonly register: number;
  readonly part: 'device' | 'protocol' | { readonly base: number; readonly offset: number; readonly length: number };
  /** Of an address. */
  readonly mask?: number;
}

const number = (data: ReadonlyMap<number, Buffer>, key: number): number | undefined => data.get(key)?.readUInt32BE(0);

function ruleOf(expressions: readonly Expression[], chainOf: (name: string) => string): NatRule {
  const asks: NatConditions[number][] = [];
  let loaded: Loaded | undefined;
  for (const { name, data } of expressions) {
    switch (name) {
      case 'meta':
      case 'payload': {
        const codes = name === 'meta' ? META : PAYLOAD;
        if (data.has(codes.from)) return { asks, does: 'something' };
        loaded = loadOf(name, data);
        break;
      }
      case 'bitwise':
        loaded = maskedOf(loaded, data);
        break;
      case 'cmp': {
        const value = attributes(data.get(COMPARE.data)!, 0).get(DATA.value);
        const operation = number(data, COMPARE.operation);
        const isHere = loaded !== undefined && loaded.register === number(data, COMPARE.register);
        if (!isHere || value === undefined) break;
        if (operation === AT_MOST) asks.push(...compared(loaded!, Buffer.alloc(value.length), value, false));
        else if (operation === AT_LEAST)
          asks.push(...compared(loaded!, value, Buffer.alloc(value.length, 0xff), false));
        else if (operation === EQUAL || operation === NOT_EQUAL) {
          asks.push(...compared(loaded!, value, value, operation === NOT_EQUAL));
        }
        break;
      }
      case 'range': {
        const [low, high] = [RANGE.low, RANGE.high].map((key) => attributes(data.get(key)!, 0).get(DATA.value));
        const isHere = loaded !== undefined && loaded.register === number(data, RANGE.register);
        if (isHere && low !== undefined && high !== undefined) {
          asks.push(...compared(loaded!, low, high, number(data, RANGE.operation) === NOT_EQUAL));
        }
        break;
      }
      case 'immediate': {
        if (number(data, 1) !== VERDICT_REGISTER) {
          loaded = undefined;
          break;
        }
        const verdict = attributes(attributes(data.get(2)!, 0).get(DATA.verdict) ?? Buffer.alloc(0), 0);
        const code = verdict.get(DATA.code)?.readInt32BE(0);
        if (code !== undefined && LEADING.includes(code)) {
          return { asks, does: { leadsTo: chainOf(text(verdict.get(DATA.chain))!) } };
        }
        return { asks, does: code !== undefined && PASSING.includes(code) ? 'nothing' : 'something' };
      }
      case 'ct':
        if (data.has(CT.from)) return { asks, does: 'something' };
        loaded = undefined;
        break;
      case 'lookup':
        // A map of verdicts may lead anywhere.
        if (data.has(LOOKUP.to)) {
          if (number(data, LOOKUP.to) === VERDICT_REGISTER) return { asks, does: 'something' };
          loaded = undefined;
        }
        break;
      case 'match':
        if (!LOOKING.has(text(data.get(1)) ?? '')) return { asks, does: 'something' };
        break;
      case 'counter':
        break;
      default:
        if (!HARMLESS.has(name)) return { asks, does: 'something' };
        loaded = undefined;
    }
  }
  return { asks, does: 'nothing' };
}

function loadOf(name: 'meta' | 'payload', data: ReadonlyMap<number, Buffer>): Loaded | undefined {
  const register = number(data, 1)!;
  if (name === 'meta') {
    const key = number(data, META.key);
    if (key === META_IIFNAME) return { register, part: 'device' };
    return key === META_L4PROTO ? { register, part: 'protocol' } : undefined;
  }
  const [base, offset, length] = [PAYLOAD.base, PAYLOAD.offset, PAYLOAD.length].map((key) => number(data, key)!);
  return { register, part: { base: base!, offset: offset!, length: length! } };
}

function maskedOf(loaded: Loaded | undefined, data: ReadonlyMap<number, Buffer>): Loaded | undefined {
  const register = number(data, BITWISE.from);
  if (loaded === undefined || loaded.register !== register || register !== number(data, BITWISE.to)) return undefined;
  const [mask, xor] = [BITWISE.mask, BITWISE.xor].map((key) => {
    const nested = data.get(key);
    return nested === undefined ? undefined : attributes(nested, 0).get(DATA.value);
  });
  const isPlain = (number(data, BITWISE.operation) ?? 0) === 0 && xor?.every((byte) => byte === 0) === true;
  return isPlain && mask?.length === 4 ? { ...loaded, mask: mask.readUInt32BE(0) } : undefined;
}

/** What a comparison asks of a packet; nothing where that is not understood. */
function compared({ part, mask }: Loaded, low: Buffer, high: Buffer, negated: boolean): NatConditions {
  const isOne = low.equals(high);
  if (part === 'device') {
    if (!isOne || mask !== undefined) return [];
    const end = low.indexOf(0);
    const isWhole = end !== -1 || low.length >= LONGEST_NAME;
    return asksDevice(low.toString('latin1', 0, end === -1 ? low.length : end), !isWhole, negated);
  }
  if (part === 'protocol') return mask === undefined ? asksNumber('protocol', low[0]!, high[0]!, negated) : [];
  const { base, offset, length } = part;
  if (low.length !== length || high.length !== length) return [];
  const field = base === NETWORK ? ({ 12: 'src', 16: 'dst' } as const)[offset] : undefined;
  if (field !== undefined && length <= 4) {
    const [first, last] = [low, high].map((bytes) => Buffer.concat([bytes, Buffer.alloc(4 - length)]).readUInt32BE(0));
    const ones = mask ?? (length === 0 ? 0 : (-1 << (32 - 8 * length)) >>> 0);
    if (isOne) return asksAddress(field, first!, ones, negated);
    return length === 4 && mask === undefined ? asksNumber(field, first!, last!, negated) : [];
  }
  if (mask !== undefined) return [];
  if (base === NETWORK && offset === 9 && length === 1) return asksNumber('protocol', low[0]!, high[0]!, negated);
  const port = base === TRANSPORT ? ({ 0: 'sport', 2: 'dport' } as const)[offset] : undefined;
  return port === undefined || length !== 2 ? [] : asksNumber(port, low.readUInt16BE(0), high.readUInt16BE(0), negated);
}
