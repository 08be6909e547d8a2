// Connection tracking in a namespace where nothing but our rules asks for it: on before they come into force, off behind
// them, and there whatever is done to other packet filters, unless our own rule is taken away.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Family } from '../../src/base/family.ts';
import { openEngine } from '../../src/engine/engine.ts';
import { systemKernel } from '../../src/engine/system-kernel.ts';
import type { Engine } from '../../src/engine/types.ts';
import { holdConntrack, isConntrackHeld, readXtable, releaseConntrack } from '../../src/kernel/conntrack.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';

const FAMILIES = [
  ['ipv4', 'iptables', '127.0.0.1'],
  ['ipv6', 'ip6tables', '::1'],
] as const;

const OPEN = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';
const NO_STATE = `${OPEN}-A INPUT -p udp\nCOMMIT\n`;
const STATES = `${OPEN}${['INVALID', 'NEW', 'ESTABLISHED'].map((s) => `-A INPUT -p udp -m state --state ${s}\n`).join('')}COMMIT\n`;

/** A request to a port of this host, and the answer. */
const EXCHANGE = `
  const [address, type] = process.argv.slice(1);
  const [server, client] = [0, 0].map(() => require('node:dgram').createSocket(type));
  server.on('message', (_, from) => server.send('answer', from.port, address));
  client.on('message', () => process.exit(0));
  server.bind(53, address, () => client.send('request', 53, address));`;

interface Host {
  /** Applies rules; returns warnings, and what refuses them. */
  apply(text: string): readonly string[];
  /** How many packets of an exchange each rule of INPUT counts. */
  exchange(): number[];
  readonly engine: Engine;
  /** Runs commands and returns what they print; what they cannot find does not matter. */
  run(command: string): string;
  readonly isHeld: () => boolean;
}

async function withHost(family: Family, work: (host: Host) => void): Promise<void> {
  const directory = mkdtempSync('/run/ipb-test-');
  const [, , address] = FAMILIES.find(([name]) => name === family)!;
  try {
    await withNamespaces(['host'], ([namespace]) => {
      prepare(namespace!);
      namespace!.enter(() => {
        const engine = openEngine({ run: join(directory, 'run'), state: join(directory, 'state') }, systemKernel);
        try {
          work(hostOf(family, address, engine));
          engine.withLock(5, () => engine.detach());
          expect(isConntrackHeld(family)).toBe(false);
        } finally {
          engine.close();
        }
      });
    });
  } finally {
    spawnSync('umount', [join(directory, 'run', 'bpf')]);
    rmSync(directory, { recursive: true, force: true });
  }
}

function prepare(namespace: Namespace): void {
  for (const device of ['all', 'default', 'lo']) namespace.sysctl(`net.ipv6.conf.${device}.disable_ipv6`, 0);
}

function hostOf(family: Family, address: string, engine: Engine): Host {
  const rules = () =>
    engine
      .counters(family)
      .get('INPUT')!
      .rules.map(({ packets }) => Number(packets));
  return {
    engine,
    apply(text) {
      const { ruleset } = parseRuleset(text, { file: 'test.rules', family });
      const request = { ruleset, source: { file: 'test.rules' }, counters: 'ruleset' } as const;
      const where = { placement: 'netfilter', devices: [], mode: 'auto', allowInexact: [] } as const;
      const result = engine.withLock(5, () => engine.apply({ ...request, ...where }));
      return result.ok ? result.warnings : result.diagnostics.map(({ code }) => code);
    },
    exchange() {
      const before = rules();
      const words = ['-e', EXCHANGE, address, family === 'ipv4' ? 'udp4' : 'udp6'];
      expect(spawnSync(process.execPath, words, { timeout: 5000 }).status).toBe(0);
      return rules().map((count, i) => count - before[i]!);
    },
    run: (command) => spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout,
    isHeld: () => isConntrackHeld(family),
  };
}

