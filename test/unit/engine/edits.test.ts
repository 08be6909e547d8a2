// Changes of rulesets while packets are counted: whatever is edited, fails, is interrupted or is done by another process,
// each rule shows what it has met since it is there, and a rule that is new shows none of what others have met. Two
// families take turns in one namespace, by processes of their own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../../src/base/family.ts';
import { openEngine } from '../../../src/engine/engine.ts';
import type { ApplyRequest, Current, Engine } from '../../../src/engine/types.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { CounterCells } from '../../harness/counter-cells.ts';
import { FakeKernel, InjectedFailure } from '../../harness/fake-kernel.ts';
import type { Choice } from '../../harness/random.ts';

/** A rule, told from others by its port, with the packets it must show. */
interface Expected {
  readonly port: number;
  packets: bigint;
}

/** What must be seen of a family. */
class World {
  readonly family: Family;
  readonly directory: string;
  readonly kernel: FakeKernel;
  readonly choice: Choice;
  engine: Engine;
  rules: Expected[] = [];
  policy = 0n;
  private port = 0;

  constructor(family: Family, directory: string, kernel: FakeKernel, choice: Choice) {
    this.family = family;
    this.directory = directory;
    this.kernel = kernel;
    this.choice = choice;
    this.engine = this.open();
  }

  /** As a new process would. */
  open(): Engine {
    return openEngine({ run: join(this.directory, 'run'), state: join(this.directory, 'state') }, this.kernel);
  }

  restart(): void {
    this.engine.close();
    this.engine = this.open();
  }

  /** Some rules come with counters, as `-c` gives them. */
  newRule(): Expected {
    return { port: ++this.port, packets: this.choice.chance(0.3) ? BigInt(this.choice.integer(1, 5)) : 0n };
  }

  cells(): CounterCells {
    return CounterCells.open(this.directory, this.kernel, this.engine.status().families[this.family].generation);
  }

  /** Packets meet rules and the policy of INPUT, in programs that count in these cells; `rules` are those of the programs. */
  meet(cells: CounterCells, rules: readonly Expected[]): void {
    const slots = cells.slotsOf('INPUT');
    for (let i = this.choice.integer(0, 4); i > 0; i--) {
      const which = this.choice.integer(0, slots.length - 1);
      const packets = BigInt(this.choice.integer(1, 9));
      cells.add(slots[which]!, packets);
      const rule = rules[which];
      if (rule === undefined) this.policy += packets;
      else rule.packets += packets;
    }
  }

  shown(): { rules: bigint[]; policy: bigint } {
    const { rules, policy } = this.engine.counters(this.family).get('INPUT')!;
    for (const { packets, bytes } of rules) expect(bytes).toBe(packets * 100n);
    return { rules: rules.map(({ packets }) => packets), policy: policy!.packets };
  }

  check(what: string): void {
    const found = { ports: portsOf(this.engine.current(this.family)!), ...this.shown() };
    const rules = this.rules.map(({ packets }) => packets);
    expect(found, what).toEqual({ ports: this.rules.map(({ port }) => port), rules, policy: this.policy });
  }

  close(): void {
    this.engine.close();
  }
}

