// What it costs to drop a frame that really arrives, beside the peers: packets in a second, and CPU time of each.
//
// Each subject has a wire of its own between two namespaces, with the same blacklist in force and the same frames on it,
// all of which the list drops. What each counted is compared with what its device received.

import { formatAddress } from '../../src/base/ipv4.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { CLASSIFY_RULESETS, type RulesetShape } from './classify-rulesets.ts';
import { type Rounds, takeTurns } from './measure.ts';
import { peerDropper } from './peer.ts';
import { packetOf } from './rule-shape.ts';
import { frameOf } from './subject-programs.ts';
import { flowsOf, TRAFFIC } from './traffic.ts';
import { DROPPERS, type Dropper, type Enforced } from './veth-subjects.ts';
import { type DropRow, dropTables } from './veth-tables.ts';
import { onSenderCpu, Wire, type WireSample } from './wire.ts';

const POOL = 8192;
/** Frames sent for a sample. */
const FRAMES = { whole: 300_000, quick: 20_000 } as const;
/** Native XDP, where tenths of a frame's cost are told apart, is measured so many times more often. */
const NATIVE_ROUNDS = 3;

export const veth: Bench = {
  name: 'veth',
  summary: 'frames over a veth pair that a blacklist drops, beside iptables-legacy, iptables-nft and an nft set',
  sizes: [100, 1_000, 10_000, 50_000],
  quickSizes: [100],
  minutes: 6,
  seconds: 75,
  run: async (options) => {
    const rows: DropRow[] = [];
    const droppers = [...DROPPERS, ...options.peers.map(peerDropper)];
    const labels = droppers.flatMap((_, number) => [`send${number}`, `receive${number}`]);
    for (const rules of options.sizes) {
      options.progress(`${rules} rules`);
      rows.push(...(await withNamespaces(labels, (made) => measure(rules, droppers, made, options))));
    }
    return { tables: dropTables(rows), data: rows } satisfies BenchResult;
  },
};

interface Running {
  readonly dropper: Dropper;
  readonly wire: Wire;
  readonly enforced: Enforced;
  readonly samples: WireSample[];
}

function measure(
  rules: number,
  droppers: readonly Dropper[],
  namespaces: readonly Namespace[],
  options: BenchOptions,
): DropRow[] {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(rules);
  const frames = TRAFFIC.find(({ name }) => name === 'uniform')!
    .flows(flowsOf(shape), POOL)
    .map((flow) => frameOf(packetOf(flow, 'INPUT', { inDevice: '', outDevice: '' })));
  const running: Running[] = [];
  const rows: DropRow[] = [];
  const wires: Wire[] = [];
  try {
    for (const [number, dropper] of droppers.entries()) {
      const [sender, receiver] = [namespaces[2 * number]!, namespaces[2 * number + 1]!];
      const wire = new Wire(number, sender, receiver, dropper.isSentOne ? frames.slice(0, 1) : frames);
      wires.push(wire);
      becomeHost(receiver, wire.device, shape);
      const enforced = dropper.enforce(shape, receiver, wire.device);
      if ('refused' in enforced) rows.push({ rules, subject: dropper.name, refused: enforced.refused });
      else running.push({ dropper, wire, enforced, samples: [] });
    }
    const frameCount = FRAMES[options.isQuick ? 'quick' : 'whole'];
    const turns = (of: readonly Running[], rounds: Rounds) =>
      takeTurns(
        of.map(({ dropper, wire, samples }) => ({
          name: dropper.name,
          sample: () => samples[samples.push(wire.send(frameCount)) - 1]!.cpu,
        })),
        rounds,
      );
    const kept = new Map<string, number>();
    onSenderCpu(() => {
      const again = { ...options, warmUps: 0, repetitions: NATIVE_ROUNDS * options.repetitions };
      for (const taken of [
        turns(running, options),
        turns(
          running.filter(({ dropper }) => dropper.isNative),
          again,
        ),
      ]) {
        for (const [name, samples] of taken) kept.set(name, (kept.get(name) ?? 0) + samples.length);
      }
    });
    for (const { dropper, enforced, samples } of running) {
      const received = samples.reduce((sum, sample) => sum + sample.received, 0);
      const dropped = enforced.dropped();
      if (dropped !== undefined && dropped !== received) {
        throw new Error(`${dropper.name} counted ${dropped} packets, but ${received} arrived`);
      }
      const last = samples.slice(-kept.get(dropper.name)!);
      rows.push({ rules, subject: dropper.name, cpu: last.map((s) => s.cpu), rate: last.map((s) => s.rate) });
    }
    return rows;
  } finally {
    for (const { enforced } of running) enforced.remove();
    for (const wire of wires) wire.close();
  }
}

/** Makes a namespace the host that the frames are for, whatever they come from: answers would leave by the same device. */
function becomeHost(namespace: Namespace, device: string, { host }: RulesetShape): void {
  namespace.ip(`addr add ${formatAddress(host!)}/32 dev ${device}`);
  namespace.ip(`route add default dev ${device}`);
  for (const scope of ['all', device]) namespace.sysctl(`net.ipv4.conf.${scope}.rp_filter`, 0);
}
