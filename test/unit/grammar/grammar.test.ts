import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChainLine, parseTableLine, parseValue, type ValueNodes } from '../../../grammar/parse.ts';

/** What each kind of value takes, and texts that it must refuse with the offset of the first wrong character. */
const VALUES: { [K in keyof ValueNodes]: { good: [string, ValueNodes[K]][]; bad: [string, number][] } } = {
  counters: {
    good: [['[1:18446744073709551616]', { packets: 1n, bytes: 18446744073709551616n }]],
    bad: [
      ['[1:2', 4],
      ['1:2', 0],
      ['[a:b]', 1],
      ['[1:2]x', 5],
      ['', 0],
    ],
  },
  addressList: {
    good: [
      ['10', [{ host: { text: '10', numbers: [10] } }]],
      [
        '10.0x1/8,host.example/255.0.0.255',
        [
          { host: { text: '10.0x1', numbers: [10, 1] }, mask: { text: '8', numbers: [8] } },
          { host: { text: 'host.example' }, mask: { text: '255.0.0.255', numbers: [255, 0, 0, 255] } },
        ],
      ],
      ['1.2.3.4, 5', [{ host: { text: '1.2.3.4', numbers: [1, 2, 3, 4] } }, { host: { text: '5', numbers: [5] } }]],
      ['1.2.3.4.5', [{ host: { text: '1.2.3.4.5' } }]],
      ['08', [{ host: { text: '08' } }]],
    ],
    bad: [
      ['', 0],
      ['1.2.3.4,', 8],
      [',1', 0],
      ['1/2/3', 3],
      ['1/', 2],
    ],
  },
  interface: {
    good: [
      ['eth0', { name: 'eth0', prefix: false }],
      ['eth+', { name: 'eth', prefix: true }],
      ['eth+0', { name: 'eth+0', prefix: false }],
      ['++', { name: '+', prefix: true }],
      ['+', { name: '', prefix: true }],
    ],
    bad: [['', 0]],
  },
  protocol: {
    good: [
      ['tcp', { name: 'tcp' }],
      ['0x6', { number: 6 }],
      ['6a', { name: '6a' }],
    ],
    bad: [['', 0]],
  },
  portRange: {
    good: [
      ['80', { low: { number: 80 }, high: { number: 80 } }],
      [':', {}],
      ['010:', { low: { number: 8 } }],
      ['ftp-data:+22', { low: { name: 'ftp-data' }, high: { number: 22 } }],
    ],
    bad: [
      ['', 0],
      ['1:2:3', 3],
    ],
  },
  tcpFlags: {
    good: [
      ['SYN', ['SYN']],
      [',SYN,,ack,', ['SYN', 'ack']],
      ['', []],
    ],
    bad: [],
  },
  icmpType: {
    good: [
      ['8', { type: { number: 8 } }],
      ['0x3/4', { type: { number: 3 }, code: 4 }],
      ['echo-request', { type: { name: 'echo-request' } }],
    ],
    bad: [
      ['', 0],
      ['3/', 2],
      ['/3', 0],
      ['echo-request/0', 12],
    ],
  },
};

const KINDS = Object.keys(VALUES) as (keyof ValueNodes)[];

describe.each(KINDS)('value %s', (kind) => {
  const { good, bad } = VALUES[kind];
  test.each(good as [string, unknown][])('takes %j', (text, node) => {
    expect(parseValue(kind, text)).toEqual({ ok: true, node });
  });

  if (bad.length > 0) {
    test.each(bad)('refuses %j', (text, offset) => {
      expect(parseValue(kind, text)).toEqual({ ok: false, offset });
    });
  }
});

describe('lines', () => {
  test('table line', () => {
    expect(parseTableLine('* filter ')).toEqual({ ok: true, node: { name: { text: 'filter', offset: 2 } } });
    expect(parseTableLine('*filter nat')).toEqual({ ok: false, offset: 8 });
    expect(parseTableLine('*')).toEqual({ ok: false, offset: 1 });
  });

  test('chain line', () => {
    expect(parseChainLine(':a - [0:0]')).toEqual({
      ok: true,
      node: {
        name: { text: 'a', offset: 1 },
        policy: { text: '-', offset: 3 },
        counters: { text: '[0:0]', offset: 5 },
      },
    });
    expect(parseChainLine(':INPUT\tDROP ')).toMatchObject({ ok: true, node: { policy: { text: 'DROP', offset: 7 } } });
    expect(parseChainLine(':INPUT')).toEqual({ ok: false, offset: 6 });
    expect(parseChainLine(':a - [0:0] x')).toEqual({ ok: false, offset: 11 });
  });
});

// The parser throws if a text has more than one parse.
test('no text has two parses', () => {
  const piece = fc.constantFrom(
    '1',
    '0x1f',
    '010',
    'tcp',
    'any',
    ',',
    '/',
    ':',
    '.',
    '+',
    '-',
    '!',
    ' ',
    '\t',
    '[',
    ']',
    '*',
    'é',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      for (const kind of KINDS) parseValue(kind, text);
      parseTableLine(`*${text}`);
      parseChainLine(`:${text}`);
    }),
    { numRuns: 2000 },
  );
});

test('the committed grammar is the compiled one', () => {
  const { status, stderr } = spawnSync(process.execPath, ['grammar/generate.mjs', '--check'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
