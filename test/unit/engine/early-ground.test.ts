import { describe, expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
import { asksNumber } from '../../../src/base/foreign-rules.ts';
import type { Hook, Surroundings, WatchedHook } from '../../../src/codegen/surroundings.ts';
import { earlyNotes, findGround, groundDigest } from '../../../src/engine/early-ground.ts';

const FACTS: EarlyFacts = { family: 'ipv4', local: [{ low: 1, high: 1 }], routed: [], devices: [] };
const NOBODY: Surroundings['hooks'] = { PREROUTING: [], INPUT: [], FORWARD: [], OUTPUT: [], POSTROUTING: [] };
const TRACKING = [hook(-400), hook(-200)];
const OURS = hook(-1, 2);
/** What the kernel leaves where there was a bridge. */
const BRIDGES: Hook = { address: 7n, priority: -0x80000000, kind: 0 };

function hook(priority: number, kind = 0): Hook {
  return { address: 1n, priority, kind };
}

function ground(hooks: Partial<Surroundings['hooks']>, facts: EarlyFacts | undefined = FACTS) {
  const isFunctionAt = (address: bigint, name: string) => address === BRIDGES.address && name === 'ip_sabotage_in';
  return findGround({ ...NOBODY, ...hooks }, facts, undefined, isFunctionAt);
}

function whyNot(hooks: Partial<Surroundings['hooks']>): string {
  const found = ground(hooks);
  if (!('why' in found)) throw new Error('there is ground');
  return found.why;
}

describe('the ground of early verdicts', () => {
  it('is there where nobody sees packets first but connection tracking, and we', () => {
    expect(ground({})).toEqual({ facts: FACTS, tracked: false, unexpected: true });
    const behind = [OURS, hook(0), hook(100), hook(0x7fffffff)];
    expect(ground({ PREROUTING: [BRIDGES] })).toEqual(ground({}));
    expect(ground({ PREROUTING: [BRIDGES, ...TRACKING], INPUT: behind, FORWARD: [OURS] })).toEqual({
      ...{ facts: FACTS, tracked: true, unexpected: true },
    });
  });

  it.each<[string, Partial<Surroundings['hooks']>, string]>([
    [
      'NAT',
      { PREROUTING: [...TRACKING, hook(-100)] },
      'a table of the kernel at priority -100 sees packets first, at PREROUTING',
    ],
    ['raw', { PREROUTING: [hook(-300)] }, 'a table of the kernel at priority -300 sees packets first, at PREROUTING'],
    [
      'nftables',
      { PREROUTING: [hook(-200, 1)] },
      'a chain of nftables at priority -200 sees packets first, at PREROUTING',
    ],
    [
      'mangle at INPUT',
      { INPUT: [hook(-150), OURS] },
      'a table of the kernel at priority -150 sees packets first, at INPUT',
    ],
    [
      'a BPF program beside ours',
      { FORWARD: [hook(-5, 2), OURS] },
      'a BPF program at priority -1 sees packets beside us, at FORWARD',
    ],
    [
      'someone else where bridges are',
      { PREROUTING: [{ ...BRIDGES, address: 8n }, ...TRACKING] },
      'a table of the kernel at priority -2147483648 sees packets first, at PREROUTING',
    ],
    [
      'bridges where they are not known',
      { FORWARD: [BRIDGES, OURS] },
      'a table of the kernel at priority -2147483648 sees packets first, at FORWARD',
    ],
    ['too many', { OUTPUT: undefined }, 'too many hook into OUTPUT to look at them'],
  ])('is not there: %s', (_, hooks, why) => {
    expect(whyNot(hooks as Record<WatchedHook, readonly Hook[]>)).toBe(why);
  });

  const NAT_CHAIN = { name: 'nat PREROUTING of iptables-legacy', at: 'NAT', table: 'nat' } as const;
  const NO_BYTES = { raw: 0, mangle: 0, nat: 0 };
  const asked = asksNumber('dport', [{ low: 80, high: 80 }], false);

  it('is there beside NAT whose rules are known', () => {
    const kept = [{ at: 'NAT' as const, by: NAT_CHAIN.name, asked }];
    const facts: EarlyFacts = { ...FACTS, foreign: { entered: [NAT_CHAIN], mayExpect: false, kept } };
    const hooks = { ...NOBODY, PREROUTING: [...TRACKING, hook(-100)] };
    const seen = { nat: [hook(-100)], tableBytes: { ...NO_BYTES, nat: 800 }, seesNftables: false };
    const found = findGround(hooks, facts, seen);
    expect(found).toEqual({ facts, tracked: true, unexpected: true });
    if ('why' in found) throw new Error('there is ground');
    expect(earlyNotes(found, found)).toEqual(['packets that rules of NAT may change are left to netfilter']);
    expect(findGround(hooks, facts, { ...seen, nat: [] })).toEqual({ why: 'the rules of NAT are not all known' });
    expect(findGround(hooks, facts)).toHaveProperty('why');
    expect(findGround(hooks, FACTS, seen)).toHaveProperty('why');
    const { nat: _, ...unseen } = seen;
    expect(findGround(hooks, facts, unseen)).toEqual({ why: 'what does NAT cannot be seen' });
    const expected = { why: 'connections may be expected, which NAT changes' };
    const withChain = { ...hooks, OUTPUT: [hook(0, 1)] };
    expect(findGround(withChain, facts, seen)).toEqual(expected);
    expect(findGround(withChain, facts, { ...seen, seesNftables: true })).toEqual(found);
    const helping = { ...facts, foreign: { entered: [NAT_CHAIN], mayExpect: true, kept } };
    expect(findGround(withChain, helping, { ...seen, seesNftables: true })).toEqual(expected);
  });

  it('is there beside raw, mangle and chains of nftables whose rules are known', () => {
    const entered = [
      { name: 'raw PREROUTING of iptables-legacy', at: 'PREROUTING', table: 'raw' },
      { name: 'mangle FORWARD of iptables-legacy', at: 'FORWARD', table: 'mangle' },
      { name: 'ip t c of nftables', at: 'INPUT' },
    ] as const;
    const kept = [
      { at: 'PREROUTING' as const, by: entered[0].name, asked },
      { at: 'FORWARD' as const, by: entered[1].name, asked: [] },
    ];
    const facts: EarlyFacts = { ...FACTS, foreign: { entered, mayExpect: false, kept } };
    const hooks = {
      ...{ ...NOBODY, PREROUTING: [TRACKING[0]!, hook(-300), TRACKING[1]!] },
      ...{ INPUT: [hook(-5, 1), OURS], FORWARD: [hook(-150), OURS] },
    };
    const seen = { tableBytes: { ...NO_BYTES, raw: 500, mangle: 900 }, seesNftables: true };
    const found = findGround(hooks, facts, seen);
    expect(found).toEqual({ facts, tracked: true, unexpected: true });
    if ('why' in found) throw new Error('there is ground');
    expect(earlyNotes(found, found)).toEqual([
      'packets that rules of raw PREROUTING of iptables-legacy, mangle FORWARD of iptables-legacy may apply to are left to netfilter',
    ]);
    expect(findGround({ ...hooks, INPUT: [OURS, hook(-5, 1)] }, facts, seen)).toEqual(found);
    const helping = { ...facts, foreign: { entered, mayExpect: true, kept } };
    expect(findGround(hooks, helping, seen)).toMatchObject({ unexpected: false });
    const others: [Partial<Surroundings['hooks']>, string][] = [
      [{ INPUT: [hook(-5, 1), hook(-7, 1), OURS] }, 'rules at INPUT are not all known'],
      [{ FORWARD: [OURS] }, 'rules at FORWARD are not all known'],
      [{ PREROUTING: [hook(-300), hook(-300)] }, 'rules at PREROUTING are not all known'],
      [{ INPUT: Array(5).fill(hook(-5, 1)) }, 'too many hook into INPUT to look at them'],
      [{ INPUT: [hook(-7), OURS] }, 'a table of the kernel at priority -7 sees packets first, at INPUT'],
    ];
    for (const [other, why] of others) expect(findGround({ ...hooks, ...other }, facts, seen)).toEqual({ why });
    expect(findGround(hooks, facts, { ...seen, seesNftables: false })).toEqual({
      why: 'changes of nftables cannot be seen',
    });
    expect(findGround(hooks, { ...FACTS, foreign: { why: 'so' } }, seen)).toEqual({ why: 'so' });
    expect(findGround(NOBODY, { ...FACTS, foreign: { why: 'so' } }, seen)).toHaveProperty('facts');
  });

  it('is not there without facts', () => {
    expect(findGround(NOBODY, undefined)).toEqual({
      why: 'routing rules ask for more than the destination, or there are too many routes',
    });
  });

  it('knows who may have connections expected', () => {
    expect(ground({ PREROUTING: TRACKING, POSTROUTING: [hook(100, 1)] })).toMatchObject({ unexpected: false });
    expect(ground({ PREROUTING: TRACKING, OUTPUT: [hook(-300)] })).toMatchObject({ unexpected: false });
  });

  it('has a digest of its own for every difference', () => {
    const one = ground({}) as Exclude<ReturnType<typeof findGround>, { readonly why: string }>;
    const others = [
      { ...one, tracked: true },
      { ...one, unexpected: false },
      { ...one, facts: { ...FACTS, local: [{ low: 1, high: 2 }] } },
      { ...one, facts: { ...FACTS, devices: [{ name: 'eth0', sources: [], forwards: false }] } },
    ];
    expect(groundDigest(one)).toMatch(/^[0-9a-f]{32}$/);
    expect(groundDigest({ ...one })).toBe(groundDigest(one));
    expect(new Set([one, ...others].map(groundDigest)).size).toBe(5);
  });

  it('is told about where early verdicts were asked for', () => {
    const one = ground({}) as Exclude<ReturnType<typeof findGround>, { readonly why: string }>;
    expect(earlyNotes(undefined, undefined)).toEqual([]);
    expect(earlyNotes({ why: 'so' }, undefined)).toEqual(['no early verdicts, because so']);
    expect(earlyNotes(one, undefined)).toEqual(['no early verdicts: before netfilter, no drop is certain']);
    expect(earlyNotes(one, one)).toEqual([]);
    expect(earlyNotes(one, one, 'so')).toEqual(['early verdicts wait, because so']);
  });
});
