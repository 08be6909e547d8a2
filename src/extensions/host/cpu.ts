// `-m cpu`: the processor that handles a packet.

import type { MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { uint32 } from '../values/integer.ts';

export interface CpuData {
  readonly cpu: number;
  readonly negated: boolean;
}

export const cpu: MatchExtension<CpuData> = {
  kind: 'match',
  name: 'cpu',
  about: 'the processor that handles the packet',
  options: [{ name: '--cpu', values: [uint32], negatable: true, required: true, about: 'its number' }],
  build(options) {
    const { values, negated } = options[0]!;
    return { cpu: values[0] as number, negated };
  },
  print: ({ cpu, negated }) => negatable(negated, '--cpu', `${cpu}`),
  list: ({ cpu, negated }) => `cpu ${negated ? '! ' : ''}${cpu}`,
};
