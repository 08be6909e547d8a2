// An engine that stays while others come and go: what it keeps in memory is what is in force, or is not used.

import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ApplyRequest, Current, Engine } from '../../../src/engine/types.ts';
import { VerifierError } from '../../../src/kernel/errors.ts';
import type { Rule } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import type { FakeKernel } from '../../harness/fake-kernel.ts';

const NAT =
  '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n';

function text(...ports: number[]): string {
  const rules = ports.map((port) => `-A INPUT -p tcp -m tcp --dport ${port} -j web\n`).join('');
  return `${NAT}*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:web - [0:0]\n${rules}-A web -j ACCEPT\nCOMMIT\n`;
}

let host: FakeHost;
let directory: string;
let kernel: FakeKernel;

beforeEach(() => {
  host = new FakeHost();
  ({ directory, kernel } = host);
});

afterEach(() => {
  host.remove();
});

/** As another process would. */
const open = (): Engine => host.open();

function request(rules: string, more: Partial<ApplyRequest> = {}): ApplyRequest {
  const { ruleset } = parseRuleset(rules, { file: 'resident' });
  return {
    ...{ ruleset, source: { file: 'resident' }, counters: 'ruleset', placement: 'netfilter', devices: [] },
    ...{ mode: 'auto', allowInexact: [], ...more },
  };
}

function apply(engine: Engine, rules: string, more: Partial<ApplyRequest> = {}): number {
  return engine.withLock(0, () => {
    const result = engine.apply(request(rules, more));
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    expect(engine.settle()).toEqual([]);
    return result.generation;
  });
}

const shown = (current: Current | undefined) => current && printRuleset(current.ruleset, { counters: false });
const inputRules = (current: Current): readonly Rule[] => current.ruleset.tables[1]!.chains[0]!.rules;

it('gives the same rules for as long as they are in force', () => {
  const engine = open();
  apply(engine, text(1, 2));
  const basis = engine.basis('ipv4')!;
  expect(shown(basis)).toBe(text(1, 2));
  expect(inputRules(engine.basis('ipv4')!)[1]).toBe(inputRules(basis)[1]);
  const [nat, filter] = basis.ruleset.tables;
  const chains = filter!.chains.map((chain) =>
    chain.name === 'INPUT' ? { ...chain, rules: chain.rules.slice(1) } : chain,
  );
  const ruleset = { ...basis.ruleset, tables: [nat!, { ...filter!, chains }] };
  apply(engine, '', { ruleset, before: basis, counters: 'kept' });
  expect(inputRules(engine.basis('ipv4')!)[0]).toBe(inputRules(basis)[1]);
  expect(shown(open().basis('ipv4'))).toBe(text(2));
});

it('sees what others have brought into force, taken away, and lost', () => {
  const engine = open();
  apply(engine, text(1));
  apply(open(), text(2));
  expect(shown(engine.basis('ipv4'))).toBe(text(2));
  const other = open();
  other.withLock(0, () => other.detach());
  expect(engine.basis('ipv4')).toBeUndefined();
  apply(open(), text(3));
  expect(shown(engine.basis('ipv4'))).toBe(text(3));
  expect(shown(engine.current('ipv4'))).toBe(text(3));
  apply(engine, text(4));
  expect(shown(open().basis('ipv4'))).toBe(text(4));
  rmSync(join(directory, 'state'), { recursive: true });
  expect(() => engine.basis('ipv4')).toThrow(/knows nothing/);
});

it('takes no ruleset that was made from one that others have replaced', () => {
  const engine = open();
  apply(engine, text(1));
  const before = engine.basis('ipv4')!;
  apply(open(), text(2));
  expect(() => apply(engine, text(1), { before, counters: 'kept' })).toThrow(/not in force/);
  expect(shown(engine.basis('ipv4'))).toBe(text(2));
});

it('does not take another store of equal numbers for the one it has read', () => {
  const engine = open();
  apply(engine, text(1));
  const other = open();
  other.withLock(0, () => other.detach());
  rmSync(join(directory, 'state'), { recursive: true });
  apply(open(), text(2));
  expect(shown(engine.basis('ipv4'))).toBe(text(2));
});

it('reads of a table that is to be replaced only what stays: the policies of its built-in chains', () => {
  apply(open(), text(1, 2));
  const { tables } = open().basis('ipv4', 'throw', new Set(['filter']))!.ruleset;
  expect(tables.map(({ name }) => name)).toEqual(['nat', 'filter']);
  expect(tables[1]!.chains.map(({ name, policy, rules }) => [name, policy, rules.length])).toEqual([
    ['INPUT', 'DROP', 0],
    ['FORWARD', 'ACCEPT', 0],
    ['OUTPUT', 'ACCEPT', 0],
  ]);
  expect(shown(open().basis('ipv4', 'throw', new Set(['nat', 'raw'])))).toBe(text(1, 2));
});

it('tells what the verifier finds too large, and leaves the old rules in force', () => {
  const engine = open();
  const generation = apply(engine, text(22));
  const log = '; -A INPUT -p tcp -m tcp --dport 23 -j web @ resident:9\nThe sequence of 8193 jumps is too complex.';
  kernel.loadProgram = (program) => {
    throw new VerifierError(program.name, constants.errno.EFAULT, log);
  };
  const result = engine.withLock(0, () => engine.apply(request(text(23))));
  const expected = { code: 'too-large', message: expect.stringContaining('r_input'), span: { line: 9 } };
  expect(result).toMatchObject({ ok: false, diagnostics: [expected] });
  expect(engine.current('ipv4')).toMatchObject({ generation });
});
