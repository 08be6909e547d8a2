// `-m hashlimit`: a limit for each group of packets, kept in a table by name. Kernel: net/netfilter/xt_hashlimit.c; the
// third revision of its interface.

import { ADDRESS_BITS, type Family } from '../../base/family.ts';
import {
  ExtensionError,
  type MatchExtension,
  type OptionSpec,
  type OptionUse,
  ValueError,
  type ValueType,
} from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { integer } from '../values/integer.ts';
import { keptText } from '../values/kept-text.ts';
import { keptPrefix } from '../values/network.ts';
import { printExactRate, printRate } from '../values/rate.ts';
import {
  BURST_MOST,
  type Burst,
  BYTE_SECONDS,
  burst as burstValue,
  bytesOfCost,
  type HashRate,
  hashRate,
  interval,
  PACKET_SCALE,
  printBytes,
  showBytes,
  timesTheRate,
} from './hashlimit-rate.ts';
import { hashlimitRefusal } from './hashlimit-refusal.ts';

/** What packets are grouped by, in the order in which iptables prints it. */
const MODES = ['srcip', 'srcport', 'dstip', 'dstport'] as const;
type Mode = (typeof MODES)[number];

export interface HashlimitData {
  /** Matches the packets beyond the rate instead of those within. */
  readonly above: boolean;
  /** Whether bytes are counted, not packets. */
  readonly bytes: boolean;
  /** Of a packet in microseconds, or of 16 bytes in 1/2³² of the most that there is (`bytesOfCost`). */
  readonly cost: bigint;
  /** Packets, or times the rate in bytes; 0 for no burst of bytes. */
  readonly burst: bigint;
  readonly modes: readonly Mode[];
  readonly name: string;
  /** Buckets and entries; 0 leaves it to the kernel. */
  readonly size: number;
  readonly entries: number;
  /** In milliseconds. */
  readonly collect: number;
  readonly expire: number;
  readonly sourcePrefix: number;
  readonly destinationPrefix: number;
  readonly rateMatch: boolean;
  /** In seconds; 0 for none. */
  readonly interval: number;
}

const DEFAULT_BURST = 5n;
/** In milliseconds; the second where bytes have a burst. */
const DEFAULT_COLLECT = 1000;
const BURST_EXPIRE = 60_000;
/** Bytes of a table's name (NAME_MAX, with the final zero). */
const NAME_SIZE = 255;
/** What the kernel cuts sizes to. */
const SIZE_MOST = 1_048_576;

const uint32 = integer(0xffffffff);

const modes: ValueType<readonly Mode[]> = {
  placeholder: 'srcip|srcport|dstip|dstport,...',
  parse(text) {
    const words = text.split(/[,|]/).filter((word) => word !== '');
    if (!words.every((word) => (MODES as readonly string[]).includes(word))) {
      throw new ValueError(`hashlimit: Bad value for "--hashlimit-mode" option: "${text}"`);
    }
    return MODES.filter((mode) => words.includes(mode));
  },
};

function rateOption(name: string, other: string, about: string): OptionSpec {
  return {
    ...{ name, values: [hashRate(name)], negatable: true, excludes: [other], about },
    messages: { repeated: `hashlimit: option "${name}" can only be used once.` },
  };
}

function tableOption(word: string, about: string): OptionSpec {
  return { name: `--hashlimit-htable-${word}`, values: [uint32], about };
}

export const hashlimit: MatchExtension<HashlimitData> = {
  kind: 'match',
  name: 'hashlimit',
  about: 'matches up to so many packets or bytes in a time, for each group by itself',
  options: [
    {
      ...rateOption('--hashlimit-upto', '--hashlimit-above', 'matches within this rate'),
      aliases: ['--hashlimit'],
    },
    rateOption('--hashlimit-above', '--hashlimit-upto', 'matches beyond this rate'),
    { name: '--hashlimit-srcmask', values: [keptPrefix], about: 'how much of the source address tells groups apart' },
    { name: '--hashlimit-dstmask', values: [keptPrefix], about: 'how much of the destination address does' },
    { name: '--hashlimit-burst', values: [burstValue], about: 'how much may come at once' },
    tableOption('size', 'buckets of the table'),
    tableOption('max', 'entries of the table at most'),
    tableOption('gcinterval', 'milliseconds between clean-ups'),
    tableOption('expire', 'milliseconds after which an idle entry goes'),
    { name: '--hashlimit-mode', values: [modes], about: 'what makes a group; all packets are one without it' },
    {
      ...{ name: '--hashlimit-name', values: [keptText(NAME_SIZE - 1, 1, 'name')], required: true },
      about: 'the name of the table',
    },
    { name: '--hashlimit-rate-match', values: [], about: 'compares the rate without limiting it' },
    { name: '--hashlimit-rate-interval', values: [interval], about: 'seconds over which the rate is compared' },
  ],

  precheck: (uses) => void limitOf(uses),

  build(uses, { family }) {
    const bits = ADDRESS_BITS[family];
    const number = (name: string, absent: number) => firstValue<number>(uses, `--hashlimit-${name}`) ?? absent;
    return {
      ...limitOf(uses),
      modes: firstValue<readonly Mode[]>(uses, '--hashlimit-mode') ?? [],
      name: firstValue<string>(uses, '--hashlimit-name')!,
      size: Math.min(number('htable-size', 0), SIZE_MOST),
      entries: Math.min(number('htable-max', 0), SIZE_MOST),
      collect: number('htable-gcinterval', DEFAULT_COLLECT),
      sourcePrefix: number('srcmask', bits),
      destinationPrefix: number('dstmask', bits),
    };
  },

  check: (data, { family }) => hashlimitRefusal(data, ADDRESS_BITS[family]),
  print: (data, { family }) => printed(data, '--hashlimit-', family),
  list: (data, { family }) => printed(data, '', family).join(' '),
};

