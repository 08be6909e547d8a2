// What traffic that is accepted loses: TCP over a veth pair into a host whose blacklist has no rule for it.
//
// Bulk goes into the host that has the rules; each round trip is a byte there and back. Both ends are Node processes,
// which cost more than any ruleset of few rules: compare ratios. Native XDP on a veth makes its peer segment TCP in
// software, whatever the program does; network cards do not.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { connect, type Namespace, withNamespaces } from '../harness/namespace.ts';
import { type AcceptRow, acceptTables, NO_FIREWALL } from './accept-tables.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { CLASSIFY_RULESETS } from './classify-rulesets.ts';
import { takeTurns } from './measure.ts';
import { type Dropper, type Enforced, TRAFFIC_FILTERS } from './veth-subjects.ts';

const SIZES = [1_000];
const PORT = 5001;
const BYTES = 256 * 2 ** 20;
const ROUNDS = 2_000;
const [CLIENT, SERVER] = ['198.18.0.1', '198.18.0.2'];

const SUBJECTS: readonly Dropper[] = [
  { name: NO_FIREWALL, enforce: () => ({ dropped: () => undefined, remove: () => {} }) },
  ...TRAFFIC_FILTERS,
];

export const accept: Bench = {
  name: 'accept',
  summary: 'TCP over a veth pair through a blacklist that does not name it, beside no firewall and the peers',
  run: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'ipb-bench-'));
    try {
      const driver = join(directory, 'driver.mjs');
      const entryPoints = [new URL('tcp-driver.ts', import.meta.url).pathname];
      await build({ entryPoints, outfile: driver, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
      const rows: AcceptRow[] = [];
      for (const rules of options.sizes ?? SIZES) {
        options.progress(`${rules} rules`);
        const labels = SUBJECTS.flatMap((_, number) => [`client${number}`, `server${number}`]);
        rows.push(...(await withNamespaces(labels, (made) => measure(rules, made, driver, options))));
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

function measure(rules: number, namespaces: readonly Namespace[], driver: string, options: BenchOptions): AcceptRow[] {
  const shape = CLASSIFY_RULESETS.find(({ name }) => name === 'blacklist')!.shape(rules);
  const rows: AcceptRow[] = [];
  const running: Running[] = [];
  const servers: ChildProcess[] = [];
  try {
    for (const [number, { name, enforce }] of SUBJECTS.entries()) {
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
    takeTurns(
      running.map(({ name, client, samples }) => ({
        name,
        sample: () => samples[samples.push(transfer(client, driver)) - 1]!.bulkRate,
      })),
      options,
    );
    for (const { name, enforced, samples } of running) {
      const dropped = enforced.dropped();
      if (dropped !== undefined && dropped !== 0) throw new Error(`${name} dropped ${dropped} packets`);
      const kept = samples.slice(options.warmUps);
      rows.push({ rules, subject: name, bulk: kept.map((s) => s.bulkRate), rounds: kept.map((s) => s.roundRate) });
    }
    return rows;
  } finally {
    for (const server of servers) server.kill();
    for (const { enforced } of running) enforced.remove();
  }
}

/** One client's life: a bulk transfer, then round trips. */
function transfer(namespace: Namespace, driver: string): Rates {
  const words = [driver, 'client', SERVER, `${PORT}`, `${BYTES}`, `${ROUNDS}`];
  const { status, stdout, stderr, error } = namespace.enter(() =>
    spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 }),
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`the client ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Rates;
}
