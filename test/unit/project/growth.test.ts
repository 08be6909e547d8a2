// No step is quadratic in rules, chains or devices. Nothing is timed: what is entered of our code is counted
// (`test/harness/work-count.ts`), for something of one size and of four times that size.

import { afterAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/types.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import type { FakeHost } from '../../harness/fake-host.ts';
import { blocksOf, describeGrowth, type Work, WorkCount } from '../../harness/work-count.ts';

const SIZE = 400;
const FACTOR = 4;
/** What is quadratic comes to 16; what is not stays below 5 mostly, but larger lists are cut, and more is tried of them. */
const MOST = 9;
/** A function that does a tenth of a step's work or more may not do so many times more by itself. */
const MOST_OF_ONE = 14;
/** But for one that fills the cells of tables, of which a budget says how many there may be. */
const FILLS_CELLS = 'src/classify/combine.ts: crossCells';

const count = new WorkCount();
afterAll(() => count.close());

const { explainRuleset } = await import('../../../src/engine/explain.ts');
const { listTable } = await import('../../../src/ruleset/list.ts');
const { systemNames } = await import('../../../src/ruleset/names.ts');
const { parseRuleset } = await import('../../../src/ruleset/parse.ts');
const { printRuleset } = await import('../../../src/ruleset/print.ts');
const { FakeHost: Host } = await import('../../harness/fake-host.ts');
const { EARLY_FEATURES, FEATURES } = await import('../../harness/fake-kernel.ts');
const { GROWING_RULESETS, spreadAddress } = await import('../../harness/growing-rulesets.ts');
const { filter, times } = await import('../../harness/ruleset-parts.ts');

const names = systemNames();

function read(text: string): Ruleset {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'growth' });
  expect(diagnostics).toEqual([]);
  return ruleset;
}

/** The ruleset with a rule behind those of FORWARD; all others are the same objects. */
function appended(ruleset: Ruleset): Ruleset {
  const line = '-A FORWARD -s 192.0.2.1/32 -p tcp -m tcp --dport 7777 -j DROP';
  const rules = read(filter([], [line])).tables[0]!.chains.flatMap((chain) => chain.rules);
  const tables = ruleset.tables.map((table) => ({
    ...table,
    chains: table.chains.map((chain) =>
      chain.name === 'FORWARD' ? { ...chain, rules: [...chain.rules, ...rules] } : chain,
    ),
  }));
  return { ...ruleset, tables };
}

function apply(
  engine: Engine,
  ruleset: Ruleset,
  placement: 'netfilter' | 'xdp' | 'exact' = 'netfilter',
  devices: readonly string[] = [],
): void {
  engine.withLock(0, () => {
    const before = engine.basis('ipv4');
    const result = engine.apply({
      ...{ ruleset, before, source: { file: 'growth' }, placement, devices, mode: 'auto' },
      ...{ allowInexact: ['loopback', 'output', 'out-device'], counters: before === undefined ? 'ruleset' : 'kept' },
    });
    if (!result.ok) throw new Error(result.diagnostics[0]!.message);
    engine.settle();
  });
}

/** What is done to a ruleset, from the text of a restore to what commands show of it. */
function stepsOf(text: string, host: FakeHost): Record<string, Work> {
  const ruleset = read(text);
  const [engine, later] = [host.open(), host.open()];
  const listed = { family: 'ipv4', numeric: true, verbose: true, exact: true, lineNumbers: true } as const;
  const explained = { placement: 'netfilter', features: () => FEATURES, file: 'growth' } as const;
  return {
    read: count.of(() => read(text)),
    apply: count.of(() => apply(engine, ruleset)),
    save: count.of(() => printRuleset(ruleset, { counters: true })),
    list: count.of(() => listTable(ruleset.tables[0]!, {}, listed, names)),
    'read what is in force': count.of(() => later.current('ipv4')),
    append: count.of(() => apply(engine, appended(engine.basis('ipv4')!.ruleset))),
    explain: count.of(() => explainRuleset(ruleset, explained)),
  };
}

