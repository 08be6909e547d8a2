import { describe, expect, it } from 'vitest';
import type { ForeignKept } from '../../../src/base/early.ts';
import {
  asksDevice,
  asksMasked,
  asksNumber,
  type ForeignChains,
  type ForeignPlace,
  type ForeignRule,
} from '../../../src/base/foreign-rules.ts';
import { formatPredicate } from '../../../src/base/predicate.ts';
import type { SeenForeign } from '../../../src/codegen/surroundings.ts';
import {
  countingChain,
  type ForeignHooks,
  foreignFacts,
  foreignNotes,
  keptPackets,
  whyNotBeside,
} from '../../../src/engine/early-foreign.ts';

const DNAT = 'something';
const PORT = asksNumber('dport', [{ low: 80, high: 80 }], false);
const ADDRESS = asksMasked('ipv4', 'dst', 0x0a010000n, 0xffff0000n, false);
const DEVICE = asksDevice('eth', true, true);

const rule = (asks: ForeignRule['asks'], does: ForeignRule['does']): ForeignRule => ({ asks, does });
const leadTo = (leadsTo: string, asks: ForeignRule['asks'] = []): ForeignRule => rule(asks, { leadsTo });

function chains(rules: Readonly<Record<string, readonly ForeignRule[]>>, at: ForeignPlace = 'NAT'): ForeignChains {
  const entered = [{ key: 'PREROUTING', name: 'n', at, table: at === 'NAT' ? ('nat' as const) : ('mangle' as const) }];
  return { entered, chains: new Map(Object.entries(rules)), mayExpect: false };
}

