import { describe, expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
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

  it('is there beside NAT whose rules are known', () => {
    const facts: EarlyFacts = { ...FACTS, nat: { legacy: 1, nftables: 0, hasNftables: false, kept: [[]] } };
    const hooks = { ...NOBODY, PREROUTING: [...TRACKING, hook(-100)] };
    const seen = { called: [hook(-100)], bytes: 800, seesLegacy: true, seesNftables: true };
    const found = findGround(hooks, facts, seen);
    expect(found).toEqual({ facts, tracked: true, unexpected: true });
    if ('why' in found) throw new Error('there is ground');
    expect(earlyNotes(found, found)).toEqual(['packets that rules of NAT may change are left to netfilter']);
    expect(findGround(hooks, facts, { ...seen, called: [] })).toEqual({ why: 'the rules of NAT are not all known' });
    expect(findGround(hooks, facts)).toHaveProperty('why');
    expect(findGround(hooks, FACTS, seen)).toHaveProperty('why');
    expect(findGround({ ...hooks, OUTPUT: [hook(0, 1)] }, facts, seen)).toEqual({
      why: 'connections may be expected, which NAT changes',
    });
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
