// Pools of values that others are made of: words, numbers, ranges, lists, addresses, texts.

import type { Family } from '../../src/base/family.ts';
import type { Choice } from '../harness/random.ts';

export type Pool = (choice: Choice, family: Family) => string;

/** How often a value is chosen to be wrong or rare. */
const ODD = 0.1;

/** Things that are almost numbers, as the C library reads them. */
const ODD_NUMBERS = words(
  `-1 +1 0x10 0X1f 010 08 1x x1 0x 00 1.5 1e3 -0 1/2 1: :1 1, ,1 !1 256 65536 4294967296 18446744073709551616 0xffffffffffffffff`,
  '',
  '1 ',
  ' 1',
);

function words(text: string, ...more: string[]): readonly string[] {
  return [...text.trim().split(/\s+/).filter(Boolean), ...more];
}

/** One of the words; those behind a `~`, and those given singly, are wrong or rare. */
export const among = (text: string, ...rare: string[]): Pool => {
  const [right = [], wrong = []] = text.split('~').map((part) => words(part));
  const odd = [...wrong, ...rare];
  return (choice) => choice.pick(right.length === 0 || (odd.length > 0 && choice.chance(ODD)) ? odd : right);
};

/** One of the texts as they are. */
export const oneOf =
  (...texts: readonly string[]): Pool =>
  (choice) =>
    choice.pick(texts);

/** Each of the pools as often as its weight says. */
export const mixed =
  (...from: readonly (readonly [weight: number, pool: Pool])[]): Pool =>
  (choice, family) =>
    choice.weighted(from)(choice, family);

/** A number up to `maximum`, with a liking for the ends; once in a while something else. */
const number =
  (maximum: bigint): Pool =>
  (choice) => {
    if (choice.chance(ODD / 3)) return choice.pick(ODD_NUMBERS);
    if (choice.chance(ODD / 5)) return `${maximum + 1n}`;
    if (choice.chance(0.3)) return `${choice.pick([0n, 1n, 2n, maximum - 1n, maximum, maximum / 2n + 1n])}`;
    const value = (BigInt(choice.word()) * BigInt(choice.word())) % (choice.chance(0.5) ? 60n : maximum + 1n);
    return choice.chance(0.15) ? `0x${value.toString(16)}` : `${value}`;
  };

export const number6 = number(0x3fn);
export const byte = number(0xffn);
export const number16 = number(0xffffn);
export const number32 = number(0xffff_ffffn);
export const number64 = number(0xffff_ffff_ffff_ffffn);

export const range =
  (of: Pool, separator = ':'): Pool =>
  (choice, family) => {
    const one = of(choice, family);
    if (choice.chance(0.4)) return one;
    const two = of(choice, family);
    const ascending = [one, two].sort((a, b) => Number(a) - Number(b)).join(separator);
    return choice.weighted([
      [4, `${one}${separator}${two}`],
      [16, ascending],
      [2, `${separator}${two}`],
      [2, `${one}${separator}`],
      [1, separator],
      [1, `${ascending}${separator}${one}`],
    ]);
  };

export const list =
  (of: Pool, longest = 4, separator = ','): Pool =>
  (choice, family) => {
    const count = choice.weighted([
      [8, 1],
      [8, 2],
      [4, 3],
      [1, longest],
    ]);
    const text = Array.from({ length: count }, () => of(choice, family)).join(separator);
    return choice.chance(ODD / 4) ? `${text}${separator}` : choice.chance(ODD / 8) ? `${separator}${text}` : text;
  };

/** A name, now and then in other letters, shortened, or with something behind. */
export const varied =
  (of: Pool): Pool =>
  (choice, family) => {
    const text = of(choice, family);
    return choice.weighted([
      [40, text],
      [1, text.toLowerCase()],
      [1, text.toUpperCase()],
      [1, text.slice(0, -1)],
      [1, `${text}x`],
    ]);
  };

const IPV4_HOSTS = among(
  '10.0.0.1 192.168.1.2 1.2.3.4 0.0.0.0 255.255.255.255 127.0.0.1 10 10.1 224.0.0.1 ~ 1.2.3.400 nosuch.invalid localhost ::1',
);
const IPV6_HOSTS = among(
  'fe80::1 2001:db8::1 :: ::1 2001:db8:0:0:1:0:0:1 ::ffff:1.2.3.4 ff02::1 2001:DB8::A 64:ff9b::1.2.3.4 1:2:3:4:5:6:7:8 ~ 1::2::3 10.0.0.1 localhost nosuch.invalid',
);