/** The limit itself, with the checks that iptables makes before any other. */
function limitOf(uses: readonly OptionUse[]) {
  const rateUse = uses.find(({ name }) => name === '--hashlimit-upto' || name === '--hashlimit-above');
  if (rateUse === undefined) throw new ExtensionError('missing-option', 'You have to specify --hashlimit');
  const rate = rateUse.values[0] as HashRate;
  const given = firstValue<Burst>(uses, '--hashlimit-burst');
  const rateMatch = isGiven(uses, '--hashlimit-rate-match');
  const expire = firstValue<number>(uses, '--hashlimit-htable-expire');
  const asked = firstValue<number>(uses, '--hashlimit-rate-interval') ?? 0;
  const above = (rateUse.name === '--hashlimit-above') !== rateUse.negated;
  if (rate.bytes) {
    const burst = given === undefined ? 0n : byteBurst(given, rate.cost);
    const kept = expire ?? (given === undefined ? rate.seconds * 1000 : BURST_EXPIRE);
    const interval = rateMatch && asked === 0 ? 1 : asked;
    return { above, bytes: true, cost: rate.cost, burst, expire: kept, rateMatch, interval };
  }
  const burst = given ?? DEFAULT_BURST;
  if (burst > BURST_MOST) {
    const range = `or out of range (1-${BURST_MOST})`;
    throw new ExtensionError('bad-value', `bad value for option "--hashlimit-burst", ${range}.`, '--hashlimit-burst');
  }
  const cost = rateMatch ? rate.cost / BigInt(rate.seconds) : rate.cost;
  const interval = rateMatch && asked === 0 ? rate.seconds : asked;
  return { above, bytes: false, cost, burst, expire: expire ?? rate.seconds * 1000, rateMatch, interval };
}

function byteBurst(burst: bigint, cost: bigint): bigint {
  const rate = bytesOfCost(cost);
  // Below 16 bytes a second the rate is kept as 0, and iptables itself comes to grief.
  if (burst < rate || rate === 0n) {
    throw new ExtensionError('bad-value', `burst cannot be smaller than ${rate}b`, '--hashlimit-burst');
  }
  return timesTheRate(burst, cost);
}

/** Save and listing have the same parts; a listing has no dashes and no name, and shows what would not read back. */
function printed(data: HashlimitData, prefix: string, family: Family): string[] {
  const isList = prefix === '';
  const words = isList ? ['limit:', data.above ? 'above' : 'up to'] : [`${prefix}${data.above ? 'above' : 'upto'}`];
  let usual: number;
  if (data.bytes) {
    const { rate, burst } = (isList ? showBytes : printBytes)(data.cost, data.burst);
    words.push(rate, ...(burst === undefined ? [] : [`${prefix}burst`, burst]));
    usual = data.burst === 0n ? BYTE_SECONDS * 1000 : BURST_EXPIRE;
  } else {
    const factor = isList && data.interval !== 0 ? BigInt(data.interval) : 1n;
    const { text, seconds } = (isList ? printRate : printExactRate)(
      BigInt.asUintN(64, data.cost * factor),
      PACKET_SCALE,
    );
    words.push(text, `${prefix}burst`, `${data.burst}`);
    usual = Number(seconds) * 1000;
  }
  if (data.modes.length > 0) words.push(`${prefix}mode`, data.modes.join(isList ? '-' : ','));
  if (!isList) words.push(`${prefix}name`, bareText(data.name));
  const number = (word: string, value: number, usual: number) => {
    if (value !== usual) words.push(`${prefix}${word}`, `${value}`);
  };
  number('htable-size', data.size, 0);
  number('htable-max', data.entries, 0);
  number('htable-gcinterval', data.collect, DEFAULT_COLLECT);
  number('htable-expire', data.expire, usual);
  number('srcmask', data.sourcePrefix, ADDRESS_BITS[family]);
  number('dstmask', data.destinationPrefix, ADDRESS_BITS[family]);
  if (data.rateMatch) words.push(`${prefix}rate-match`);
  if (data.rateMatch) number('rate-interval', data.interval, 1);
  // Without a rate to match it changes nothing but the listing, and iptables does not save it.
  else if (!isList) number('rate-interval', data.interval, 0);
  return words;
}