function textOf(rules: readonly Expected[]): string {
  const lines = rules.map(
    ({ port, packets }) => `[${packets}:${packets * 100n}] -A INPUT -p tcp -m tcp --dport ${port} -j ACCEPT\n`,
  );
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.join('')}COMMIT\n`;
}

function portsOf({ ruleset }: Current): number[] {
  const { rules } = ruleset.tables[0]!.chains[0]!;
  return rules.map(({ matches }) => (matches[0]!.data as { destination: { low: number } }).destination.low);
}

const WHERE = { placement: 'netfilter', devices: [], mode: 'auto', allowInexact: [] } as const;

/** A change: what is asked for, and what will be expected. */
type Change = { readonly request: ApplyRequest; readonly rules: Expected[]; readonly policy?: bigint };

function parse(rules: readonly Expected[], family: Family) {
  const { ruleset, diagnostics } = parseRuleset(textOf(rules), { file: 'edits', family });
  expect(diagnostics).toEqual([]);
  return ruleset;
}

/** Puts rules in, takes rules out and moves them, by the objects that are there. */
function edit(world: World): Change {
  const { choice, engine, family } = world;
  const before = engine.basis(family)!;
  const table = before.ruleset.tables[0]!;
  const input = table.chains[0]!;
  const rules = [...input.rules];
  const expected = [...world.rules];
  for (let i = choice.integer(1, 4); i > 0; i--) {
    const at = choice.integer(0, rules.length);
    if (rules.length > 0 && choice.chance(0.4)) {
      rules.splice(Math.min(at, rules.length - 1), 1);
      expected.splice(Math.min(at, expected.length - 1), 1);
    } else {
      const added = Array.from(
        {
          length: choice.weighted([
            [9, 1],
            [1, 90],
          ]),
        },
        () => world.newRule(),
      );
      rules.splice(at, 0, ...parse(added, family).tables[0]!.chains[0]!.rules);
      expected.splice(at, 0, ...added);
    }
  }
  const chains = table.chains.map((chain) => (chain === input ? { ...chain, rules } : chain));
  const ruleset = { ...before.ruleset, tables: [{ ...table, chains }] };
  return { request: { ruleset, source: { file: 'edits' }, before, counters: 'kept', ...WHERE }, rules: expected };
}

/** Another text, with some of the same rules in it. */
function replace(world: World): Change {
  const { choice } = world;
  const kept = world.rules.filter(() => choice.chance(0.7));
  if (kept.length > 1 && choice.chance(0.5)) kept.push(kept.shift()!);
  const rules = [...kept, world.newRule()];
  return {
    request: { ruleset: parse(rules, world.family), source: { file: 'edits' }, counters: 'carry', ...WHERE },
    rules,
  };
}

/** A restore, which begins anew. */
function restore(world: World): Change {
  const rules = Array.from({ length: world.choice.integer(0, 5) }, () => world.newRule());
  const ruleset = parse(rules, world.family);
  return { request: { ruleset, source: { file: 'edits' }, counters: 'ruleset', ...WHERE }, rules, policy: 0n };
}

function apply(world: World, change: Change): boolean {
  try {
    const result = world.engine.withLock(0, () => world.engine.apply(change.request));
    expect(result).toMatchObject({ ok: true });
    return true;
  } catch (error) {
    if (error instanceof InjectedFailure) return false;
    throw error;
  }
}

function step(world: World): void {
  const { choice, kernel } = world;
  const before = world.rules;
  const cells = world.cells();
  const make = choice.weighted([
    [6, edit],
    [2, replace],
    [1, restore],
  ] as const);
  const change = make(world);
  kernel.failAt = choice.chance(0.3) ? kernel.calls.length + choice.integer(1, 12) : Number.POSITIVE_INFINITY;
  kernel.dead = choice.chance(0.5);
  const done = apply(world, change);
  const died = kernel.dead && kernel.calls.length >= kernel.failAt;
  kernel.failAt = Number.POSITIVE_INFINITY;
  if (died) world.restart();
  const isInForce =
    done || portsOf(world.engine.current(world.family)!).join() !== before.map(({ port }) => port).join();
  if (isInForce) {
    world.rules = change.rules;
    world.policy = change.policy ?? world.policy;
  }
  world.check('as the change has come into force, or not');
  // Packets that were under way in the programs of before.
  const isAnew = isInForce && change.policy !== undefined;
  const policy = world.policy;
  world.meet(cells, before);
  if (isAnew) world.policy = policy;
  world.meet(world.cells(), world.rules);
  world.check('as packets of before and after were counted');
  if (choice.chance(0.3)) world.restart();
  if (choice.chance(0.6)) expect(world.engine.withLock(0, () => world.engine.settle())).toEqual([]);
  world.check('as what was left to do is done, or not');
  if (choice.chance(0.2)) {
    const rule = world.rules.length > 0 && choice.chance(0.5) ? choice.integer(1, world.rules.length) : undefined;
    world.engine.withLock(0, () => world.engine.zero(world.family, { chain: 'INPUT', ...(rule && { rule }) }));
    for (const [index, each] of world.rules.entries()) if (rule === undefined || index === rule - 1) each.packets = 0n;
    if (rule === undefined) world.policy = 0n;
    world.check('as counters were set to zero');
  }
}

it('no packet is lost to the counters or counted twice', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const choice = seededChoice(seed, 0);
      const directory = mkdtempSync(join(tmpdir(), 'bpfilter-edits-'));
      const kernel = new FakeKernel();
      const worlds = FAMILIES.map((family) => new World(family, directory, kernel, choice));
      try {
        for (const world of worlds) {
          const first = restore(world);
          expect(apply(world, first)).toBe(true);
          world.rules = first.rules;
        }
        for (let i = 0; i < 16; i++) {
          step(choice.pick(worlds));
          for (const world of worlds) world.check(`as a family was changed, ${world.family}`);
        }
      } finally {
        for (const world of worlds) world.close();
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: 15 },
  );
}, 60_000);