export const host: Pool = (choice, family) => {
  if (choice.chance(0.5)) return (family === 'ipv6' ? IPV6_HOSTS : IPV4_HOSTS)(choice, family);
  if (family === 'ipv4') return [...choice.bytes(4)].join('.');
  const groups = Array.from({ length: 8 }, () => (choice.chance(0.4) ? 0 : choice.integer(0, 0xffff)).toString(16));
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
};

export const length: Pool = (choice, family) => {
  if (choice.chance(ODD / 3)) return choice.pick(ODD_NUMBERS);
  const bits = family === 'ipv6' ? 128 : 32;
  return `${choice.integer(0, choice.chance(ODD / 3) ? bits + 1 : bits)}`;
};

const IPV4_MASKS = among(
  '255.255.255.0 255.255.255.255 0.0.0.0 255.0.255.0 255.255.240.0 ~ 255.255 255.255.255.256 24 ffff::',
);
const IPV6_MASKS = among(
  'ffff:: ffff:ffff:ffff:ffff:: ffff:0:ffff:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff :: ~ 64 255.255.0.0',
);

export const mask: Pool = (choice, family) => (family === 'ipv6' ? IPV6_MASKS : IPV4_MASKS)(choice, family);

export const address: Pool = (choice, family) => {
  const one = host(choice, family);
  if (choice.chance(0.45)) return one;
  return `${one}/${choice.chance(0.75) ? length(choice, family) : mask(choice, family)}`;
};

const SERVICES = among('http ssh domain ftp-data https smtp auth isakmp ~ nosuch HTTP 3com-tsmux x11');

export const port = mixed([1, SERVICES], [6, number16]);
export const portRange = range(port);

export const mark: Pool = (choice, family) => {
  const value = number32(choice, family);
  return choice.chance(0.5) ? value : `${value}/${number32(choice, family)}`;
};

const RATE_UNITS = among('sec second s minute min m hour h day d ~ secs SEC Minute x week', '');

export const rate: Pool = (choice, family) => {
  const value = choice.chance(0.8) ? `${choice.integer(choice.chance(0.1) ? 0 : 1, 9999)}` : number32(choice, family);
  return choice.chance(0.2) ? value : `${value}/${RATE_UNITS(choice, family)}`;
};

const BYTE_UNITS = among('b/s kb/s mb/s b/sec kb/second mb/s ~ gb/s mb k/s B/S kB/s b/min');

export const hashRate = mixed(
  [7, rate],
  [
    3,
    (choice, family) =>
      `${choice.chance(0.7) ? choice.integer(1, 4000) : number32(choice, family)}${BYTE_UNITS(choice, family)}`,
  ],
);

/** Texts with what must be quoted or cut. */
const TEXTS = [
  'x',
  'drop: ',
  'a b',
  "it's",
  '"',
  '\\',
  '-x',
  '!',
  'tab\there',
  'ä',
  '%n',
  "'",
  '#',
  'a/b',
  'a,b',
  'ends in \\',
  '日本',
  '',
];
const repeated = (...counts: readonly number[]) => counts.map((count) => 'k'.repeat(count));

export const prefixText: Pool = (choice) => choice.pick([...TEXTS, ...repeated(29, 30, 63, 64, 127, 128)]);
export const comment: Pool = (choice) => choice.pick([...TEXTS, ...repeated(254, 255, 256, 257)]);
export const pattern: Pool = (choice) =>
  choice.pick([...TEXTS, 'GET /', '|00|', '|', 'a|41 42|b', '\\x41', 'a"b', ...repeated(127, 128, 129)]);

export const dayTime: Pool = (choice) => {
  const odd = ['24:00', '23:60', '00:00:60', '1:2:3', '1', '1:2', '12:34:56:78', '-1:00', '0x1:00', '::', '12:', ''];
  if (choice.chance(ODD)) return choice.pick(odd);
  const parts = [choice.integer(0, 23), choice.integer(0, 59), choice.integer(0, 59)];
  const text = parts.map((part) => `${part}`.padStart(2, '0'));
  return text.slice(0, choice.integer(2, 3)).join(':');
};

export const date: Pool = (choice) => {
  const odd = choice.chance(ODD);
  const two = (low: number, high: number) => `${choice.integer(odd ? 0 : low, odd ? high + 1 : high)}`.padStart(2, '0');
  const year = odd ? choice.pick(['1969', '2038', '2039', '70', 'x', '2020']) : `${choice.integer(1970, 2037)}`;
  const time = [choice.pick(odd ? ['T', 't', ' '] : ['T']), two(0, 23), ':', two(0, 59), ':', two(0, 59)];
  const parts = [year, '-', two(1, 12), '-', two(1, 28), ...time];
  return parts.slice(0, choice.pick(odd ? [1, 2, 4, 6, 8, 10, 11] : [1, 3, 5, 7, 9, 11])).join('');
};