/** Of each function what it did most. */
function mostOf(one: Work, other: Work): Work {
  const most = new Map(one);
  for (const [name, blocks] of other) most.set(name, Math.max(blocks, one.get(name) ?? 0));
  return most;
}

function expectInProportion(step: string, few: Work, many: Work): void {
  const all = blocksOf(many);
  expect(all / blocksOf(few), `${step}\n${describeGrowth(few, many)}`).toBeLessThan(MOST);
  const grown = [...many].filter(([name, blocks]) => {
    return !name.startsWith(FILLS_CELLS) && blocks > all / 10 && blocks > MOST_OF_ONE * (few.get(name) ?? blocks);
  });
  expect(grown, step).toEqual([]);
}

function withHost<T>(work: (host: FakeHost) => T): T {
  const host = new Host();
  try {
    return work(host);
  } finally {
    host.remove();
  }
}

describe.each(GROWING_RULESETS)('$name', ({ text }) => {
  it('take as much longer as there are more', () => {
    const [few, many] = [SIZE, FACTOR * SIZE].map((size) => withHost((host) => stepsOf(text(size), host)));
    for (const [step, work] of Object.entries(many!)) {
      // Of few rules a change may find nothing to do, where all are as quickly compiled.
      const before = step === 'append' ? mostOf(few!.append!, few!.apply!) : few![step]!;
      expectInProportion(step, before, work);
    }
  });
});

/** Counts the calls of everything that the engine asks of a kernel. */
function countCalls(host: FakeHost): () => number {
  let calls = 0;
  host.kernel = new Proxy(host.kernel, {
    get: (kernel, name) => {
      const value: unknown = Reflect.get(kernel, name);
      if (typeof value !== 'function') return value;
      return (...values: unknown[]) => {
        calls++;
        return value.apply(kernel, values);
      };
    },
  });
  return () => calls;
}

/** A host of so many devices, behind each of which are networks, with a ruleset about each of them at a placement. */
function stepsOfDevices(size: number, placement: 'xdp' | 'exact', host: FakeHost): Record<string, Work> {
  const { kernel } = host;
  const devices = times(size, (i) => `eth${i}`);
  kernel.knownFeatures = EARLY_FEATURES;
  kernel.presentDevices = devices.map((name, i) => ({ ifindex: i + 2, name, loopback: false, ethernet: true }));
  const network = (i: number) => ({ low: 0x0b000000 + 256 * i, high: 0x0b0000ff + 256 * i });
  kernel.facts = {
    ...{ family: 'ipv4', local: [{ low: 0x0a000001, high: 0x0a000001 }], routed: times(size, network) },
    devices: kernel.presentDevices.map(({ name, ifindex }, i) => {
      return { name, ifindex, sources: [network(i)], forwards: true };
    }),
  };
  const rules = devices.map((name, i) => `-A FORWARD -i ${name} -s ${spreadAddress(i)}/32 -j DROP`);
  const ruleset = read(filter([], rules));
  const engine = host.open();
  return {
    apply: count.of(() => apply(engine, ruleset, placement, devices)),
    append: count.of(() => apply(engine, appended(engine.basis('ipv4')!.ruleset), placement, devices)),
    sync: count.of(() => engine.withLock(0, () => engine.sync('ipv4'))),
    status: count.of(() => engine.status()),
    detach: count.of(() => engine.withLock(0, () => engine.detach())),
  };
}

it.each(['xdp', 'exact'] as const)('devices at placement %s take as much longer as there are more', (placement) => {
  const calls: number[] = [];
  const [few, many] = [50, 50 * FACTOR].map((size) =>
    withHost((host) => {
      const counted = countCalls(host);
      const steps = stepsOfDevices(size, placement, host);
      calls.push(counted());
      return steps;
    }),
  );
  for (const [step, work] of Object.entries(many!)) expectInProportion(step, few![step]!, work);
  expect(calls[1]! / calls[0]!).toBeLessThan(FACTOR);
});
