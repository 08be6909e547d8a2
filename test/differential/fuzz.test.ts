// Random files to iptables-legacy-restore and to us, bounded and with a fixed seed; `npm run fuzz` makes longer runs. And
// the cases that earlier runs found, and an example of each class of permitted differences.

import { describe, expect, test } from 'vitest';
import { MATCHES, TARGETS } from '../../src/extensions/registry.ts';
import { printCase } from '../fuzz/case.ts';
import { CLASSES } from '../fuzz/classes.ts';
import { compare, type Difference, permitted } from '../fuzz/compare.ts';
import { askIptables } from '../fuzz/oracle.ts';
import { runFuzz } from '../fuzz/run.ts';
import { corpus } from '../fuzz/seeds.ts';
import { askBpfilter } from '../fuzz/subject.ts';
import { isPool } from '../fuzz/values.ts';
import { VOCABULARY } from '../fuzz/vocabulary.ts';

const CASES = Number(process.env.BPFILTER_RUNS ?? 800);
const SEED = Number(process.env.BPFILTER_SEED ?? 7);

function tell(difference: Difference): string {
  return `${printCase(difference.case)}${difference.kind}\niptables: ${difference.theirs}\nours: ${difference.ours}`;
}

test('random files', async () => {
  const { accepted, rejected, findings } = await runFuzz({ cases: CASES, seed: SEED, shrunk: 5 });
  expect(findings.map(({ difference }) => tell(difference))).toEqual([]);
  expect(accepted).toBeGreaterThan(CASES / 5);
  expect(rejected).toBeGreaterThan(CASES / 5);
});

describe('the corpus', () => {
  test.each(corpus())('$name', async ({ cases }) => {
    const theirs = await askIptables(cases);
    const differences = cases.map((given, i) => compare(given, theirs[i]!, askBpfilter(given)));
    const wrong = differences.filter((difference) => difference && permitted(difference) === undefined);
    expect(wrong.map((difference) => tell(difference!))).toEqual([]);
  });
});

describe('permitted differences', () => {
  test.each(CLASSES)('$name', async ({ name, example }) => {
    const [theirs] = await askIptables([example]);
    const difference = compare(example, theirs!, askBpfilter(example));
    expect(difference && permitted(difference)).toBe(name);
  });
});

describe('the vocabulary', () => {
  test('has every option of every extension, and none besides', () => {
    const ours = [...MATCHES, ...TARGETS].flatMap(({ kind, name, families, options }) =>
      (families ?? ['ipv4', 'ipv6']).flatMap((family) =>
        options.flatMap(({ name: option, aliases = [] }) =>
          [option, ...aliases].map((spelling) => `${kind} ${name} ${family} ${spelling}`),
        ),
      ),
    );
    const known = VOCABULARY.flatMap(({ kind, name, family, options }) =>
      (family ? [family] : ['ipv4', 'ipv6']).flatMap((each) =>
        options.flatMap(({ spellings }) => spellings.map((spelling) => `${kind} ${name} ${each} ${spelling}`)),
      ),
    );
    expect(known.sort()).toEqual(ours.sort());
  });

  test('has a pool for every value that is not written out', () => {
    const sources = VOCABULARY.flatMap(({ options }) => options.flatMap(({ values }) => values));
    expect(sources.filter((source) => !/[|~]/.test(source) && !isPool(source))).toEqual([]);
  });
});
