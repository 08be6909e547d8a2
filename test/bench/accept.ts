// What traffic that is accepted loses: TCP over a veth pair into a host whose blacklist has no rule for it.
//
// Bulk goes into the host that has the rules; each round trip is a byte there and back. Both ends are Node processes,
// which cost more than any ruleset of few rules: compare ratios. Native XDP on a veth makes its peer segment TCP in
// software, whatever the program does; network cards do not.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Namespace, withNamespaces } from '../harness/namespace.ts';
import { type AcceptRow, acceptTables, NO_FIREWALL } from './accept-tables.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { bundle } from './bundle.ts';
import { CLASSIFY_RULESETS } from './classify-rulesets.ts';
import { emptyPass } from './hand-droppers.ts';
import { takeTurns } from './measure.ts';
import { peerDropper } from './peer.ts';
import { type Dropper, type Enforced, TRAFFIC_FILTERS } from './veth-subjects.ts';

const PORT = 5001;
/** Bytes of a bulk transfer, and round trips, of a sample. */
const AMOUNT = { whole: { bytes: 256 * 2 ** 20, rounds: 2_000 }, quick: { bytes: 2 ** 20, rounds: 20 } } as const;
const [CLIENT, SERVER] = ['198.18.0.1', '198.18.0.2'];

const SUBJECTS: readonly Dropper[] = [
  { name: NO_FIREWALL, enforce: () => ({ dropped: () => undefined, remove: () => {} }) },
  emptyPass('native'),
  emptyPass('generic'),
  ...TRAFFIC_FILTERS,
];

export const accept: Bench = {
  name: 'accept',
  summary: 'TCP over a veth pair through a blacklist that does not name it, beside no firewall and the peers',
  sizes: [1_000],
  quickSizes: [10],
  minutes: 2,
  seconds: 90,
  run: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'ipb-bench-'));
    try {
      const driver = await bundle('tcp-driver.ts', directory);
      const rows: AcceptRow[] = [];
      const subjects = [...SUBJECTS, ...options.peers.map(peerDropper)];
      const labels = subjects.flatMap((_, number) => [`client${number}`, `server${number}`]);
      for (const rules of options.sizes) {
        options.progress(`${rules} rules`);
        rows.push(...(await withNamespaces(labels, (made) => measure(rules, subjects, made, driver, options))));
      }
      return { tables: acceptTables(rows), data: rows };
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

interface Rates {
  readonly bulkRate: number;
  readonly roundRate: number;
}

interface Running {
  readonly name: string;
  readonly client: Namespace;
  readonly enforced: Enforced;
  readonly samples: Rates[];
}

function measure(
  rules: number,
  subjects: readonly Dropper[],
  namespaces: readonly Namespace[],
  driver: string,
  options: BenchOptions,
): AcceptRow[] {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(rules);
  const rows: AcceptRow[] = [];
  const running: Running[] = [];
  const servers: ChildProcess[] = [];
  try {
    for (const [number, { name, enforce }] of subjects.entries()) {
      const [client, server] = [namespaces[2 * number]!, namespaces[2 * number + 1]!];
      connect(client, 'eth0', server, 'eth0');
      client.ip(`addr add ${CLIENT}/24 dev eth0`);
      server.ip(`addr add ${SERVER}/24 dev eth0`);
      const enforced = enforce(shape, server, 'eth0');
      if ('refused' in enforced) {
        rows.push({ rules, subject: name, refused: enforced.refused });
        continue;
      }
      running.push({ name, client, enforced, samples: [] });
      const words = [driver, 'server', `${PORT}`];
      servers.push(server.enter(() => spawn(process.execPath, words, { stdio: ['pipe', 'ignore', 'inherit'] })));
    }
    const amount = AMOUNT[options.isQuick ? 'quick' : 'whole'];
    const taken = takeTurns(
      running.map(({ name, client, samples }) => ({
        name,
        sample: () => samples[samples.push(transfer(client, driver, amount)) - 1]!.bulkRate,
      })),
      options,
    );
    for (const { name, enforced, samples } of running) {
      const dropped = enforced.dropped();
      if (dropped !== undefined && dropped !== 0) throw new Error(`${name} dropped ${dropped} packets`);
      const kept = samples.slice(-taken.get(name)!.length);
      rows.push({ rules, subject: name, bulk: kept.map((s) => s.bulkRate), rounds: kept.map((s) => s.roundRate) });
    }
    return rows;
  } finally {
    for (const server of servers) server.kill();
    for (const { enforced } of running) enforced.remove();
  }
}

/** One client's life: a bulk transfer, then round trips. */
function transfer(
  namespace: Namespace,
  driver: string,
  { bytes, rounds }: { readonly bytes: number; readonly rounds: number },
): Rates {
  const words = [driver, 'client', SERVER, `${PORT}`, `${bytes}`, `${rounds}`];
  const { status, stdout, stderr, error } = namespace.enter(() =>
    spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 }),
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`the client ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Rates;
}
