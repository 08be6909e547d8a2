import { describe, expect, it } from 'vitest';
import { asksDevice, asksMasked, asksNumber, type NatChains, type NatRule } from '../../../src/base/nat.ts';
import { formatPredicate } from '../../../src/base/predicate.ts';
import { countsPackets, keptPackets, natFacts, natNotes, whyNotBesideNat } from '../../../src/engine/early-nat.ts';

const DNAT = 'something';
const PORT = asksNumber('dport', [{ low: 80, high: 80 }], false);
const ADDRESS = asksMasked('ipv4', 'dst', 0x0a010000n, 0xffff0000n, false);
const DEVICE = asksDevice('eth', true, true);

const rule = (asks: NatRule['asks'], does: NatRule['does']): NatRule => ({ asks, does });
const leadTo = (leadsTo: string, asks: NatRule['asks'] = []): NatRule => rule(asks, { leadsTo });

function chains(rules: Readonly<Record<string, readonly NatRule[]>>): NatChains {
  const found = { entered: ['PREROUTING'], chains: new Map(Object.entries(rules)) };
  return { ...found, legacy: 1, nftables: 0, hasNftables: false, mayExpect: false };
}

function kept(rules: Readonly<Record<string, readonly NatRule[]>>): string[] | undefined {
  return keptPackets(chains(rules))?.map((asked) =>
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

describe('early verdicts beside NAT', () => {
  const SEEN = {
    called: [{ address: 1n, priority: -100, kind: 0 }],
    bytes: 1000,
    seesLegacy: true,
    seesNftables: true,
  };
  const facts = natFacts(chains({ PREROUTING: [rule(PORT, DNAT)] }))!;

  it('are given where all rules are known', () => {
    expect(facts).toEqual({ legacy: 1, nftables: 0, hasNftables: false, kept: [PORT] });
    expect(whyNotBesideNat(facts, SEEN, true)).toBeUndefined();
    expect(natNotes(facts)).toEqual(['packets that rules of NAT may change are left to netfilter']);
    expect(countsPackets(facts)).toBe(true);
  });

  it('are as ever where nobody does NAT', () => {
    expect(natFacts({ ...chains({}), legacy: 0 })).toBeUndefined();
    expect(natNotes(undefined)).toEqual([]);
    expect(countsPackets(undefined)).toBe(false);
  });

  it.each([
    ['there are too many rules of NAT', facts, { ...SEEN, bytes: 10_000 }, true],
    ['the rules of NAT are not all known', facts, { ...SEEN, called: [...SEEN.called, ...SEEN.called] }, true],
    ['the rules of NAT are not all known', facts, { ...SEEN, called: [] }, true],
    ['the rules of NAT are not all known', facts, { ...SEEN, called: undefined }, true],
    ['the rules of NAT are not all known', { ...facts, legacy: 0, nftables: 1 }, SEEN, true],
    ['connections may be expected, which NAT changes', facts, SEEN, false],
    ["changes of iptables-legacy's rules of NAT cannot be seen", facts, { ...SEEN, seesLegacy: false }, true],
    [
      'changes of nftables, which does NAT, cannot be seen',
      { ...facts, hasNftables: true },
      { ...SEEN, seesNftables: false },
      true,
    ],
    [
      'rules beside those of NAT may have connections expected',
      natFacts({ ...chains({}), mayExpect: true })!,
      SEEN,
      true,
    ],
  ])('are not: %s', (why, known, seen, unexpected) => {
    expect(whyNotBesideNat(known, seen, unexpected)).toBe(why);
  });
});
