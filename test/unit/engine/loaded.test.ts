// A process that stays uses programs again whose code has not changed: what is in force is then what a new process would
// have loaded, and whatever goes wrong, the rules in force stay in force with the tables that they came with.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SLOT_MAPS, slotIndex } from '../../../src/codegen/dispatcher.ts';
import { TABLE_MAP } from '../../../src/codegen/table-access.ts';
import type { Current, Engine } from '../../../src/engine/types.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import type { FakeKernel } from '../../harness/fake-kernel.ts';

/** Sources that are dropped: enough of them to be looked up in a table. */
const SOURCES = 40;

function rules(last: number, atLast = '', policies = 'ACCEPT ACCEPT'): Ruleset {
  const dropped = Array.from({ length: SOURCES }, (_, i) => `-A INPUT -s 10.0.${i}.1/32 -j DROP\n`);
  const more = [`-A INPUT -s 10.9.0.${last}/32 -j DROP\n`, atLast];
  const [forward, output] = policies.split(' ');
  const text = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ${forward} [0:0]\n:OUTPUT ${output} [0:0]\n${[...dropped, ...more].join('')}COMMIT\n`;
  return parseRuleset(text, { file: 'loaded' }).ruleset;
}

let host: FakeHost;
let kernel: FakeKernel;

beforeEach(() => {
  host = new FakeHost();
  ({ kernel } = host);
});

afterEach(() => {
  host.remove();
});

function apply(engine: Engine, ruleset: Ruleset, { settle = true, file = 'loaded' } = {}): number {
  return engine.withLock(0, () => {
    const before: Current | undefined = engine.basis('ipv4');
    const result = engine.apply({
      ...{ ruleset, before, source: { file }, placement: 'netfilter', devices: [], mode: 'auto' },
      ...{ allowInexact: [], counters: before === undefined ? 'ruleset' : 'carry' },
    });
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    if (settle) engine.settle();
    return result.generation;
  });
}

/** The calls of `work`. */
function callsOf(work: () => void): string[] {
  const from = kernel.calls.length;
  work();
  return kernel.calls.slice(from);
}

const loads = (calls: readonly string[]) => calls.filter((call) => call.startsWith('load r_'));

/** The tables that packets at INPUT are judged by now. */
function tablesInForce(): Uint8Array {
  const { generation } = host.open().status().families.ipv4;
  const slots = kernel.openPin(join(host.directory, 'run', 'bpf', '7_4026531840', SLOT_MAPS.ipv4.netfilter))!;
  const object = kernel.objects[kernel.openSlot(slots, slotIndex(0, generation))!]!;
  if (object.kind !== 'program') throw new Error('no program is in force');
  return kernel.map(object.maps.get(TABLE_MAP)!).bytes;
}

/** The same, once a new process has brought the rules in force into force again: made from nothing, for the same counters. */
function tablesMadeAnew(): Uint8Array {
  const before = tablesInForce();
  const engine = host.open();
  const calls = callsOf(() => apply(engine, engine.basis('ipv4')!.ruleset));
  expect(loads(calls)).toHaveLength(3);
  expect(tablesInForce()).not.toBe(before);
  return tablesInForce();
}

describe('programs whose code has not changed', () => {
  it('come into force again with other tables, from the third generation on', () => {
    const engine = host.open();
    apply(engine, rules(1));
    expect(loads(callsOf(() => apply(engine, rules(2))))).toHaveLength(3);
    let before = tablesInForce().slice();
    for (const last of [3, 4, 5]) {
      const calls = callsOf(() => apply(engine, rules(last)));
      expect(loads(calls)).toEqual([]);
      expect(calls).toContain('rewrite tables');
      expect(tablesInForce()).not.toEqual(before);
      before = tablesInForce().slice();
    }
    const kept = tablesInForce().slice();
    expect(kept).toEqual(tablesMadeAnew());
  });

  it('come into force again whatever command changes the rules, and not where rules that are in code have changed', () => {
    const engine = host.open();
    const change = (last: number, file: string, atLast: string) =>
      loads(callsOf(() => apply(engine, rules(last, atLast), { file })));
    const small = '-A OUTPUT -p tcp -j DROP\n';
    for (const last of [1, 2]) expect(change(last, 'a file', small)).toHaveLength(3);
    expect(change(3, 'iptables -A', small)).toEqual([]);
    expect(change(4, 'iptables -D', small)).toEqual([]);
    expect(change(5, 'iptables -R', '-A OUTPUT -p udp -j DROP\n')).toHaveLength(3);
  });

  it('come into force again where some of the last changes are made again, with the tables of now', () => {
    const engine = host.open();
    // Policies are in code, and keep their counters.
    const policies = ['ACCEPT ACCEPT', 'ACCEPT DROP', 'DROP ACCEPT', 'DROP DROP'];
    const change = (last: number, which: number) =>
      loads(callsOf(() => apply(engine, rules(last, '', policies[which]))));
    for (const which of [0, 1, 2, 3]) expect(change(1, which)).toHaveLength(3);
    for (const which of [0, 1, 2, 3, 1]) expect(change(2, which)).toEqual([]);
    expect(tablesInForce().slice()).toEqual(tablesMadeAnew());
  });

  it('get their tables once no packet is in them, and before they are put into slots', () => {
    const engine = host.open();
    for (const last of [1, 2]) apply(engine, rules(last), { settle: false });
    const calls = callsOf(() => apply(engine, rules(3), { settle: false }));
    const place = (call: string) => calls.findIndex((each) => each.startsWith(call));
    expect(place('grace period')).toBeGreaterThanOrEqual(0);
    expect(place('rewrite tables')).toBeGreaterThan(place('grace period'));
    expect(place('slot')).toBeGreaterThan(place('rewrite tables'));
  });

  it('are loaded where the code is other', () => {
    const engine = host.open();
    for (const last of [1, 2]) apply(engine, rules(last));
    const few = parseRuleset('*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n', {
      file: 'few',
    }).ruleset;
    expect(loads(callsOf(() => apply(engine, few)))).toHaveLength(3);
    expect(loads(callsOf(() => apply(engine, rules(1))))).toEqual([]);
    expect(tablesInForce().slice()).toEqual(tablesMadeAnew());
  });

  it('are loaded once others have changed the rules, or taken them away', () => {
    const engine = host.open();
    for (const last of [0, 1, 2]) apply(engine, rules(last));
    apply(host.open(), rules(3));
    expect(loads(callsOf(() => apply(engine, rules(4))))).toHaveLength(3);
    expect(loads(callsOf(() => apply(engine, rules(5))))).toHaveLength(3);
    expect(loads(callsOf(() => apply(engine, rules(6))))).toEqual([]);
    const other = host.open();
    other.withLock(0, () => other.detach());
    apply(other, rules(7));
    expect(loads(callsOf(() => apply(engine, rules(8))))).toHaveLength(3);
    expect(tablesInForce().slice()).toEqual(tablesMadeAnew());
  });
});

// Every call of a change that uses programs again fails in turn.
describe.each([
  ['fails', false],
  ['is the last of its process', true],
])('where a step %s', (_, dead) => {
  it('the old or the new rules are in force, whole, and the next change is right', () => {
    let failed = 0;
    for (let step = 1; ; step++) {
      host.renew();
      kernel = host.kernel;
      const engine = host.open();
      for (const last of [0, 1, 2]) apply(engine, rules(last));
      const old = tablesInForce().slice();
      const attempt = kernel.failing(step, () => apply(engine, rules(3)), dead);
      if (attempt?.isDone === false) {
        failed++;
        expect(tablesInForce()).toEqual(old);
      }
      // A process that has died changes nothing any more.
      const next = dead && attempt !== undefined ? host.open() : engine;
      apply(next, rules(4));
      expect(tablesInForce().slice()).toEqual(tablesMadeAnew());
      if (attempt === undefined) break;
    }
    expect(failed).toBeGreaterThan(3);
  });
});
