// `-j NFLOG`: hands the packet to a logging program over netlink. Kernel: net/netfilter/xt_NFLOG.c.

import type { TargetExtension } from '../extension.ts';
import { quoteText } from '../quote.ts';
import { firstValue } from '../uses.ts';
import { uint16, uint32 } from '../values/integer.ts';
import { logPrefix } from '../values/log-prefix.ts';

export interface NflogData {
  readonly group: number;
  /** Empty for none. */
  readonly prefix: string;
  /** Bytes of the packet to copy; absent for all. */
  readonly size?: number;
  /** `--nflog-range`, which iptables keeps and the kernel never looks at. */
  readonly range: number;
  /** Packets to queue before the program is told. */
  readonly threshold: number;
}

/** What the kernel keeps of a prefix, in bytes (include/uapi/linux/netfilter/xt_NFLOG.h, less the final zero). */
const PREFIX_LIMIT = 63;

export const nflog: TargetExtension<NflogData> = {
  kind: 'target',
  name: 'NFLOG',
  about: 'hands the packet to a logging program and goes on',
  options: [
    { name: '--nflog-group', values: [uint16], about: 'netlink group of the program' },
    { name: '--nflog-prefix', values: [logPrefix(PREFIX_LIMIT)], about: 'text in front, up to 63 bytes' },
    { name: '--nflog-range', values: [uint32], excludes: ['--nflog-size'], about: 'has no effect' },
    { name: '--nflog-size', values: [uint32], excludes: ['--nflog-range'], about: 'bytes of the packet to hand over' },
    { name: '--nflog-threshold', values: [uint16], about: 'packets to queue before the program is told' },
  ],
  build(options) {
    const size = firstValue<number>(options, '--nflog-size');
    return {
      group: firstValue<number>(options, '--nflog-group') ?? 0,
      prefix: firstValue<string>(options, '--nflog-prefix') ?? '',
      ...(size !== undefined && { size }),
      range: firstValue<number>(options, '--nflog-range') ?? 0,
      threshold: firstValue<number>(options, '--nflog-threshold') ?? 0,
    };
  },
  print: (data) => wordsOf(data, '--'),
  list: (data) => wordsOf(data, '').join(' '),
};

function wordsOf({ group, prefix, size, range, threshold }: NflogData, dashes: string): string[] {
  const words: string[] = [];
  if (prefix !== '') words.push(`${dashes}nflog-prefix`, quoteText(prefix));
  if (group !== 0) words.push(`${dashes}nflog-group`, `${group}`);
  if (size !== undefined) words.push(`${dashes}nflog-size`, `${size}`);
  else if (range !== 0) words.push(`${dashes}nflog-range`, `${range}`);
  if (threshold !== 0) words.push(`${dashes}nflog-threshold`, `${threshold}`);
  return words;
}
