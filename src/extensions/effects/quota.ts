// `-m quota`: matches until so many bytes have come. Kernel: net/netfilter/xt_quota.c.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { uint64 } from '../values/integer.ts';

export interface QuotaData {
  readonly bytes: bigint;
  readonly negated: boolean;
}

export const quota: MatchExtension<QuotaData> = {
  kind: 'match',
  name: 'quota',
  about: 'matches until so many bytes have come',
  options: [{ name: '--quota', values: [uint64], negatable: true, required: true, about: 'the number of bytes' }],
  build: ([use]) => ({ bytes: use!.values[0] as bigint, negated: use!.negated }),
  print: ({ bytes, negated }) => negatable(negated, '--quota', `${bytes}`),
  list: ({ bytes }) => `quota: ${bytes} bytes`,
};
