import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLine, parseValue, type ValueNodes } from '../../../grammar/parse.ts';

/** What each kind of value takes, and texts that it must refuse with the offset of the first wrong character. */
const VALUES: { [K in keyof ValueNodes]: { good: [string, ValueNodes[K]][]; bad: [string, number][] } } = {
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
  integer: {
    good: [
      ['7', 7n],
      ['0x1F', 31n],
      [' +010', 8n],
      ['18446744073709551616', 18446744073709551616n],
    ],
    bad: [
      ['', 0],
      ['-1', 0],
      ['08', 0],
      ['1 ', 0],
    ],
  },
  idRange: {
    good: [
      ['5', [5n]],
      ['0-10', [0n, 10n]],
    ],
    bad: [
      ['', 0],
      ['1-', 2],
    ],
  },
  maskedInteger: {
    good: [
      ['3', { value: 3n }],
      ['0x10/0xff', { value: 16n, mask: 255n }],
    ],
    bad: [
      ['3/', 2],
      ['3/4/5', 3],
      ['x', 0],
    ],
  },
  decimal: {
    good: [
      ['0.05', 0.05],
      ['.5', 0.5],
      ['1e-3', 0.001],
      ['-2.', -2],
    ],
    bad: [
      ['', 0],
      ['1.2.3', 0],
    ],
  },
  words: {
    good: [
      ['SYN', ['SYN']],
      [',SYN,,ack,', ['', 'SYN', '', 'ack', '']],
      ['', ['']],
    ],
    bad: [],
  },
  port: {
    good: [
      ['80', { number: 80 }],
      ['ftp-data', { name: 'ftp-data' }],
    ],
    bad: [['', 0]],
  },
  hardwareAddress: {
    good: [
      ['0:1b:C:d:e:ff', [0, 27, 12, 13, 14, 255]],
      ['::+5: 6:-1', [0, 0, 5, 6, 255]],
    ],
    bad: [
      ['00:111', 3],
      ['1:g', 2],
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
  const lineOf = (kind: 'table' | 'chain', line: string) =>
    parseLine(kind, line).map(({ text, offset }) => `${text}@${offset}`);

  test('table line', () => {
    expect(lineOf('table', '* filter ')).toEqual(['filter@2']);
    expect(lineOf('table', '*filter nat')).toEqual(['filter@1', 'nat@8']);
    expect(lineOf('table', '*')).toEqual([]);
  });

  test('chain line', () => {
    expect(lineOf('chain', ':a - [0:0]')).toEqual(['a@1', '-@3', '[0:0]@5']);
    expect(lineOf('chain', ':INPUT\tDROP ')).toEqual(['INPUT@1', 'DROP@7']);
    expect(lineOf('chain', ':')).toEqual([]);
  });
});

test('a plain number is read as the grammar reads it', () => {
  const numeric = KINDS.filter(
    (kind) => parseValue(kind, '7').ok && kind !== 'hardwareAddress' && kind !== 'interface',
  );
  expect(numeric.length).toBeGreaterThan(6);
  fc.assert(
    fc.property(fc.constantFrom(...numeric), fc.integer({ min: 0, max: 999_999_999 }), (kind, number) => {
      // A plus sign means the same and takes the way through the grammar.
      const plain = parseValue(kind, `${number}`);
      const signed = parseValue(kind, `+${number}`);
      if (signed.ok && kind !== 'words' && kind !== 'addressList') expect(plain).toEqual(signed);
    }),
  );
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
      parseLine('table', `*${text}`);
      parseLine('chain', `:${text}`);
    }),
    { numRuns: 2000, seed: 20 },
  );
});

test('the committed grammar is the compiled one', () => {
  const { status, stderr } = spawnSync(process.execPath, ['grammar/generate.mjs', '--check'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
