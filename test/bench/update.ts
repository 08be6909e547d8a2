// Changes to rules in force: from the call, or the start of a command, until they are enforced.
//
// Each has a network namespace of its own with the same ruleset at INPUT. After every change a datagram is sent that the
// changed rule drops, or that nothing drops any more; then the change is taken back, outside of the time.

import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { CLASSIFY_RULESETS, type RulesetShape } from './classify-rulesets.ts';
import { DatagramProbe } from './datagram-probe.ts';
import { Patience, takeTurnsPatiently } from './measure.ts';
import { type Change, type UpdateRow, updateTables } from './update-tables.ts';
import { OWN_UPDATERS, PEER_UPDATERS, type Updater } from './updaters.ts';

/** The first is also loaded into the peers. */
const KINDS = ['acl', 'blacklist', 'exact'];
/** What all changes of a peer to one ruleset may take together. */
const PATIENCE_SECONDS = 30;

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
    for (const change of ['append', 'insert', 'delete', 'set'] as const) {
      const samples = takeTurnsPatiently(
        running.map((each) => ({ name: each.updater.name, sample: () => make(change, each, shape.rules.length) })),
        options,
        patience,
      );
      for (const { updater } of running) {
        const found = samples.get(updater.name);
        const subject = { ...head, change, subject: updater.name };
        rows.push(
          found === undefined ? { ...subject, refused: 'too slow to be tried' } : { ...subject, samples: found },
        );
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

/** Makes a change, sees that it is enforced, and takes it back. */
function make(change: Change, { updater, probe }: Running, rules: number): number {
  const middle = Math.floor(rules / 2) + 1;
  const expect = (passes: boolean): void => {
    if (probe.passes() !== passes)
      throw new Error(`${updater.name}: after ${change} the probe ${passes ? 'is lost' : 'passes'}`);
  };
  let milliseconds: number;
  switch (change) {
    case 'append':
      milliseconds = updater.append();
      expect(false);
      updater.remove(rules + 1);
      break;
    case 'insert':
      milliseconds = updater.insert(middle);
      expect(false);
      updater.remove(middle);
      break;
    case 'delete':
      updater.insert(middle);
      expect(false);
      milliseconds = updater.remove(middle);
      break;
    case 'set':
      updater.insertHarmless(middle);
      expect(true);
      milliseconds = updater.widen(middle);
      expect(false);
      updater.remove(middle);
      break;
  }
  expect(true);
  return milliseconds;
}
