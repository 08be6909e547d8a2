// `-j SYNPROXY`: completes the TCP handshake in the server's place. Kernel: net/netfilter/xt_SYNPROXY.c.

import type { TargetExtension } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { uint32 } from '../values/integer.ts';

/** The TCP options that the server behind offers. */
export interface SynproxyData {
  readonly sackPermitted: boolean;
  readonly timestamp: boolean;
  readonly windowScale?: number;
  readonly segmentSize?: number;
  readonly ecn: boolean;
}

export const synproxy: TargetExtension<SynproxyData> = {
  kind: 'target',
  name: 'SYNPROXY',
  about: 'completes the TCP handshake before the server hears of it',
  options: [
    { name: '--sack-perm', values: [], about: 'the server permits selective acknowledgements' },
    { name: '--timestamp', values: [], about: 'the server uses timestamps' },
    { name: '--wscale', values: [uint32], about: "the server's window scale" },
    { name: '--mss', values: [uint32], about: "the server's maximum segment size" },
    { name: '--ecn', values: [], about: 'the server uses Explicit Congestion Notification' },
  ],
  protocols: [6],
  chains: ['INPUT', 'FORWARD'],
  build(options) {
    const windowScale = firstValue<number>(options, '--wscale');
    const segmentSize = firstValue<number>(options, '--mss');
    return {
      sackPermitted: isGiven(options, '--sack-perm'),
      timestamp: isGiven(options, '--timestamp'),
      // The kernel's fields have 8 and 16 bits, and iptables lets go of the others.
      ...(windowScale !== undefined && { windowScale: windowScale & 0xff }),
      ...(segmentSize !== undefined && { segmentSize: segmentSize & 0xffff }),
      ecn: isGiven(options, '--ecn'),
    };
  },
  print: (data) => wordsOf(data, '--'),
  /** With the blank that iptables leaves behind each word. */
  list: (data) => ['SYNPROXY', ...wordsOf(data, ''), ''].join(' '),
};

function wordsOf(data: SynproxyData, dashes: string): string[] {
  const words: string[] = [];
  if (data.sackPermitted) words.push(`${dashes}sack-perm`);
  if (data.timestamp) words.push(`${dashes}timestamp`);
  if (data.windowScale !== undefined) words.push(`${dashes}wscale`, `${data.windowScale}`);
  if (data.segmentSize !== undefined) words.push(`${dashes}mss`, `${data.segmentSize}`);
  if (data.ecn) words.push(`${dashes}ecn`);
  return words;
}
