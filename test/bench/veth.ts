// What it costs to drop a frame that really arrives, beside the peers: packets in a second, and CPU time of each.
//
// All native XDP programs take turns on one wire between two namespaces: what is told of them is what one program takes, of
// another, and wires differ by as much. Whatever else drops has a wire of its own. The same blacklist is in force for all, and the
// same frames arrive, all of which the list drops. What each counted is compared with what the device received in its turns.
//
// The ruling figure is the CPU of a dropped frame, of that of the empty program on the same wire, each its lower quartile.

import { formatAddress } from '../../src/base/ipv4.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { CLASSIFY_RULESETS, type RulesetShape } from './classify-rulesets.ts';
import { type Rounds, takeTurns } from './measure.ts';
import { peerDropper } from './peer.ts';
import { packetOf } from './rule-shape.ts';
import { frameOf } from './subject-programs.ts';
import { flowsOf, TRAFFIC } from './traffic.ts';
import { quietDevice, SharedDevice } from './veth-native.ts';
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
    const labels = ['', ...wired(droppers).keys()].flatMap((wire) => [`send${wire}`, `receive${wire}`]);
    for (const rules of options.sizes) {
      options.progress(`${rules} rules`);
      rows.push(...(await withNamespaces(labels, (made) => measure(rules, droppers, made, options))));
    }
    return { tables: dropTables(rows), data: rows } satisfies BenchResult;
  },
};

interface Running {
  readonly dropper: Dropper;
  readonly enforced: Enforced;
  /** One turn: frames that are not measured come first, whichever program was there before. */
  send(frames: number): WireSample;
  readonly samples: WireSample[];
}

/** Makes the wires and puts the blacklist into force with everyone; `closing` undoes it, the last first. */
function prepare(
  rules: number,
  droppers: readonly Dropper[],
  namespaces: readonly Namespace[],
  closing: (() => void)[],
): { readonly running: readonly Running[]; readonly refused: readonly DropRow[] } {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(rules);
  const frames = TRAFFIC.find(({ name }) => name === 'uniform')!
    .flows(flowsOf(shape), POOL)
    .map((flow) => frameOf(packetOf(flow, 'INPUT', { inDevice: '', outDevice: '' })));
  const running: Running[] = [];
  const refused: DropRow[] = [];
  const makeWire = (number: number): Wire => {
    const [sender, receiver] = [namespaces[2 * number]!, namespaces[2 * number + 1]!];
    const wire = new Wire(number, sender, receiver, frames);
    closing.push(() => wire.close());
    becomeHost(receiver, wire.device, shape);
    return wire;
  };
  /** `device` is where the blacklist is in force, `wire` where the frames come; `beforeTurn` is made once it is in force. */
  const enforce = (
    dropper: Dropper,
    receiver: Namespace,
    device: string,
    wire: Wire,
    beforeTurn: () => () => void,
  ): void => {
    const enforced = dropper.enforce(shape, receiver, device);
    if ('refused' in enforced) {
      refused.push({ rules, subject: dropper.name, refused: enforced.refused });
      return;
    }
    closing.push(() => enforced.remove());
    const pool = dropper.isSentOne ? wire.poolOf(frames.slice(0, 1)) : undefined;
    const begin = beforeTurn();
    const send = (count: number): WireSample => {
      begin();
      return wire.send(count, pool);
    };
    running.push({ dropper, enforced, send, samples: [] });
  };
  const [sender, receiver] = [namespaces[0]!, namespaces[1]!];
  const shared = makeWire(0);
  const slot = new SharedDevice(receiver, shared.device);
  closing.push(() => slot.close());
  const native = droppers.filter(({ isNative }) => isNative);
  // All before the first is in force: what a program knows of its namespace's devices stays true.
  const devices = native.map((_, number) => quietDevice(number, sender, receiver));
  for (const [number, dropper] of native.entries()) {
    const device = devices[number]!;
    enforce(dropper, receiver, device, shared, () => {
      const program = slot.programOf(device);
      return () => slot.run(program);
    });
  }
  for (const [index, dropper] of wired(droppers).entries()) {
    const wire = makeWire(index + 1);
    enforce(dropper, namespaces[2 * index + 3]!, wire.device, wire, () => () => {});
  }
  return { running, refused };
}

/** Those that have a wire of their own. */
function wired(droppers: readonly Dropper[]): Dropper[] {
  return droppers.filter(({ isNative }) => !isNative);
}

function measure(
  rules: number,
  droppers: readonly Dropper[],
  namespaces: readonly Namespace[],
  options: BenchOptions,
): DropRow[] {
  const closing: (() => void)[] = [];
  try {
    const { running, refused } = prepare(rules, droppers, namespaces, closing);
    const rows = [...refused];
    const frameCount = FRAMES[options.isQuick ? 'quick' : 'whole'];
    const turns = (of: readonly Running[], rounds: Rounds) =>
      takeTurns(
        of.map(({ dropper, send, samples }) => ({
          name: dropper.name,
          sample: () => samples[samples.push(send(frameCount)) - 1]!.cpu,
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
    for (const close of closing.reverse()) close();
  }
}

/** Makes a namespace the host that the frames are for, whatever they come from: answers would leave by the same device. */
function becomeHost(namespace: Namespace, device: string, { host }: RulesetShape): void {
  namespace.ip(`addr add ${formatAddress(host!)}/32 dev ${device}`);
  namespace.ip(`route add default dev ${device}`);
  for (const scope of ['all', device]) namespace.sysctl(`net.ipv4.conf.${scope}.rp_filter`, 0);
}
