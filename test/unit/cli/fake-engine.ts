// An engine that keeps everything in memory, and a context around it that remembers what was printed.

import type { EarlyFacts } from '../../../src/base/early.ts';
import type { Context } from '../../../src/cli/context.ts';
import type { Device, Kernel } from '../../../src/engine/kernel.ts';
import type {
  ApplyRequest,
  ApplyResult,
  Current,
  Engine,
  FamilyStatus,
  SyncResult,
} from '../../../src/engine/types.ts';
import { zeroCounters } from '../../../src/ruleset/edit.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { EARLY_FEATURES, FakeKernel } from '../../harness/fake-kernel.ts';

const DEVICES: readonly Device[] = [
  { ifindex: 1, name: 'lo', loopback: true, ethernet: true },
  { ifindex: 2, name: 'eth0', loopback: false, ethernet: true },
  { ifindex: 3, name: 'veth1', kind: 'veth', loopback: false, ethernet: true },
  { ifindex: 4, name: 'br0', kind: 'bridge', loopback: false, ethernet: true },
  { ifindex: 5, name: 'eth1', master: 4, loopback: false, ethernet: true },
];

export class FakeFirewall {
  /** What is in force. */
  inForce: Current | undefined;
  readonly requests: ApplyRequest[] = [];
  /** How often it was told to end what is left. */
  settled = 0;
  /** What `apply` and `verify` answer in place of success. */
  refusal: ApplyResult | undefined;
  /** What taking the lock throws. */
  lockError: Error | undefined;
  readonly waits: number[] = [];
  /** What `detach` says of the store. */
  detachWarnings: readonly string[] = [];
  readonly files = new Map<string | undefined, string>();
  /** What is certain of packets by their addresses. */
  facts: EarlyFacts | undefined;
  /** What else the status says of IPv4. */
  more: Partial<FamilyStatus> = {};
  /** What comes of `sync`, of each family. */
  synced: SyncResult = { ok: true, notes: [], warnings: [] };
  out = '';
  err = '';

  /** Puts a ruleset into force without a command. */
  hold(text: string): this {
    const { ruleset } = parseRuleset(text, { file: 'held' });
    this.inForce = { generation: 1, ruleset, placement: 'netfilter', devices: [], mode: 'auto', allowInexact: [] };
    return this;
  }

  context(environment: Record<string, string> = {}): Context {
    return {
      environment: environment,
      colour: false,
      readInput: (path) => {
        const text = this.files.get(path);
        if (text !== undefined) return text;
        throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
      },
      print: (text) => {
        this.out += text;
      },
      printError: (text) => {
        this.err += text;
      },
      now: () => new Date(2026, 10, 1, 8, 21, 39),
      kernel: {
        devices: () => DEVICES,
        features: () => EARLY_FEATURES,
        surroundings: () => new FakeKernel().surroundings(),
        earlyFacts: () => this.facts,
      } as unknown as Kernel,
      openEngine: () => this.engine(),
    };
  }

  private engine(): Engine {
    const answer = (request: ApplyRequest, keep: boolean): ApplyResult => {
      this.requests.push(request);
      if (this.refusal) return this.refusal;
      const { ruleset, placement, devices, mode, allowInexact } = request;
      const generation = (this.inForce?.generation ?? 0) + 1;
      if (keep) this.inForce = { generation, ruleset, placement, devices, mode, allowInexact };
      return { ok: true, generation: keep ? generation : 0, diagnostics: [], notes: [], warnings: [] };
    };
    return {
      withLock: (seconds, work) => {
        this.waits.push(seconds);
        if (this.lockError) throw this.lockError;
        return work();
      },
      sync: () => this.synced,
      current: (family) => (this.inForce?.ruleset.family === family ? this.inForce : undefined),
      basis: (family) => (this.inForce?.ruleset.family === family ? this.inForce : undefined),
      apply: (request) => answer(request, true),
      settle: () => {
        this.settled++;
        return [];
      },
      verify: (request) => answer(request, false),
      counters: () => new Map(),
      zero: (_, { table = 'filter', chain, rule }) => {
        const { inForce } = this;
        if (inForce) this.inForce = { ...inForce, ruleset: zeroCounters(inForce.ruleset, table, chain, rule) };
        return [];
      },
      detach: () => {
        this.inForce = undefined;
        return this.detachWarnings;
      },
      warnings: () => [],
      status: () => ({
        namespace: { cookie: '17', name: 'blue' },
        families: {
          ipv4: {
            ...{ generation: this.inForce?.generation ?? 0, ...placementOf(this.inForce), rules: 0 },
            hooks: [
              { hook: 'INPUT', attached: true, priority: -1 },
              { hook: 'FORWARD', attached: false },
            ],
            devices: [{ name: 'eth0', ifindex: 2, note: 'the device is gone' }],
            dropped: { emptySlot: '0', undecided: '5' },
            ...this.more,
          },
          ipv6: {
            ...{ generation: 0, rules: 0, hooks: [], devices: [] },
            dropped: { emptySlot: '0', undecided: '0' },
          },
        },
        warnings: ['something to look at'],
        others: [{ cookie: '18', generations: { ipv4: 3, ipv6: 0 } }],
      }),
      close: () => {},
    };
  }
}

function placementOf(current: Current | undefined) {
  return current === undefined ? {} : { placement: current.placement };
}