function kept(rules: Readonly<Record<string, readonly ForeignRule[]>>, at?: ForeignPlace): string[] | undefined {
  return keptPackets(chains(rules, at))?.map(({ asked }) =>
    asked.map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`).join(' and '),
  );
}

describe('packets that NAT may change', () => {
  it('are those that rules ask for', () => {
    const rules = [rule(PORT, DNAT), rule([...ADDRESS, ...DEVICE], DNAT), rule(PORT, DNAT)];
    expect(kept({ PREROUTING: rules })).toEqual([
      'dport in 80',
      'dst in 10.1.0.0-10.1.255.255 and ! inDevice begins "eth"',
    ]);
  });

  it('are kept though rules before let them pass', () => {
    expect(kept({ PREROUTING: [rule([], 'nothing'), rule(PORT, DNAT)] })).toEqual(['dport in 80']);
  });

  it('are those that are led to a chain as well', () => {
    const found = kept({
      PREROUTING: [leadTo('one', ADDRESS), leadTo('idle', DEVICE), leadTo('absent')],
      one: [leadTo('two', DEVICE)],
      two: [rule(PORT, DNAT)],
      idle: [rule([], 'nothing')],
    });
    expect(found).toEqual(['dst in 10.1.0.0-10.1.255.255 and ! inDevice begins "eth" and dport in 80']);
  });

  it('are all where a rule asks nothing, or the mask of an address has holes', () => {
    expect(kept({ PREROUTING: [rule([], DNAT)] })).toEqual(['']);
    expect(asksMasked('ipv4', 'src', 0x0a000001n, 0xff0000ffn, false)).toEqual([]);
  });

  it('are not told where the ways to rules are too many', () => {
    const twice = (chain: string) =>
      [0, 1].map((port) => leadTo(chain, asksNumber('sport', [{ low: port, high: port }], false)));
    const names = Array.from({ length: 12 }, (_, i) => `chain ${i}`);
    const doubling = Object.fromEntries(names.map((name, i) => [name, twice(`chain ${i + 1}`)]));
    expect(kept({ ...doubling, PREROUTING: twice('chain 0'), 'chain 12': [rule(PORT, DNAT)] })).toBeUndefined();
    expect(kept({ ...doubling, PREROUTING: twice('chain 0'), 'chain 12': [rule(PORT, 'nothing')] })).toEqual([]);
  });
});

it('an address is never what a mask has no place for', () => {
  const [asked] = asksMasked('ipv4', 'dst', 0x0a010203n, 0xffff0000n, true);
  expect(asked).toEqual({ predicate: { kind: 'in', field: 'dst', set: [] }, negated: true });
});

it('packets of IPv6 are told by addresses of their own', () => {
  const mask = ((1n << 64n) - 1n) << 64n;
  const [asked] = asksMasked('ipv6', 'dst', 0x2001n << 112n, mask, false);
  expect(formatPredicate(asked!.predicate)).toBe('dst6 in 2001::-2001::ffff:ffff:ffff:ffff');
});

it('packets that lack what rules of raw and mangle ask for are kept, as matches drop them', () => {
  const rules = { PREROUTING: [rule(PORT, DNAT)] };
  expect(kept(rules, 'FORWARD')).toEqual([
    'dport in 80',
    'transportLength in 0-7',
    'protocol in 6 and transportLength in 0-19',
  ]);
  expect(kept({ PREROUTING: [rule(ADDRESS, DNAT)] }, 'FORWARD')).toHaveLength(1);
});

describe('early verdicts beside rules of others', () => {
  const NOBODY: ForeignHooks = { NAT: [], PREROUTING: [], INPUT: [], FORWARD: [] };
  const HOOKS: ForeignHooks = { ...NOBODY, NAT: [{ address: 1n, priority: -100, kind: 0 }] };
  const SEEN = { tableBytes: { raw: 0, mangle: 0, nat: 1000 }, seesNftables: true };
  const made = foreignFacts(chains({ PREROUTING: [rule(PORT, DNAT)] }));
  if ('why' in made) throw new Error('rules are not known');
  const facts: ForeignKept = made;

  it('are given where all rules are known', () => {
    const entered = [{ name: 'n', at: 'NAT', table: 'nat' }];
    expect(facts).toEqual({ entered, mayExpect: false, kept: [{ at: 'NAT', by: 'n', asked: PORT }] });
    expect(whyNotBeside(facts, HOOKS, SEEN)).toBeUndefined();
    expect(foreignNotes(facts)).toEqual(['packets that rules of NAT may change are left to netfilter']);
    expect(countingChain(facts)).toBe('n');
  });

  it('are as ever where nobody has any', () => {
    const none = { entered: [], mayExpect: false, kept: [] };
    expect(foreignFacts({ ...chains({}), entered: [] })).toEqual(none);
    expect([foreignNotes(undefined), foreignNotes(none), foreignNotes({ why: 'so' })]).toEqual([[], [], []]);
    expect([countingChain(undefined), countingChain(none)]).toEqual([undefined, undefined]);
    expect(whyNotBeside(none, NOBODY, SEEN)).toBeUndefined();
  });

  const bytes = (nat: number, mangle = 0) => ({ ...SEEN, tableBytes: { raw: 0, mangle, nat } });
  const ofNft: ForeignKept = { ...facts, entered: [{ name: 'n', at: 'NAT' }] };
  const nft = [{ address: 1n, priority: -90, kind: 1 }];
  it.each<[why: string, ForeignKept, ForeignHooks, SeenForeign]>([
    ['there are too many rules in front of the filter table', facts, HOOKS, bytes(10_000)],
    ["changes of iptables-legacy's table nat cannot be seen", facts, HOOKS, bytes(0)],
    ['the rules of NAT are not all known', facts, { ...HOOKS, NAT: [...HOOKS.NAT, ...HOOKS.NAT] }, SEEN],
    ['the rules of NAT are not all known', facts, NOBODY, SEEN],
    ['the rules of NAT are not all known', ofNft, HOOKS, SEEN],
    ['rules at INPUT are not all known', facts, { ...HOOKS, INPUT: nft }, SEEN],
    ['changes of nftables cannot be seen', ofNft, { ...NOBODY, NAT: nft }, { ...SEEN, seesNftables: false }],
    ['rules of n may apply to any packet', { ...facts, kept: [{ at: 'PREROUTING', by: 'n', asked: [] }] }, HOOKS, SEEN],
  ])('are not: %s', (why, known, hooks, seen) => {
    expect(whyNotBeside(known, hooks, seen)).toBe(why);
  });
});