it.each(FAMILIES)('%s: is on while rules ask for it, however %s is flushed', (family, iptables) =>
  withHost(family, ({ apply, exchange, engine, run, isHeld }) => {
    expect(apply(NO_STATE)).toEqual([]);
    expect(isHeld()).toBe(false);
    expect(apply(STATES)).toEqual([]);
    expect(isHeld()).toBe(true);
    expect(exchange()).toEqual([0, 1, 1]);

    run('nft flush ruleset');
    run(`${iptables} -F; ${iptables} -X; ${iptables}-legacy -F; ${iptables}-legacy -X; ${iptables}-nft -F`);
    run(`echo '*filter\\n:INPUT ACCEPT\\nCOMMIT' | ${iptables}-legacy-restore`);
    expect(isHeld()).toBe(true);
    expect(engine.warnings(family)).toEqual([]);
    expect(exchange()).toEqual([0, 1, 1]);

    run(`${iptables}-legacy -t security -F`);
    expect(exchange()).toEqual([2, 0, 0]);
    const gone = expect.stringContaining('what keeps connection tracking on');
    expect(engine.warnings(family)).toEqual([gone]);
    expect(engine.status().warnings).toContainEqual(gone);
    expect(apply(STATES)).toEqual([gone]);
    expect(engine.warnings(family)).toEqual([]);
    expect(exchange()).toEqual([0, 1, 1]);

    expect(apply(NO_STATE)).toEqual([]);
    expect(isHeld()).toBe(false);
    expect(apply(STATES)).toEqual([]);
  }),
);

it.each(FAMILIES)('%s: what others have in the table stays, with its counters', (family, iptables) =>
  withHost(family, ({ run, exchange, apply }) => {
    const save = () => spawnSync(`${iptables}-legacy-save`, ['-c', '-t', 'security'], { encoding: 'utf8' }).stdout;
    const rules = () =>
      save()
        .split('\n')
        .filter((line) => line.startsWith('['));
    apply(NO_STATE);
    run(`${iptables}-legacy -t security -N all; ${iptables}-legacy -t security -A INPUT -p udp -j all`);
    exchange();
    const before = rules();
    expect(before.join()).toContain('-p udp -j all');
    holdConntrack(family);
    // A chain behind ours, which jumps lead over.
    run(`${iptables}-legacy -t security -N zoo; ${iptables}-legacy -t security -A zoo -p tcp`);
    run(`${iptables}-legacy -t security -A all -j zoo`);
    expect(rules().slice(0, 1)).toEqual(before);
    releaseConntrack(family);
    expect(isConntrackHeld(family)).toBe(false);
    expect(rules().slice(0, 1)).toEqual(before);
    expect(rules().join()).toContain('-A all -j zoo');
    exchange();
    expect(rules().join()).toMatch(/\[2:\d+\] -A all -j zoo/);
  }),
);

const LOOKS = 20_000;

it.each(FAMILIES)('%s: our rule is seen while others change its table', (family, iptables) =>
  withHost(family, ({ apply }) => {
    apply(STATES);
    const change = (how: string) => `${iptables}-legacy -w -t security ${how} INPUT -p udp;`;
    const others = spawn('sh', ['-c', `while :; do ${change('-A')} ${change('-D')} done`]);
    try {
      const sizes = new Set<number>();
      let missed = 0;
      for (let look = 0; look < LOOKS || sizes.size < 2; look++) {
        if (!isConntrackHeld(family)) missed++;
        sizes.add(readXtable(family, 'security')!.table.length);
      }
      expect(missed).toBe(0);
    } finally {
      others.kill('SIGKILL');
    }
    apply(NO_STATE);
  }),
);

it.each(FAMILIES)('%s: nftables do where there is no such table', (family) =>
  withHost(family, ({ run, exchange, apply, engine, isHeld }) => {
    apply(NO_STATE);
    holdConntrack(family, []);
    expect(isHeld()).toBe(true);
    expect(run('nft list tables')).toContain('bpfilter-conntrack');
    expect(apply(STATES)).toEqual([]);
    expect(exchange()).toEqual([0, 1, 1]);
    run('nft flush ruleset');
    expect(engine.warnings(family)).toHaveLength(1);
    expect(exchange()).toEqual([2, 0, 0]);
    holdConntrack(family, []);
    expect(apply(NO_STATE)).toEqual([]);
    expect(run('nft list tables')).toBe('');
  }),
);
