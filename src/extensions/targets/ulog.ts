// `-j ULOG`: the logging over netlink that NFLOG replaced. The kernel gave it up in 3.17.

import type { TargetExtension } from '../extension.ts';
import { quoteText } from '../quote.ts';
import { firstValue } from '../uses.ts';
import { integer, uint64 } from '../values/integer.ts';
import { logPrefix } from '../values/log-prefix.ts';

export interface UlogData {
  /** 1–32. */
  readonly group: number;
  /** Empty for none. */
  readonly prefix: string;
  /** Bytes of the packet to copy; 0 for all. */
  readonly copyRange: number;
  /** Packets to queue before the program is told, 1–50. */
  readonly threshold: number;
}

/** What the structure keeps of a prefix, in bytes (include/uapi/linux/netfilter_ipv4/ipt_ULOG.h, less the final zero). */
const PREFIX_LIMIT = 31;

export const ulog: TargetExtension<UlogData> = {
  kind: 'target',
  name: 'ULOG',
  families: ['ipv4'],
  about: 'known for its options only: kernels since 3.17 have no such target',
  options: [
    { name: '--ulog-nlgroup', values: [integer(32, 1)], about: 'netlink group of the program; 1 if not given' },
    {
      name: '--ulog-prefix',
      values: [logPrefix(PREFIX_LIMIT, '--ulog-prefix')],
      about: 'text in front, up to 31 bytes',
    },
    { name: '--ulog-cprange', values: [uint64], about: 'bytes of the packet to hand over' },
    { name: '--ulog-qthreshold', values: [integer(50, 1)], about: 'packets to queue before the program is told' },
  ],
  build: (options) => ({
    group: firstValue<number>(options, '--ulog-nlgroup') ?? 1,
    prefix: firstValue<string>(options, '--ulog-prefix') ?? '',
    copyRange: Number(BigInt.asUintN(32, firstValue<bigint>(options, '--ulog-cprange') ?? 0n)),
    threshold: firstValue<number>(options, '--ulog-qthreshold') ?? 1,
  }),
  check: () => 'the kernel has no target ULOG since 3.17; NFLOG took its place',
  print({ group, prefix, copyRange, threshold }) {
    const words = prefix === '' ? [] : ['--ulog-prefix', quoteText(prefix)];
    if (group !== 1) words.push('--ulog-nlgroup', `${group}`);
    if (copyRange !== 0) words.push('--ulog-cprange', `${copyRange}`);
    if (threshold !== 1) words.push('--ulog-qthreshold', `${threshold}`);
    return words;
  },
  list({ group, prefix, copyRange, threshold }) {
    const shown = prefix === '' ? '' : ` prefix "${prefix}"`;
    return `ULOG copy_range ${copyRange} nlgroup ${group}${shown} queue_threshold ${threshold}`;
  },
};
