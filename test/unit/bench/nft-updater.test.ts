import { expect, test } from 'vitest';
import { nftRule } from '../../bench/nft-updater.ts';
import { ANY_ADDRESS, ANY_PORT } from '../../bench/rule-shape.ts';

const PLAIN = { source: ANY_ADDRESS, destination: ANY_ADDRESS, sport: ANY_PORT, dport: ANY_PORT } as const;

test.each([
  [{ ...PLAIN, verdict: 'DROP' } as const, 'counter drop'],
  [
    { ...PLAIN, source: { value: 0x0a000000, length: 8 }, protocol: 'icmp', verdict: 'ACCEPT' } as const,
    'ip saddr 10.0.0.0/8 ip protocol icmp counter accept',
  ],
  [
    {
      ...PLAIN,
      destination: { value: 1, length: 32 },
      protocol: 'tcp',
      sport: { low: 1, high: 9 },
      verdict: 'DROP',
    } as const,
    'ip daddr 0.0.0.1/32 tcp sport 1-9 counter drop',
  ],
  [
    { ...PLAIN, protocol: 'udp', sport: { low: 5, high: 5 }, dport: { low: 53, high: 53 }, verdict: 'DROP' } as const,
    'udp sport 5 udp dport 53 counter drop',
  ],
  [{ ...PLAIN, protocol: 47, verdict: 'DROP' } as const, 'ip protocol 47 counter drop'],
])('%j as nft reads it', (rule, text) => {
  expect(nftRule(rule)).toBe(text);
});
