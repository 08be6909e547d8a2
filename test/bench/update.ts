// Changes to rules in force: from the call, or the start of a command, until they are enforced.
//
// Each has a network namespace of its own with the same ruleset at INPUT. After every change a datagram is sent that the
// changed rule drops, or that nothing drops any more; then the change is taken back, which is a change that is measured, too,
// or outside of the time. The engine in a process that goes on living is measured by itself, and often: it takes many
// changes until its code is compiled, and what its garbage costs is in few of them.

import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { CLASSIFY_RULESETS, type RulesetShape } from './classify-rulesets.ts';
import { DatagramProbe } from './datagram-probe.ts';
import { Patience, type Rounds, takeTurns, takeTurnsPatiently } from './measure.ts';
import { type Change, RESIDENT, type UpdateRow, updateTables } from './update-tables.ts';
import { OWN_UPDATERS, PEER_UPDATERS, type Updater } from './updaters.ts';

/** The first is also loaded into the peers. */
const KINDS = ['acl', 'blacklist', 'exact'];
/** Changes that are made one after the other, and leave the rules as they were. */
const CYCLES: readonly (readonly Change[])[] = [['append'], ['insert', 'delete'], ['set']];
/** What all changes of a peer to one ruleset may take together. */
const PATIENCE_SECONDS = 20;

export const update: Bench = {
  name: 'update',
  summary: 'changes to rules in force, by a resident engine and by commands, beside legacy and nft',
  sizes: [1_000, 10_000, 100_000],
  quickSizes: [100],
  minutes: 4,
  seconds: 3,
  run: async (options) => {
    const rows: UpdateRow[] = [];
    for (const name of KINDS) {
      const makers = name === KINDS[0] ? [...OWN_UPDATERS, ...PEER_UPDATERS] : OWN_UPDATERS;
      const labels = makers.map((_, number) => `update${number}`);
      for (const rules of options.sizes) {
        options.progress(`${name}, ${rules} rules`);
        const shape = atInput(CLASSIFY_RULESETS.find((kind) => kind.name === name)!.shape(rules));
        const measured = await withNamespaces(labels, (made) =>
          measure({ ruleset: name, rules }, shape, makers, made, options),
        );
        rows.push(...measured);
      }
    }
    return { tables: updateTables(rows), data: rows };
  },
};

/** The probe goes to INPUT, and must be let in where no rule drops it. */
function atInput(shape: RulesetShape): RulesetShape {
  return { ...shape, chain: 'INPUT', policy: 'ACCEPT' };
}

interface Running {
  readonly updater: Updater;
  readonly probe: DatagramProbe;
}

function measure(
  head: Pick<UpdateRow, 'ruleset' | 'rules'>,
  shape: RulesetShape,
  makers: readonly ((namespace: Namespace) => Updater)[],
  namespaces: readonly Namespace[],
  options: BenchOptions,
): UpdateRow[] {
  const running: Running[] = [];
  const opened: { close(): void }[] = [];
  const rows: UpdateRow[] = [];
  try {
    for (const [number, make] of makers.entries()) {
      const namespace = namespaces[number]!;
      namespace.ip('link set lo up');
      const updater = make(namespace);
      opened.push(updater);
      const refused = updater.load(shape);
      if (refused !== undefined) {
        rows.push({ ...head, change: 'append', subject: updater.name, refused });
        continue;
      }
      const probe = namespace.enter(() => new DatagramProbe());
      opened.push(probe);
      running.push({ updater, probe });
    }
    const patience = new Patience(PATIENCE_SECONDS);
    for (const cycle of CYCLES) {
      const subjects = running.map((each) => ({
        name: each.updater.name,
        sample: () => make(cycle, each, shape.rules.length),
      }));
      const [residents, commands] = [subjects.filter(isResident), subjects.filter((each) => !isResident(each))];
      const samples = new Map([
        ...takeTurns(residents, residentRounds(options)),
        ...takeTurnsPatiently(commands, options, patience),
      ]);
      for (const [number, change] of cycle.entries()) {
        for (const { updater } of running) {
          const found = samples.get(updater.name);
          const subject = { ...head, change, subject: updater.name };
          rows.push(
            found === undefined
              ? { ...subject, refused: 'too slow to be tried' }
              : { ...subject, samples: found.map((figures) => figures[number]!) },
          );
        }
      }
    }
    return rows;
  } finally {
    for (const each of opened.reverse()) {
      try {
        each.close();
      } catch (error) {
        // What went wrong before is what is to be told.
        options.progress(`cannot be taken away: ${(error as Error).message}`);
      }
    }
  }
}

function isResident({ name }: { readonly name: string }): boolean {
  return name === RESIDENT;
}

/** With the defaults ten changes to warm up, and thirty that count, where each takes a tenth of a second with all around it. */
function residentRounds({ repetitions, warmUps, seconds }: Rounds): Rounds {
  return { repetitions: 3 * repetitions, warmUps: 5 * warmUps, seconds: (4 / 3) * seconds };
}

/** Makes changes, sees that each is enforced, and leaves all as it was; returns the milliseconds that each took. */
function make(cycle: readonly Change[], { updater, probe }: Running, rules: number): readonly number[] {
  const middle = Math.floor(rules / 2) + 1;
  const expect = (passes: boolean): void => {
    if (probe.passes() !== passes)
      throw new Error(`${updater.name}: after ${cycle[0]} the probe ${passes ? 'is lost' : 'passes'}`);
  };
  const took: number[] = [];
  switch (cycle[0]) {
    case 'append':
      took.push(updater.append());
      expect(false);
      updater.remove(rules + 1);
      break;
    case 'insert':
      took.push(updater.insert(middle));
      expect(false);
      took.push(updater.remove(middle));
      break;
    default:
      updater.insertHarmless(middle);
      expect(true);
      took.push(updater.widen(middle));
      expect(false);
      updater.remove(middle);
  }
  expect(true);
  return took;
}
