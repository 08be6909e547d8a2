import { describe, expect, test } from 'vitest';
import { walkHeaders } from '../../../src/base/ipv6-headers.ts';

/** A packet that begins with this next header and goes on with these bytes. */
function packet(next: number, ...parts: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(40 + parts.reduce((sum, part) => sum + part.length, 0));
  bytes[6] = next;
  bytes.set(parts.flat(), 40);
  return bytes;
}

/** An options header of (`length` + 1) * 8 bytes. */
const options = (next: number, length = 0): number[] => [next, length, ...new Array<number>(6 + 8 * length).fill(0)];
const fragment = (next: number, offset: number, more = 0): number[] => {
  const word = (offset << 3) | more;
  return [next, 0, word >> 8, word & 255, 0, 0, 0, 1];
};
const found = (bytes: Uint8Array) => {
  const { protocol, fragmentOffset, transportOffset, malformed } = walkHeaders(bytes);
  return malformed ? 'malformed' : [protocol, transportOffset, fragmentOffset];
};

describe('the chain of IPv6 extension headers', () => {
  test.each<[string, Uint8Array, ReturnType<typeof found>]>([
    ['none', packet(6, [1, 2]), [6, 40, 0]],
    ['nothing behind the header', packet(17), [17, 40, 0]],
    ['hop-by-hop', packet(0, options(58, 1)), [58, 56, 0]],
    [
      'each of them',
      packet(0, options(43), options(60), options(51), [44, 1, ...new Array(10).fill(0)], fragment(6, 0)),
      [6, 84, 0],
    ],
    [
      'the same again and again',
      packet(60, ...Array.from({ length: 40 }, (_, i) => options(i < 39 ? 60 : 17))),
      [17, 360, 0],
    ],
    ['hop-by-hop in the wrong place', packet(60, options(0), options(6)), [6, 56, 0]],
    ['authentication counts in words', packet(51, [17, 4, ...new Array(22).fill(0)]), [17, 64, 0]],
    ['a header that says more than there is', packet(60, [6, 200]), [6, 40 + 201 * 8, 0]],
    ['two bytes of a header will do', packet(0, [6, 0]), [6, 48, 0]],
    ['one byte will not', packet(0, [6]), 'malformed'],
    ['four bytes of a routing header will do', packet(43, [6, 0, 0, 0]), [6, 48, 0]],
    ['three will not', packet(43, [6, 0, 0]), 'malformed'],
    ['four bytes of a fragment header will do', packet(44, [6, 0, 0, 0]), [6, 48, 0]],
    ['three will not', packet(44, [6, 0, 0]), 'malformed'],
    ['a header that is not there', packet(0, options(60)), 'malformed'],
    ['an only fragment', packet(44, fragment(6, 0)), [6, 48, 0]],
    ['a first fragment goes on', packet(44, fragment(60, 0, 1), options(6)), [6, 56, 0]],
    ['a fragment of a fragment', packet(44, fragment(44, 0, 1), fragment(6, 3)), [6, 56, 3]],
    ['a later fragment ends the chain', packet(44, fragment(6, 1), [1]), [6, 48, 1]],
    ['the farthest fragment', packet(44, fragment(17, 0x1fff, 1)), [17, 48, 0x1fff]],
    ['a later fragment of no next header', packet(44, fragment(59, 2)), [59, 48, 2]],
    ['a later fragment of an extension header', packet(44, fragment(60, 2), options(6)), 'malformed'],
    ['no next header', packet(0, options(59), [1, 2, 3]), [59, 48, 0]],
    ['ESP', packet(60, options(50), options(6)), [50, 48, 0]],
    ['mobility', packet(135, options(59)), [135, 40, 0]],
    ['host identity', packet(139, options(59)), [139, 40, 0]],
    ['an inner IPv6 header', packet(41, options(59)), [41, 40, 0]],
  ])('%s', (_, bytes, expected) => {
    expect(found(bytes)).toEqual(expected);
  });

  test('what is malformed has no transport header', () => {
    expect(walkHeaders(packet(0, [6]))).toEqual({
      ...{ protocol: 0, fragmentOffset: 0, transportOffset: 41, malformed: true },
    });
  });
});
