// Random IPv6 packets around a given transport header: extension headers in any order and number, fragments of every
// kind, and packets that end where they should not.

import { buildIpv6Packet, type ExtensionHeader, type Ipv6Fields } from './ipv6-builder.ts';
import type { Transport } from './packet-builder.ts';
import type { Choice } from './random.ts';

const SHAPES = [
  [60, 'plain'],
  [14, 'headers'],
  [2, 'many headers'],
  [4, 'cut'],
  [3, 'cut in headers'],
  [3, 'only fragment'],
  [4, 'first'],
  [2, 'cut first'],
  [4, 'later'],
  [2, 'offset 1'],
  [2, 'later header'],
] as const;

export function randomIpv6Packet(
  choice: Choice,
  transport: Transport,
  source: bigint,
  destination: bigint,
): Uint8Array {
  const shape = choice.weighted(SHAPES);
  const isLater = shape === 'later' || shape === 'offset 1' || shape === 'later header';
  const common = { source, destination, transport };
  const fields: Ipv6Fields = {
    ...common,
    headers: headersOf(choice, shape),
    payload: choice.bytes(isLater ? choice.integer(0, 40) : payloadLength(choice)),
    hopLimit: choice.integer(2, 255),
    trafficClass: choice.chance(0.1) ? choice.integer(0, 255) : 0,
  };
  if (shape === 'cut in headers') return cutAt(choice, fields, 0);
  if (shape === 'cut' || shape === 'cut first') return cutAt(choice, fields, lengthOf(fields.headers ?? []));
  return buildIpv6Packet(fields);
}

function headersOf(choice: Choice, shape: (typeof SHAPES)[number][1]): ExtensionHeader[] {
  const some = (least: number, most: number) =>
    Array.from({ length: choice.integer(least, most) }, () => randomHeader(choice, most > 9));
  switch (shape) {
    case 'plain':
      return [];
    case 'headers':
    case 'cut in headers':
      return some(1, 4);
    case 'many headers':
      return some(8, 40);
    case 'cut':
      return choice.chance(0.5) ? [] : some(1, 2);
    case 'only fragment':
      return [...some(0, 1), fragment(0, false), ...some(0, 1)];
    case 'first':
    case 'cut first':
      return [...some(0, 1), fragment(0, true), ...some(0, 1)];
    case 'later':
      return [...some(0, 1), fragment(choice.integer(2, 0x1fff), choice.chance(0.5))];
    case 'offset 1':
      return [fragment(1, choice.chance(0.5))];
    case 'later header':
      return [...some(0, 1), fragment(choice.integer(1, 9), true), ...some(1, 1)];
  }
}

function randomHeader(choice: Choice, isShort: boolean): ExtensionHeader {
  const kind = choice.weighted([
    [2, 'hop'],
    [2, 'rt'],
    [4, 'dst'],
    [2, 'ah'],
    [1, 'frag'],
  ] as const);
  if (kind === 'frag') return fragment(0, choice.chance(0.5));
  return { kind, units: isShort || choice.chance(0.7) ? choice.integer(0, 2) : choice.integer(3, 20) };
}

function fragment(offset: number, more: boolean): ExtensionHeader {
  return { kind: 'frag', offset, more };
}

function payloadLength(choice: Choice): number {
  return choice.weighted([
    [6, 0],
    [5, choice.integer(1, 64)],
    [1, choice.integer(65, 600)],
  ]);
}

/** Ends the packet a few bytes behind `start`, counted from the fixed header's end. */
function cutAt(choice: Choice, fields: Ipv6Fields, start: number): Uint8Array {
  const lengths = start === 0 ? [0, 1, 2, 3, 4, 7, 8, 9, 10, 12, 16, 17, 24] : [0, 1, 2, 3, 4, 7, 8, 13, 14, 19, 20];
  return buildIpv6Packet({ ...fields, cut: start + choice.pick(lengths) });
}

function lengthOf(headers: readonly ExtensionHeader[]): number {
  return headers.reduce(
    (sum, header) =>
      sum + (header.kind === 'frag' ? 8 : header.kind === 'ah' ? 4 * (header.units + 2) : 8 * (header.units + 1)),
    0,
  );
}
